"""Home: where corrections live, beside the drawings in a file or in their database."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from threading import RLock

from dataset.corrections.log import CorrectionLog, line_bytes, line_text
from dataset.drawings.home import drawings_file
from dataset.files import Stamp, append, locked, open_raw, stamp
from dataset.store import Store, place_of

CORRECTIONS = "label_corrections.csv"  # also the name of an export


class CorrectionsFile:
    """label_corrections.csv, which grows by lines. A damaged one stays where it is: versions are named after all."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, str(path)
        self.log = CorrectionLog()
        self._thread = RLock()
        self._stamp: Stamp = None
        self._unfinished = b""

    @contextmanager
    def reading(self) -> Iterator[CorrectionLog]:
        with self._thread:
            self._catch_up()
            yield self.log

    @contextmanager
    def writing(self) -> Iterator[CorrectionLog]:
        with self._thread, locked(self.path):
            self._catch_up()
            yield self.log

    def write(self, *lines: str) -> None:
        append(self.path, (b"\n" if self._unfinished else b"") + b"".join(map(line_bytes, lines)))
        for line in [line_text(self._unfinished), *lines] if self._unfinished else lines:
            self.log.add(line)
        self._unfinished, self._stamp = b"", stamp(self.path)

    def lines(self) -> list[str]:
        with self.reading() as log:
            return [line.text for line in log.entries]

    def close(self) -> None:
        """Nothing stays open between two uses."""

    def _catch_up(self) -> None:
        now = stamp(self.path)
        if now == self._stamp:
            return
        data = b""
        if now is not None:
            with open_raw(self.path) as file:
                data = file.read()
        self.log = CorrectionLog()
        *lines, self._unfinished = data.split(b"\n")  # what a crash left is no line until others follow it
        for line in lines:
            self.log.add(line_text(line))
        self._stamp = now


def store() -> Store[CorrectionLog]:
    """Where corrections live: the database that DIGITS_DATABASE names, or else the file."""
    return open_store(place_of(corrections_file()))


def corrections_file() -> Path:
    return drawings_file().with_name(CORRECTIONS)


@lru_cache(maxsize=8)
def open_store(place: str) -> Store[CorrectionLog]:
    """A store by the address of its database or the path of its file."""
    if "://" in place:
        from dataset.sql_store import SqlStore  # SQLAlchemy is slow to import

        return SqlStore(place, "label_corrections", CorrectionLog)
    return CorrectionsFile(Path(place))
