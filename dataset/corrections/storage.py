"""Storage of label corrections: a file beside the drawings, or their database; import, export."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import RLock

from dataset.corrections.log import (
    HEADER,
    CorrectionLog,
    Corrections,
    decode_line,
    encode_line,
    first_fault,
    split_fields,
)
from dataset.csv_format import LONGEST_LINE, Problem
from dataset.digits import DataError
from dataset.drawings.log import timestamp
from dataset.drawings.storage import drawings_file
from dataset.files import Stamp, append, locked, open_data, open_raw, path_of, stamp
from dataset.storage import Storage, storage_address

CORRECTIONS = "label_corrections.csv"  # also the name of an export
NEWEST = "newest"  # the present version, when it is loaded
BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # spreadsheets write it first


class CorrectionsFile:
    """label_corrections.csv, a log of lines.

    Damaged lines stay, because a version depends on all lines.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        self.log = CorrectionLog()
        self._thread = RLock()
        self._stamp: Stamp = None
        self._incomplete = b""  # the last line, where it has no newline

    @contextmanager
    def reading(self) -> Iterator[CorrectionLog]:
        """The log, up to date with the file."""
        with self._thread:
            self._read_file()
            yield self.log

    @contextmanager
    def writing(self) -> Iterator[CorrectionLog]:
        """The log, up to date. No other program writes inside the block."""
        with self._thread, locked(self.path):
            self._read_file()
            yield self.log

    def write(self, *lines: str) -> None:
        """Append lines; they are on the disk when this returns."""
        append(self.path, (b"\n" if self._incomplete else b"") + b"".join(map(encode_line, lines)))
        for line in [decode_line(self._incomplete), *lines] if self._incomplete else lines:
            self.log.append(line)
        self._incomplete, self._stamp = b"", stamp(self.path)

    def lines(self) -> list[str]:
        """All lines as they are written."""
        with self.reading() as log:
            return [line.text for line in log.entries]

    def close(self) -> None:
        """Do nothing: no file stays open between two uses."""

    def _read_file(self) -> None:
        now = stamp(self.path)
        if now == self._stamp:
            return
        data = b""
        if now is not None:
            with open_raw(self.path) as file:
                data = file.read()
        self.log = CorrectionLog()
        *lines, self._incomplete = data.split(b"\n")  # counts as a line once another one follows
        for line in lines:
            self.log.append(decode_line(line))
        self._stamp = now


def correction_storage() -> Storage[CorrectionLog]:
    """The database that DIGITS_DATABASE names, or else the file beside the drawings."""
    return open_storage(storage_address(corrections_file()))


def corrections_file() -> Path:
    """The file of corrections, in the folder of the drawings."""
    return drawings_file().with_name(CORRECTIONS)


@lru_cache(maxsize=8)
def open_storage(place: str) -> Storage[CorrectionLog]:
    """The storage at the address of a database or the path of a file."""
    if "://" in place:
        from dataset.sql_storage import SqlStorage  # SQLAlchemy is slow to import

        return SqlStorage(place, "label_corrections", CorrectionLog)
    return CorrectionsFile(Path(place))


def correct_label(image: str, verdict: str, *, given: int, label: int, session: str = "") -> None:
    """Store a correction of the image with this hash; it is permanent when this returns.

    `given` is the label that the image came with. Raises DataError for invalid values.
    """
    fields = [timestamp(), image, str(given), verdict, str(label), session]
    if fault := first_fault(fields):
        raise DataError(f"A label correction needs {fault[0]}, got {fault[1]}.")
    storage = correction_storage()
    with storage.writing() as log:
        storage.write(*([] if log.entries else [HEADER]), ",".join(fields))


def load_corrections(version: str = NEWEST) -> Corrections:
    """The corrections of a version, NEWEST by default; none for an empty name. Raises DataError."""
    if not version:
        return Corrections()
    storage = correction_storage()
    with storage.reading() as log:
        found = _corrections(log, log.version if version == NEWEST else version)
    if found is None:
        raise DataError(
            f"{storage.name} does not hold the corrected labels {version}. Restore them (digits data import, "
            "digits data move), or train on the original labels."
        )
    return found


@lru_cache(maxsize=8)
def _corrections(log: CorrectionLog, version: str) -> Corrections | None:
    then = log if version == log.version else log.at(version)
    return then.corrections() if then else None


def export_corrections() -> bytes:
    """All valid lines that were ever stored, as a CSV file."""
    lines = [line for line in correction_storage().lines() if first_fault(split_fields(line)) is None]
    return b"".join(map(encode_line, [HEADER, *lines]))


def is_corrections(path: str | Path) -> bool:
    """Whether this is a file of corrections, judged by its first line."""
    with open_data(path_of(path)) as file:
        return _read_line(file.readline(LONGEST_LINE)) == HEADER


def import_corrections(path: str | Path) -> int:
    """Store the new corrections of a file, all of them or none; -> number of new lines.

    If the storage has a later correction of the same image, it stays valid. Raises DataError.
    """
    path = path_of(path)
    with open_data(path) as file:
        lines = [_read_line(line) for line in file]
    if lines[:1] != [HEADER]:
        raise DataError(str(Problem(path.name, 1, HEADER, repr(lines[0][:40]) if lines else "an empty file")))
    for number, line in enumerate(lines[1:], start=2):
        if line and (fault := first_fault(split_fields(line))):
            raise DataError(str(Problem(path.name, number, *fault)))
        if line and not line[0].isdecimal():  # a spreadsheet would run =... as a formula
            raise DataError(str(Problem(path.name, number, "a time that begins with its year", repr(line[:20]))))
    storage = correction_storage()
    with storage.writing() as log:
        present = Counter(line.text for line in log.entries)
        latest = {fields[1]: fields[0] for fields in map(split_fields, present) if first_fault(fields) is None}
        new_lines = []
        for line in filter(None, lines[1:]):
            time, image, *_ = split_fields(line)
            if present[line]:
                present[line] -= 1
            elif time >= latest.get(image, ""):
                new_lines.append(line)
        if new_lines:
            storage.write(*([] if log.entries else [HEADER]), *new_lines)
    return len(new_lines)


def _read_line(data: bytes) -> str:
    return decode_line(data.removeprefix(BYTE_ORDER_MARK)).rstrip("\r\n")
