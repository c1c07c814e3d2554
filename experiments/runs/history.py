"""History: the table of a run's reported steps in history.csv.

No other module reads or writes that file.
"""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from dataset.files import atomic_write
from model.reading import MOST_BYTES, read_bytes

if TYPE_CHECKING:
    import pandas as pd


class Row(NamedTuple):
    """A reported step: a line of the file. None: not measured."""

    step: int
    epoch: float
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    gradient_norm: float | None
    images_per_second: float | None
    seconds: float


HISTORY_COLUMNS = Row._fields
HEADER = ",".join(HISTORY_COLUMNS) + "\n"
HIGHEST_STEP = 1e15  # numbers below it are exact

Numbers: TypeAlias = list[float]
"""A row as numbers, in the order of the columns."""


class Validation(NamedTuple):
    """A row with a validation: after how many epochs, and its results."""

    epoch: float
    loss: float
    accuracy: float


def history_file(folder: Path) -> Path:
    """The history of the run in this folder."""
    return folder / "history.csv"


def read_rows(data: bytes) -> Iterator[tuple[int, Numbers]]:
    """(number of the line, numbers) of each row, from 0; NaN where nothing was measured.

    Lines that are no rows are left out: the names of the columns, and damaged or incomplete lines.
    So are rows whose step is not above those before, which a resumed run has written once more.
    """
    latest = -1.0
    for number, line in enumerate(data[: data.rfind(b"\n") + 1].split(b"\n")):
        cells = line.split(b",")
        if len(cells) != len(HISTORY_COLUMNS):
            continue
        try:
            numbers = [float(cell) if cell else math.nan for cell in cells]
        except ValueError:
            continue
        if latest < numbers[0] < HIGHEST_STEP and numbers[0].is_integer():
            latest = numbers[0]
            yield number, numbers


def read_table(folder: Path) -> pd.DataFrame:
    """One row per reported step. Raises OSError, and DamagedError for far too many bytes."""
    import pandas as pd

    rows = [numbers for _, numbers in read_rows(_read_file(folder))]
    table = pd.DataFrame(np.array(rows, float).reshape(-1, len(HISTORY_COLUMNS)), columns=list(HISTORY_COLUMNS))
    return table.astype({"step": int})


def append_row(folder: Path, row: Sequence[float | None]) -> None:
    """Append a row, before the first one the names of the columns."""
    line = ",".join("" if value is None or math.isnan(value) else f"{value:.9g}" for value in row) + "\n"
    with history_file(folder).open("a") as file:
        file.write(line if file.tell() else HEADER + line)


def sync_rows(folder: Path) -> None:
    """Wait until all rows are on the disk."""
    with contextlib.suppress(FileNotFoundError), history_file(folder).open("rb+") as file:
        os.fsync(file.fileno())


def cut_rows(folder: Path, step: int) -> None:
    """Remove the rows after a step, which the run will write again, and all damaged lines."""
    data = _read_file(folder)
    lines = data.split(b"\n")
    kept = [HEADER.encode()[:-1], *(lines[number] for number, numbers in read_rows(data) if numbers[0] <= step), b""]
    if data and kept != lines:
        with atomic_write(history_file(folder)) as file:
            file.write(b"\n".join(kept))


def _read_file(folder: Path) -> bytes:
    try:
        return read_bytes(history_file(folder))
    except FileNotFoundError:
        return b""


class ValidationReader:
    """Reads the validations that a run has written since the last call."""

    def __init__(self, folder: Path) -> None:
        self._path = history_file(folder)
        self._read = 0  # bytes

    def new(self) -> Iterator[Validation]:
        """Those not yet returned.

        After a resume at a checkpoint, which cuts the history, some may come once more.
        """
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._read:
                    self._read = 0
                file.seek(self._read)
                data = file.read(MOST_BYTES)
        except FileNotFoundError:
            return
        self._read += data.rfind(b"\n") + 1
        for _, numbers in read_rows(data):
            validation = Validation(*(numbers[column] for column in (1, 5, 6)))
            if not any(map(math.isnan, validation)):
                yield validation


def best_validation(folder: Path) -> Validation | None:
    """The validation with the lowest loss, the first of equals; None where there is none."""
    try:
        return min(ValidationReader(folder).new(), key=lambda validation: validation.loss, default=None)
    except OSError:
        return None
