"""Storage of drawings: in a file or a database, and whether it outlasts a restart of the server."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from dataset.digits import DataError
from dataset.drawings.csv_storage import CsvStorage
from dataset.drawings.log import Log
from dataset.files import path_of
from dataset.storage import Storage, storage_address

COMMUNITY_CLOUD = Path("/mount/src")  # where Streamlit Community Cloud puts a project


class DrawingStorage(Storage[Log], Protocol):
    """A storage of the log of drawings."""

    damaged: int  # rows that the last reading found damaged

    def rewrite(self, change: Callable[[str], str]) -> None:
        """Replace each entry by what `change` makes of it, inside a `writing` block."""

    @property
    def damaged_file(self) -> Path | None:
        """The file to which damaged rows are moved; None in a database, which has none."""


def drawings_file() -> Path:
    """The file that DIGITS_DRAWINGS names, or drawings.csv in the folder `dataset`."""
    path = os.environ.get("DIGITS_DRAWINGS")
    return path_of(path) if path else Path(__file__).parents[1] / "drawings.csv"


def drawing_storage() -> DrawingStorage:
    """The database that DIGITS_DATABASE names, or else the file of drawings."""
    return open_storage(storage_address(drawings_file()))


@lru_cache(maxsize=8)
def open_storage(place: str) -> DrawingStorage:
    """The storage at the address of a database or the path of a CSV file."""
    if "://" in place:
        from dataset.sql_storage import SqlStorage  # SQLAlchemy is slow to import

        return SqlStorage(place, "drawing_log", Log)
    path = Path(place)
    if path.suffix == ".log" or path.name == "label_corrections.csv":  # names of files beside it
        raise DataError(f"{path} cannot be a file of drawings: its name is reserved. Choose a name like mine.csv.")
    return CsvStorage(path)


def drawings_last() -> bool:
    """Whether stored drawings survive a restart of the server.

    False on a host that keeps no files, unless DIGITS_DATABASE names a database elsewhere. Known
    hosts are Streamlit Community Cloud and Hugging Face Spaces, which sets SPACE_ID. DIGITS_DISK
    declares any other host: `forgets` or `lasts`.
    """
    database = os.environ.get("DIGITS_DATABASE", "")
    if database and not database.startswith("sqlite"):
        return True
    disk = os.environ.get("DIGITS_DISK")
    if disk in ("forgets", "lasts"):
        return disk == "lasts"
    return COMMUNITY_CLOUD not in Path(__file__).resolve().parents and "SPACE_ID" not in os.environ
