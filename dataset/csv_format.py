"""Kaggle's CSV format, `label,pixel0..pixel783` in each line, read strictly in bounded memory."""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.digits import UNLABELLED, DataError
from dataset.files import CHUNK, open_data

PIXELS = 784
LONGEST_LINE = 64 * 1024  # bytes; 785 values need 4 KB. Other files may have no line ends at all.
MOST_LINES = 100_000  # in a chunk of a megabyte, which holds at most 669 digits
LABEL_NAMES = {"label", "labels", "class", "digit", "target", "y"}


@dataclass(frozen=True)
class Problem:
    """A fault in a CSV file: the line, what was expected and what was found."""

    file: str
    line: int
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line}: expected {self.expected}, got {self.found}."


@dataclass(frozen=True)
class Layout:
    """The columns of a line that hold the label (-1: none) and the pixels, in image order."""

    columns: int
    label: int
    pixels: tuple[int, ...]
    header: bool

    @property
    def wanted(self) -> tuple[int, ...]:
        """All columns that are read: the label, if any, then the pixels."""
        return self.pixels if self.label < 0 else (self.label, *self.pixels)

    @property
    def trailing(self) -> int:
        """The number of columns after the last wanted one."""
        return self.columns - 1 - max(self.wanted)


PLAIN = Layout(1 + PIXELS, 0, tuple(range(1, 1 + PIXELS)), header=False)
PLAIN_UNLABELLED = Layout(PIXELS, -1, tuple(range(PIXELS)), header=False)
LABEL_LAST = Layout(1 + PIXELS, PIXELS, tuple(range(PIXELS)), header=False)


