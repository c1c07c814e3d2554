"""Drawings: what people drew and said it was, one row each in drawings.csv; a row once written is never lost."""

import os
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from errno import ENOSPC
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from dataset.csv_format import LONGEST_LINE, PIXELS, Layout, parse_lines, read_csv, split_line
from dataset.digits import DIGIT_CLASSES, DataError, Digits
from dataset.files import open_data, open_raw, written_whole

if TYPE_CHECKING:
    import pandas as pd

PROVENANCE = ("id", "time", "predicted", "confidence", "model", "session", "source")
COLUMNS = ("label", *(f"pixel{i}" for i in range(PIXELS)), *PROVENANCE)
HEADER = ",".join(COLUMNS)
LAYOUT = Layout(len(COLUMNS), 0, tuple(range(1, 1 + PIXELS)), header=True)
KINDS = ("drawn", "uploaded", "imported")  # how a drawing came in
PATIENCE = 30  # seconds to wait for another program's row


@dataclass(frozen=True)
class Drawings:
    """Every drawing with its label, a row of provenance for each, and how many rows were found damaged."""

    digits: Digits
    table: "pd.DataFrame"
    set_aside: int


def drawings_file() -> Path:
    """DIGITS_DRAWINGS, or drawings.csv beside this module."""
    path = os.environ.get("DIGITS_DRAWINGS")
    return Path(path).expanduser() if path else Path(__file__).with_name("drawings.csv")


def append_drawing(
    image: NDArray[np.uint8],
    label: int,
    *,
    predicted: int,
    confidence: float,
    model: str,
    session: str,
    source: str = "drawn",
) -> str:
    """Add one row, on the disk when this returns; -> its id."""
    if image.dtype != np.uint8 or image.shape != (28, 28):
        raise DataError(f"A drawing must be uint8 (28, 28), got {image.dtype} {image.shape}.")
    if label not in range(10):
        raise DataError(f"A drawing's label must be 0 to 9, got {label!r}.")
    identity = uuid.uuid4().hex
    provenance = (identity, _now(), predicted, f"{confidence:.4f}", model, session, source)
    row = _row(image, int(label), provenance)
    with _locked(drawings_file()) as path:
        _append(path, [row])
    return identity


def load_drawings() -> Drawings:
    """All drawings. Damaged rows are first moved to drawings.damaged.csv; they never raise."""
    path = drawings_file()
    if not path.exists():
        return _drawings(_contents(b""))
    try:
        with _locked(path):
            return _drawings(_repair(path))
    except DataError:  # the folder cannot be written: use what is whole, change nothing
        return _drawings(_read(path))


def undo_drawing(identity: str) -> bool:
    """Move a row to drawings.undone.csv; False if there is no such row."""
    path = drawings_file()
    if not path.exists() or not re.fullmatch("[0-9a-f]{32}", identity):
        return False
    with _locked(path):
        with path.open("rb") as file:
            lines = file.readlines()
        undone = [line for line in lines if identity.encode() in line and _identity(_text(line)) == identity]
        if undone:
            # First the copy, then the removal: between the two the row is there twice, never gone.
            _append(path.with_suffix(".undone.csv"), [_text(line).rstrip() for line in undone])
            with written_whole(path) as whole:
                whole.writelines(line for line in lines if line not in undone)
    return bool(undone)


def count_by_digit() -> NDArray[np.int64]:
    """How many drawings there are of each digit, int64 (10,)."""
    path = drawings_file()
    try:
        status = path.stat()
        return _count(path, status.st_mtime_ns, status.st_size).copy()
    except OSError:
        return np.zeros(10, np.int64)


@lru_cache(maxsize=4)
def _count(path: Path, _mtime: int, _size: int) -> NDArray[np.int64]:
    counts = np.zeros(10, np.int64)
    with path.open("rb") as file:
        for line in file:
            label = line.partition(b",")[0].strip(b' "')
            if len(label) == 1 and label.isdigit() and line.count(b",") == len(COLUMNS) - 1:
                counts[int(label)] += 1
    return counts


def export_drawings(path: str | Path) -> int:
    """Write every drawing to a new CSV file; -> how many."""
    target, source = Path(path).expanduser(), drawings_file()
    if target.exists():
        raise DataError(f"{target} exists already. Choose another name.")
    rows = _read(source).rows if source.exists() else []
    with _writing(target):
        _replace(target, rows)
    return len(rows)


def import_drawings(path: str | Path) -> int:
    """Add the digits of a CSV file, exported here or any with labels, but for those already there; -> how many."""
    path = Path(path).expanduser()
    new = {_identity(row) or row: row for row in _foreign_rows(path)}
    with _locked(drawings_file()) as target:
        known = {_identity(row) for row in _read(target).rows} if target.exists() else set()
        rows = [row for identity, row in new.items() if identity not in known]
        if rows:
            _append(target, rows)
    return len(rows)


