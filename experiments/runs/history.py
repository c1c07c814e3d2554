"""History: the table of a run's reported steps in history.csv.

No other module reads or writes that file.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dataset.files import atomic_write

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


class Validation(NamedTuple):
    """A row with a validation: after how many epochs, and its results."""

    epoch: float
    loss: float
    accuracy: float


def history_file(folder: Path) -> Path:
    """The history of the run in this folder."""
    return folder / "history.csv"


def read_table(folder: Path) -> pd.DataFrame:
    """One row per reported step, without a last line that is only half written."""
    import pandas as pd

    try:
        text = history_file(folder).read_text()
    except FileNotFoundError:
        text = ""
    table = pd.read_csv(io.StringIO(text[: text.rfind("\n") + 1] or HEADER), dtype=float)
    return table.astype({"step": int})


def append_row(folder: Path, row: Sequence[float | None]) -> None:
    """Append a row, before the first one the names of the columns."""
    line = ",".join("" if value is None or math.isnan(value) else f"{value:.9g}" for value in row) + "\n"
    with history_file(folder).open("a") as file:
        file.write(line if file.tell() else HEADER + line)


def cut_rows(folder: Path, rows: int) -> None:
    """Remove all but the first rows, which are those that the checkpoint knows of."""
    path = history_file(folder)
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    if len(lines) > rows + 1:
        with atomic_write(path) as file:
            file.write("".join(lines[: rows + 1]).encode())


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
                text = file.read()
        except FileNotFoundError:
            return
        text = text[: text.rfind(b"\n") + 1]
        self._read += len(text)
        for line in text.decode(errors="replace").splitlines():
            cells = line.split(",")
            # The header, rows without a validation, and a row that was cut and has grown again hold
            # no such numbers.
            if len(cells) == len(HISTORY_COLUMNS):
                with contextlib.suppress(ValueError):
                    yield Validation(*(float(cells[column]) for column in (1, 5, 6)))


def best_validation(folder: Path) -> Validation | None:
    """The validation with the lowest loss, the first of equals; None where there is none."""
    try:
        return min(ValidationReader(folder).new(), key=lambda validation: validation.loss, default=None)
    except OSError:
        return None