def read_csv(path: Path, layout: Layout | None = None) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (n, 28, 28) and labels (n,) of a CSV file. Raises DataError with the first problem.

    Without a layout, the first line tells it.
    """
    with open_data(path) as file:
        size = sum(len(chunk) for chunk in iter(lambda: file.read(CHUNK), b""))
    most = (size + 1) // (2 * PIXELS)  # a row has at least two characters for each pixel
    images = np.empty((most, PIXELS), np.uint8)
    labels = np.empty(most, np.uint8)
    rows = 0
    for part in _scan(path, layout):
        if isinstance(part, Problem):
            raise DataError(str(part))
        labels[rows : rows + len(part)] = part[:, 0]
        images[rows : rows + len(part)] = part[:, 1:]
        rows += len(part)
    return images[:rows].reshape(rows, 28, 28), labels[:rows]


def check_csv(path: str | Path, limit: int = 20) -> list[Problem]:
    """The first `limit` problems of a CSV file; an empty list if it is valid."""
    problems: list[Problem] = []
    for part in _scan(Path(path)):
        if isinstance(part, Problem):
            problems.append(part)
            if len(problems) == limit:
                break
    return problems


def _scan(path: Path, layout: Layout | None = None) -> Iterator[NDArray[np.uint8] | Problem]:
    """Blocks of valid rows (n, 785), and the problems between them.

    The label comes first in a row; it is 255 if unknown.
    """
    rows = 0
    seen_first, seen_last = np.zeros(256, bool), np.zeros(256, bool)
    for number, lines, lacks_newline in _blocks(path):
        if layout is None:
            first = next((index for index, line in enumerate(lines) if line.strip()), None)
            if first is None:
                continue
            found_layout = detect_layout(path.name, number + first, split_line(lines[first]))
            if isinstance(found_layout, Problem):
                yield found_layout
                return
            layout = found_layout
            if layout.header:
                lines[first] = ""
        values, wrong = parse_lines(lines, layout)
        for index, expected, found in wrong:
            is_incomplete = lacks_newline and index == len(lines) - 1
            ending = " and no end of line: the file was cut off here" if is_incomplete else ""
            yield Problem(path.name, number + index, expected, found + ending)
        rows += len(values) + len(wrong)
        seen_first[values[:, 0]] = seen_last[values[:, -1]] = True
        yield values
    if rows == 0:
        found = "an empty file" if layout is None else "a header line alone"
        yield Problem(path.name, 1, "a line for each digit: its label, then 784 pixel values", found)
    elif layout == PLAIN and seen_first.sum() == 1 and seen_last.sum() >= 3 and not seen_last[10:].any():
        # The first column is always 0, like the corner pixel of an image; the last one has labels.
        found = "labels that seem to be in the last column: put a line with the column names above the rows"
        yield Problem(path.name, 1, "the label in the first column", found)


def _blocks(path: Path) -> Iterator[tuple[int, list[str], bool]]:
    """Blocks of about 1 MB: number of the first line, lines, whether the last lacks a newline."""
    number, rest = 1, b""
    with open_data(path) as file:
        while chunk := file.read(CHUNK):
            if number == 1 and not rest and chunk[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise DataError(f"{path.name}: expected a CSV file in UTF-8, got UTF-16. Save it as CSV UTF-8.")
            whole, newline, rest = (rest + chunk).rpartition(b"\n")
            if len(rest) > LONGEST_LINE or b"\0" in chunk or chunk.count(b"\n") > MOST_LINES:
                raise DataError(f"{path.name}: expected a CSV file of digits, got something else (no lines of digits).")
            if newline:
                lines = _decode(whole, number)
                yield number, lines, False
                number += len(lines)
    if rest.strip(b"\r\n \t\x1a"):
        yield number, _decode(rest, number), True


def _decode(text: bytes, number: int) -> list[str]:
    if number == 1:
        text = text.removeprefix(b"\xef\xbb\xbf")
    return text.decode("utf-8", errors="replace").split("\n")


def split_line(line: str) -> list[str]:
    """The fields of one line.

    A comma inside quotes becomes an apostrophe, so that the fields can be joined again.
    """
    line = line.rstrip("\r")
    if '"' not in line:
        return line.split(",")
    try:
        return [field.replace(",", "'") for field in next(csv.reader([line]))]
    except csv.Error:
        return line.split(",")


def detect_layout(file: str, number: int, fields: list[str]) -> Layout | Problem:
    """The layout of a file, from its first line.

    A header gives it by column names, another line by its number of columns.
    """
    names = [field.strip().lower() for field in fields]
    counted = names[1:] == [str(column) for column in range(len(names) - 1)] or names == [
        str(column) for column in range(len(names))
    ]
    label_columns = [column for column, name in enumerate(names) if name in LABEL_NAMES]
    text = sum(not is_number(name) for name in names)
    if not (label_columns or counted or text > len(names) / 2):
        return PLAIN_UNLABELLED if len(fields) == PIXELS else PLAIN
    if counted and len(names) == 1 + PIXELS and names[0] == "0":
        return Layout(1 + PIXELS, 0, PLAIN.pixels, header=True)  # pandas numbered the columns
    expected = "columns named label and pixel0 to pixel783"
    if len(label_columns) > 1:
        return Problem(file, number, expected, f"{len(label_columns)} label columns")
    pixels = _pixel_columns(names)
    missing = sorted(set(range(PIXELS)) - set(pixels))
    if missing or len(pixels) != PIXELS:
        found = f"no column pixel{missing[0]}" if pixels and missing else f"{len(pixels)} pixel columns"
        return Problem(file, number, expected, _separator(fields[0]) or found)
    return Layout(
        len(names), label_columns[0] if label_columns else -1, tuple(pixels[i] for i in range(PIXELS)), header=True
    )


def _pixel_columns(names: list[str]) -> dict[int, int]:
    """Pixel number -> column, by names like pixel0 (or from pixel1 on), px_12, 12, or 28x28."""
    best: dict[int, int] = {}
    squares = {
        (int(m[1]) - 1) * 28 + int(m[2]) - 1: i for i, n in enumerate(names) if (m := re.fullmatch(r"(\d+)x(\d+)", n))
    }
    groups: dict[str, dict[int, int]] = {"": squares} if squares else {}
    for column, name in enumerate(names):
        if match := re.fullmatch(r"(\D*?)(\d{1,3})", name):
            groups.setdefault(match[1], {})[int(match[2])] = column
    for group in groups.values():
        if len(group) > len(best):
            best = group
    if 0 not in best and PIXELS in best:
        best = {number - 1: column for number, column in best.items()}
    return best


def parse_lines(lines: list[str], layout: Layout) -> tuple[NDArray[np.uint8], list[tuple[int, str, str]]]:
    """The valid rows (n, 785), and the faulty lines.

    A faulty line is (its index, what was expected, what was found).
    """
    wrong: list[tuple[int, str, str]] = []
    good: list[str] = []
    indices: list[int] = []
    for index, text in enumerate(lines):
        line = ",".join(split_line(text)) if '"' in text else text
        count = line.count(",") + 1
        if count == layout.columns:
            good.append(line.rsplit(",", layout.trailing)[0])
            indices.append(index)
        elif line.strip():  # empty lines are ignored
            wrong.append((index, f"{layout.columns} values", _separator(line) or str(count)))
    values = _parse(good, layout)
    if values is None:  # at least one line is faulty: parse each by itself
        parsed = []
        for index, line in zip(indices, good, strict=True):
            row = _parse([line], layout)
            if row is None:
                wrong.append((index, *_first_fault(line, layout)))
            else:
                parsed.append(row)
        values = np.concatenate(parsed) if parsed else np.empty((0, 1 + PIXELS), np.uint8)
    return values, sorted(wrong)


def _parse(lines: list[str], layout: Layout) -> NDArray[np.uint8] | None:
    """The lines as rows of label and pixels; None if any value is invalid."""
    if not lines:
        return np.empty((0, 1 + PIXELS), np.uint8)
    # Accept 12.0 as 12: spreadsheets and pandas write it if a column once had an empty cell.
    decimal = any(sign in line for line in lines for sign in ".eE")
    try:
        numbers: NDArray[Any] = np.loadtxt(
            lines,
            delimiter=",",
            dtype=np.float64 if decimal else np.uint8,
            usecols=None if layout.wanted == tuple(range(len(layout.wanted))) else layout.wanted,
            comments=None,
            ndmin=2,
        )
    except ValueError:
        return None
    if decimal and (numbers.min() < 0 or numbers.max() > 255 or (numbers % 1).any()):
        return None
    values = numbers.astype(np.uint8, copy=False)
    if layout.label < 0:
        return np.insert(values, 0, UNLABELLED, axis=1)
    return values if (values[:, 0] <= 9).all() else None


def _first_fault(line: str, layout: Layout) -> tuple[str, str]:
    fields = line.rstrip("\r").split(",")
    for index, column in enumerate(layout.wanted):
        field = fields[column].strip()
        is_label = layout.label >= 0 and index == 0
        top = 9 if is_label else 255
        if not is_number(field) or not 0 <= float(field) <= top or float(field) % 1:
            what = "a label" if is_label else "a whole number"
            name = "the label" if is_label else f"pixel{index - (layout.label >= 0)}"
            found = repr(field[:20]) if field else "nothing"
            return f"{what} from 0 to {top} in column {column + 1} ({name})", found
    return "a row of numbers", repr(line[:20])


def is_number(field: str) -> bool:
    """Whether a cell holds a number."""
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", field.strip(), re.ASCII) is not None


def _separator(line: str) -> str:
    if "," in line:
        return ""
    for sign, name in ((";", "semicolons"), ("\t", "tabs"), (" ", "spaces")):
        if line.count(sign) >= PIXELS - 1:
            return f"values separated by {name}: save it with commas"
    return ""
