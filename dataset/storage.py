"""Storage: the interface of a file or database with a log that many programs use at once."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar

from dataset.digits import DataError

EXAMPLES = "postgresql://user:password@host/database or sqlite:///drawings.db"


class Entry(Protocol):
    """One entry of a log. Its version names the state of the log after it."""

    @property
    def number(self) -> int:
        """Its position in the log, from 1."""

    @property
    def version(self) -> str:
        """The name of the state of the log after this entry."""


class EntryLog(Protocol):
    """Entries in the order in which they were written, and the state that follows from them."""

    @property
    def entries(self) -> Sequence[Entry]:
        """All entries, oldest first."""

    @property
    def version(self) -> str:
        """The name of the present state."""

    def append(self, line: str, /) -> Entry:
        """Parse the next entry and apply it. Raises ValueError for a line that is no entry."""


AnyLog = TypeVar("AnyLog", bound=EntryLog)
AnyLog_co = TypeVar("AnyLog_co", bound=EntryLog, covariant=True)


class Storage(Protocol[AnyLog_co]):
    """A storage of one log."""

    name: str  # a path or an address without its password, for messages

    def reading(self) -> AbstractContextManager[AnyLog_co]:
        """The log, up to date. No other thread changes it inside the block."""

    def writing(self) -> AbstractContextManager[AnyLog_co]:
        """The log, up to date. No other thread or program writes inside the block."""

    def write(self, *lines: str) -> None:
        """Append entries, inside a `writing` block. They are permanent when the block ends."""

    def lines(self) -> list[str]:
        """All entries as they are written."""

    def close(self) -> None:
        """Close all connections. The next use opens them again."""


def storage_address(file: Path) -> str:
    """The address of the database that DIGITS_DATABASE names, or else the path of the file."""
    address = os.environ.get("DIGITS_DATABASE")
    if address and "://" not in address:
        raise DataError(f"DIGITS_DATABASE is not an address of a database. Write it like {EXAMPLES}.")
    return address or str(file)
