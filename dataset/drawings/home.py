"""Home: where drawings live."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from dataset.digits import DataError
from dataset.drawings.csv_store import CsvStore
from dataset.drawings.log import Log
from dataset.files import path_of
from dataset.store import Store, place_of


def drawings_file() -> Path:
    """DIGITS_DRAWINGS, or drawings.csv in the folder `dataset`."""
    path = os.environ.get("DIGITS_DRAWINGS")
    return path_of(path) if path else Path(__file__).parents[1] / "drawings.csv"


class DrawingStore(Store[Log], Protocol):
    """A home of drawings."""

    damaged: int  # rows that the last reading found so

    @property
    def aside(self) -> Path | None:
        """The file that damaged rows are in."""


def store() -> DrawingStore:
    """Where drawings live: the database that DIGITS_DATABASE names, or else the file."""
    return open_store(place_of(drawings_file()))


@lru_cache(maxsize=8)
def open_store(place: str) -> DrawingStore:
    """A store by the address of its database or the path of its CSV file."""
    if "://" in place:
        from dataset.sql_store import SqlStore  # SQLAlchemy is slow to import

        return SqlStore(place, "drawing_log", Log)
    path = Path(place)
    if path.suffix == ".log" or path.name == "label_corrections.csv":  # they lie beside the file
        raise DataError(f"{path} cannot be a file of drawings: it is named like another. Choose a name like mine.csv.")
    return CsvStore(path)
