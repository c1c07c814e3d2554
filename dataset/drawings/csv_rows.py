"""CSV rows: a drawing as a line with Kaggle's columns, followed by its provenance."""

import json
import re
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from dataset.csv_format import PIXELS, Layout, parse_lines, split_line
from dataset.drawings.log import Drawing, NewDrawing
from dataset.drawings.strokes import unpack_strokes
from model.reading import parse_json, storable

SOURCES = ("drawn", "uploaded", "imported")
ABOUT = ("id", "time", "predicted", "confidence", "model", "session", "held_out", "duplicate_of", "strokes", "source")
# Columns of the first version.
FORMER = ("id", "time", "predicted", "confidence", "model", "session", "source")
KAGGLE = ("label", *(f"pixel{i}" for i in range(PIXELS)))
COLUMNS = (*KAGGLE, *ABOUT)
HEADER = ",".join(COLUMNS)
FORMER_HEADER = ",".join((*KAGGLE, *FORMER))
TEXT_LIMIT = 100  # characters


@dataclass(frozen=True)
class Contents:
    """The content of a file: valid lines, their labels and pixels (n, 785), and damaged lines."""

    lines: list[str]
    values: NDArray[np.uint8]
    damaged: list[str]

    def provenance(self, place: int) -> dict[str, str]:
        """The provenance of a row; empty texts for columns that an earlier version lacks."""
        texts = split_line(self.lines[place])[1 + PIXELS :]
        names = ABOUT if len(texts) == len(ABOUT) else FORMER
        return dict.fromkeys(ABOUT, "") | dict(zip(names, texts, strict=True))


def read_rows(data: bytes) -> Contents:
    """Parse any bytes without raising: lines that are no rows count as damaged."""
    lines = [line.rstrip("\r") for line in decode(data.removeprefix(b"\xef\xbb\xbf")).split("\n")]
    headed = tuple(split_line(lines[0])) in (COLUMNS, (*KAGGLE, *FORMER))
    # A row ends with a newline. Without it, a row is complete only if its last field is.
    last = lines.pop()
    incomplete = [last] if last.rpartition(",")[2] not in SOURCES else []
    lines = [line for line in [*lines[headed:], *([] if incomplete else [last])] if line.strip()]
    former = [
        len(line.split(",") if '"' not in line else split_line(line)) == len(KAGGLE) + len(FORMER) for line in lines
    ]
    values = np.empty((len(lines), 1 + PIXELS), np.uint8)
    good = np.zeros(len(lines), bool)
    for is_former, about in ((False, ABOUT), (True, FORMER)):
        indices = [place for place, found in enumerate(former) if found == is_former]
        layout = Layout(1 + PIXELS + len(about), 0, tuple(range(1, 1 + PIXELS)), header=True)
        parsed, wrong = parse_lines([lines[place] for place in indices], layout)
        bad = {place for place, _, _ in wrong}
        whole = [place for number, place in enumerate(indices) if number not in bad]
        values[whole], good[whole] = parsed, True
    rows = [line for line, fine in zip(lines, good, strict=True) if fine]
    damaged = [line for line, fine in zip(lines, good, strict=True) if not fine]
    return Contents(rows, values[good], damaged + [line for line in incomplete if line])


def new_drawing(contents: Contents, place: int, *, restore: Callable[[str], str] = str) -> NewDrawing:
    """A row as a drawing that can be stored, with its provenance.

    `restore` undoes a change that an export made to texts.
    """
    texts, values = contents.provenance(place), contents.values[place]
    about = {name: clean_text(restore(value)) for name, value in texts.items()}
    try:
        strokes = unpack_strokes(texts["strokes"])
        about["strokes"] = strokes and json.dumps(parse_json(strokes))
    except ValueError:
        about["strokes"] = ""
    if about["held_out"] not in ("0", "1"):
        about["held_out"] = ""
    return NewDrawing(image=values[1:].reshape(28, 28), label=int(values[0]), **about)


def row(drawing: Drawing, image: bytes) -> str:
    """The line of a drawing."""
    return f"{drawing.label},{row_after_label(drawing, image)}"


def row_after_label(drawing: Drawing, image: bytes) -> str:
    """The line of a drawing without its label, the only field that can change."""
    pairs = memoryview(image).cast("H")
    return "".join(map(_pair_texts().__getitem__, pairs)) + ",".join([getattr(drawing, name) for name in ABOUT])


@cache
def _pair_texts() -> list[str]:
    """The text of two pixels by their bytes as one number: half as many look-ups as pixels."""
    texts = [f"{value}," for value in range(256)]
    pairs = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2).tolist()
    return [texts[first] + texts[second] for first, second in pairs]


def checksum(drawing: Drawing, image: bytes) -> int:
    """CRC-32 of the line of a drawing without its label."""
    return zlib.crc32(encode(row_after_label(drawing, image)))


def clean_text(value: object) -> str:
    """Text on one line without commas or quotes, at most 100 characters.

    A byte that is not UTF-8 is written as its number: a page cannot show it.
    """
    return storable(re.sub(r'[\s,"\x00-\x1f\x7f]+', " ", str(value)).strip()[:TEXT_LIMIT])


def decode(data: bytes) -> str:
    """Any bytes as text. `encode` gives the same bytes, so that damaged lines stay unchanged."""
    return data.decode("utf-8", errors="surrogateescape")


def encode(line: str) -> bytes:
    """The bytes of a line, the inverse of `decode`."""
    return line.encode("utf-8", errors="surrogateescape")


def encode_lines(lines: Iterable[str]) -> bytes:
    """The bytes of lines, each with its newline."""
    return encode("".join(f"{line}\n" for line in lines))
