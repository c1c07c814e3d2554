"""Snapshot: the files that hold all drawings and label corrections with their history.

They are the same for every storage: from a database they are what `digits data move` would write
into a CSV file.
"""

from __future__ import annotations

from pathlib import Path

from dataset.corrections import storage as corrections
from dataset.corrections.log import decode_line, encode_line
from dataset.corrections.storage import CORRECTIONS, CorrectionsFile
from dataset.digits import DataError
from dataset.drawings import storage as drawings
from dataset.drawings.csv_rows import decode, encode_lines
from dataset.drawings.csv_storage import CsvStorage
from dataset.drawings.log import Log
from dataset.files import atomic_write, is_there, locked

DRAWINGS, LOG = "drawings.csv", "drawings.log"
DAMAGED_ROWS, DAMAGED_ENTRIES = "drawings.damaged.csv", "drawings.damaged.log"
NAMES = (DRAWINGS, LOG, DAMAGED_ROWS, DAMAGED_ENTRIES, CORRECTIONS)


def read_snapshot() -> dict[str, bytes]:
    """The files by their names, each log at one moment, between two entries of other programs."""
    files: dict[str, bytes] = {}
    storage = drawings.drawing_storage()
    if isinstance(storage, CsvStorage):
        with storage.writing():
            places = _places()
            places.pop(CORRECTIONS)
            files |= {name: path.read_bytes() for name, path in places.items() if is_there(path)}
    elif lines := storage.lines():
        files[LOG] = encode_lines(lines)
    corrected = corrections.correction_storage()
    if isinstance(corrected, CorrectionsFile):
        with corrected.writing():
            files |= {CORRECTIONS: corrected.path.read_bytes()} if is_there(corrected.path) else {}
    elif lines := corrected.lines():
        files[CORRECTIONS] = b"".join(map(encode_line, lines))
    return files


def check_snapshot(files: dict[str, bytes]) -> int:
    """Read the log of drawings; -> how many there are. Raises DataError for one that is damaged."""
    if unknown := sorted(files.keys() - set(NAMES)):
        raise DataError(f"{unknown[0]!r} is no file of drawings; expected {', '.join(NAMES)}.")
    if DRAWINGS in files and LOG not in files:
        raise DataError(f"{DRAWINGS} has no {LOG} beside it.")
    log = Log()
    for number, line in enumerate(_drawing_lines(files), start=1):
        try:
            log.append(line)
        except ValueError as error:
            raise DataError(f"{LOG} line {number}: {error}.") from error
    return len(log.drawings)


def require_empty() -> None:
    """Raise DataError if drawings or label corrections are stored already."""
    storage, corrected = drawings.drawing_storage(), corrections.correction_storage()
    stored = [str(path) for path in _places().values() if is_there(path) and path.stat().st_size]
    if not stored and not isinstance(storage, CsvStorage):
        with storage.reading() as log, corrected.reading() as judged:
            stored = [storage.name] if log.entries or judged.entries else []
    if stored:
        raise DataError(
            f"{stored[0]} holds data already, and nothing is overwritten. Set DIGITS_DRAWINGS or DIGITS_DATABASE to "
            "an empty place."
        )


def write_snapshot(files: dict[str, bytes]) -> None:
    """Store the files in the present storage, which must be empty. Raises DataError."""
    storage, corrected = drawings.drawing_storage(), corrections.correction_storage()
    places = _places()
    if isinstance(storage, CsvStorage) and DRAWINGS in files:
        names = [DRAWINGS, LOG]
    else:
        names = []
        if lines := _drawing_lines(files):
            with storage.writing():
                storage.write(*lines)
    for name in (*names, *({DAMAGED_ROWS, DAMAGED_ENTRIES} & files.keys())):
        with locked(places[DRAWINGS]), atomic_write(places[name]) as file:
            file.write(files[name])
    if isinstance(corrected, CorrectionsFile) and CORRECTIONS in files:
        with locked(corrected.path), atomic_write(corrected.path) as file:
            file.write(files[CORRECTIONS])
    elif lines := _correction_lines(files):
        with corrected.writing():
            corrected.write(*lines)


def _places() -> dict[str, Path]:
    """Where each file is, if drawings are stored in files."""
    path = drawings.drawings_file()
    suffixes = {LOG: ".log", DAMAGED_ROWS: ".damaged.csv", DAMAGED_ENTRIES: ".damaged.log"}
    beside = {name: path.with_suffix(suffix) for name, suffix in suffixes.items()}
    return {DRAWINGS: path, **beside, CORRECTIONS: corrections.corrections_file()}


def _drawing_lines(files: dict[str, bytes]) -> list[str]:
    return [line for line in decode(files.get(LOG, b"")).split("\n") if line]


def _correction_lines(files: dict[str, bytes]) -> list[str]:
    lines = files.get(CORRECTIONS, b"").split(b"\n")
    return [decode_line(line) for line in (lines if lines[-1] else lines[:-1])]
