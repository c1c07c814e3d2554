"""Home: where drawings live, and what any such place can do."""

import os
from contextlib import AbstractContextManager
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from dataset.digits import DataError
from dataset.drawings.csv_store import CsvStore
from dataset.drawings.log import Log

EXAMPLES = "postgresql://user:password@host/database or sqlite:///drawings.db"


class Store(Protocol):
    """A home of drawings: it keeps the entries of their log, for many programs at once."""

    name: str  # for sentences
    damaged: int  # rows that the last reading found so

    @property
    def aside(self) -> Path | None:
        """The file that damaged rows are in."""

    def reading(self) -> AbstractContextManager[Log]:
        """The log, up to date; no other thread changes it meanwhile."""

    def writing(self) -> AbstractContextManager[Log]:
        """The same, and no other program writes meanwhile."""

    def write(self, *lines: str) -> None:
        """The next entries of the log, inside `writing`: they are there for good when that ends."""

    def lines(self) -> list[str]:
        """All entries as they are written."""

    def close(self) -> None:
        """Let go of whatever is open; the next use opens it again."""


def drawings_file() -> Path:
    """DIGITS_DRAWINGS, or drawings.csv in the folder `dataset`."""
    path = os.environ.get("DIGITS_DRAWINGS")
    return Path(path).expanduser() if path else Path(__file__).parents[1] / "drawings.csv"


def store() -> Store:
    """Where drawings live: the database that DIGITS_DATABASE names, or else the file."""
    address = os.environ.get("DIGITS_DATABASE")
    if address and "://" not in address:
        raise DataError(f"DIGITS_DATABASE is no address of a database. Write it like {EXAMPLES}.")
    return open_store(address or str(drawings_file()))


@lru_cache(maxsize=8)
def open_store(place: str) -> Store:
    """A store by the address of its database or the path of its CSV file."""
    if "://" in place:
        from dataset.drawings.sql_store import SqlStore  # SQLAlchemy is slow to import

        return SqlStore(place)
    return CsvStore(Path(place))
