"""Stores: what keeps the entries of a log for many programs at once, in a file or in a database."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from dataset.digits import DataError

EXAMPLES = "postgresql://user:password@host/database or sqlite:///drawings.db"


class Entry(Protocol):
    """What was put down at once; its version names all entries so far."""

    @property
    def number(self) -> int: ...

    @property
    def version(self) -> str: ...


class EntryLog(Protocol):
    """Entries in their order, and what comes of them."""

    @property
    def entries(self) -> Sequence[Entry]: ...

    @property
    def version(self) -> str: ...

    def add(self, line: str, /) -> Entry:
        """Take in the next entry; a line that is none raises ValueError."""


AnyLog = TypeVar("AnyLog", bound=EntryLog)
AnyLog_co = TypeVar("AnyLog_co", bound=EntryLog, covariant=True)


class Store(Protocol[AnyLog_co]):
    """A home of a log."""

    name: str  # for sentences

    def reading(self) -> AbstractContextManager[AnyLog_co]:
        """The log, up to date; no other thread changes it meanwhile."""

    def writing(self) -> AbstractContextManager[AnyLog_co]:
        """The same, and no other program writes meanwhile."""

    def write(self, *lines: str) -> None:
        """The next entries of the log, inside `writing`: they are there for good when that ends."""

    def lines(self) -> list[str]:
        """All entries as they are written."""

    def close(self) -> None:
        """Let go of whatever is open; the next use opens it again."""


def place_of(file: Path) -> str:
    """Where things live: the address of the database that DIGITS_DATABASE names, or else the path of the file."""
    address = os.environ.get("DIGITS_DATABASE")
    if address and "://" not in address:
        raise DataError(f"DIGITS_DATABASE is no address of a database. Write it like {EXAMPLES}.")
    return address or str(file)