@dataclass(frozen=True)
class Contents:
    """What a drawings file holds: whole rows as text, their labels and pixels (n, 785), and lines that are no rows."""

    rows: list[str]
    values: NDArray[np.uint8]
    damaged: list[str]
    headed: bool


def _read(path: Path) -> Contents:
    with open_raw(path) as file:
        return _contents(file.read())


def _contents(data: bytes) -> Contents:
    lines = [line.rstrip("\r") for line in _text(data.removeprefix(b"\xef\xbb\xbf")).split("\n")]
    headed = tuple(split_line(lines[0])) == COLUMNS
    # A row ends with a newline; one that lost it is whole only if even its last word is.
    last = lines.pop()
    torn = [last] if last.rpartition(",")[2] not in KINDS else []
    lines = [line for line in [*lines[headed:], *([] if torn else [last])] if line.strip()]
    values, wrong = parse_lines(lines, LAYOUT)
    bad = {place for place, _, _ in wrong}
    rows = [line for place, line in enumerate(lines) if place not in bad]
    damaged = [line for place, line in enumerate(lines) if place in bad] + [line for line in torn if line]
    return Contents(rows, values, damaged, headed)


def _repair(path: Path) -> Contents:
    """Set aside what is damaged, so that the file holds a header and whole rows only."""
    contents = _read(path)
    if contents.damaged:
        with path.with_suffix(".damaged.csv").open("ab") as file:
            file.write(_bytes(contents.damaged))
            file.flush()
            os.fsync(file.fileno())
    if contents.damaged or not contents.headed:
        _replace(path, contents.rows)
    return contents


def _append(path: Path, rows: list[str]) -> None:
    """All rows with one write, on the disk when this returns."""
    if path.exists() and path.stat().st_size and not _ends_with_newline(path):
        _replace(path, _repair(path).rows)  # what a killed program left unfinished must not swallow the next row
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
    try:
        size = os.fstat(file).st_size
        data = _bytes(rows if size else [HEADER, *rows])
        if os.write(file, data) < len(data):
            os.ftruncate(file, size)
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        os.fsync(file)
    finally:
        os.close(file)


def _replace(path: Path, rows: list[str]) -> None:
    with written_whole(path) as file:
        file.write(_bytes([HEADER, *rows]))


def _bytes(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", errors="surrogateescape")


def _text(data: bytes) -> str:
    """Any bytes at all, so that what is damaged can be set aside as it was."""
    return data.decode("utf-8", errors="surrogateescape")


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _row(image: NDArray[np.uint8], label: int, provenance: tuple[object, ...]) -> str:
    words = (re.sub(r'[\s,"]+', " ", str(word)).strip() for word in provenance)
    return ",".join([str(label), *map(str, image.ravel().tolist()), *words])


def _identity(row: str) -> str:
    return ",".join(split_line(row)[1 + PIXELS : 2 + PIXELS])  # empty for a line that is too short


def _foreign_rows(path: Path) -> list[str]:
    with open_data(path) as file:
        first = file.readline(LONGEST_LINE)
        ours = len(split_line(_text(first))) == len(COLUMNS)
        contents = _contents(first + file.read()) if ours else None
    if contents:
        if contents.damaged:
            raise DataError(
                f"{path.name} has damaged rows: {len(contents.damaged)}. `digits data check {path.name}` lists them."
            )
        return contents.rows
    images, labels = read_csv(path)
    if (labels > 9).any():
        raise DataError(f"{path.name} has no labels. Add a column named label.")
    now = _now()
    rows = []
    for image, label in zip(images, labels, strict=True):
        # the same digit has the same id, so that a file imported twice is there once
        identity = sha256(bytes([label]) + image.tobytes()).hexdigest()[:32]
        rows.append(_row(image, int(label), (identity, now, "", "", path.stem, "", "imported")))
    return rows


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _drawings(contents: Contents) -> Drawings:
    import pandas as pd  # slow to import, and counting or appending needs none of it

    labels, pixels = contents.values[:, 0].copy(), np.ascontiguousarray(contents.values[:, 1:])
    words = [split_line(row)[1 + PIXELS :] for row in contents.rows]
    table = pd.DataFrame(words, columns=list(PROVENANCE), dtype=object)
    table.insert(0, "label", labels.astype(np.int64))
    table["predicted"] = pd.array([int(p) if p in DIGIT_CLASSES else None for p in table["predicted"]], dtype="Int64")
    table["confidence"] = pd.to_numeric(table["confidence"], errors="coerce")
    digits = Digits(pixels.reshape(-1, 28, 28), labels, "drawings")
    return Drawings(digits, table, len(contents.damaged))


@contextmanager
def _locked(path: Path) -> Iterator[Path]:
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=PATIENCE):
            yield path


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except Timeout as error:
        raise DataError(f"{path} is held by another program for {PATIENCE} s. Close it and try again.") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}. Set DIGITS_DRAWINGS to a file that can."
        ) from error
