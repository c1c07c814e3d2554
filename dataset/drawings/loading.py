"""Loading: the drawings of the present or an earlier version, with their provenance."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dataset.digits import DIGIT_CLASSES, DataError, Digits
from dataset.drawings.log import Change, Log
from dataset.drawings.storage import drawing_storage
from dataset.drawings.strokes import PackedStrokes

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Drawings:
    """The drawings of one version in the order of storing, and their provenance as arrays."""

    digits: Digits
    id: NDArray[np.str_]
    time: NDArray[np.str_]
    predicted: NDArray[np.int64]  # -1 where not known
    confidence: NDArray[np.float64]  # NaN where not known
    model: NDArray[np.str_]
    session: NDArray[np.str_]
    source: NDArray[np.str_]
    state: NDArray[np.str_]
    is_held_out: NDArray[np.bool_]
    duplicate_of: NDArray[np.str_]
    version: str
    damaged: int  # rows that this reading set aside
    _strokes: tuple[str, ...]

    def __post_init__(self) -> None:
        for column in vars(self).values():  # all sessions share these arrays
            if isinstance(column, np.ndarray):
                column.flags.writeable = False

    @property
    def kept(self) -> Digits:
        """Drawings that are neither waiting for review, set aside nor deleted."""
        return self.digits[self.state == "kept"]

    @property
    def is_training(self) -> NDArray[np.bool_]:
        """For each drawing, whether a network may be trained on it, bool (n,)."""
        return np.asarray((self.state == "kept") & ~self.is_held_out)

    @property
    def training(self) -> Digits:
        """The drawings that a network may be trained on."""
        return self.digits[self.is_training]

    @property
    def held_out(self) -> Digits:
        """Every fifth drawing of each digit, never trained on."""
        return self.digits[(self.state == "kept") & self.is_held_out]

    @property
    def strokes(self) -> Sequence[str]:
        """The canvas strokes of each drawing as JSON; empty for uploads and imports."""
        return PackedStrokes(self._strokes)

    @cached_property
    def table(self) -> "pd.DataFrame":
        """A row for each drawing: label, id, time and the rest of its provenance."""
        import pandas as pd  # slow to import

        names = ("id", "time", "predicted", "confidence", "model", "session", "source", "state", "is_held_out")
        columns = {"label": self.digits.labels.astype(np.int64)}
        columns |= {name: getattr(self, name) for name in (*names, "duplicate_of")}
        table = pd.DataFrame(columns)
        table["predicted"] = table["predicted"].astype("Int64").where(self.predicted >= 0)
        return table


def drawings_version() -> str:
    """The name of the present version. It always denotes the same drawings."""
    with drawing_storage().reading() as log:
        return log.version


def drawings_history() -> list[Change]:
    """All entries of the log, oldest first."""
    with drawing_storage().reading() as log:
        return list(log.entries)


def load_drawings(version: str | None = None, *, deleted: bool = False) -> Drawings:
    """The drawings of a version, by default the present one. Raises DataError if it is unknown."""
    storage = drawing_storage()
    with storage.reading() as log:
        drawings = _drawings(log, version or log.version, deleted)
        return replace(drawings, damaged=storage.damaged) if storage.damaged else drawings


@lru_cache(maxsize=4)
def _drawings(log: Log, version: str, deleted: bool) -> Drawings:
    of_version = log.drawings if version == log.version else log.at(version)
    drawings = [drawing for drawing in of_version.values() if deleted or drawing.state != "deleted"]
    images = log.images[np.array([drawing.row for drawing in drawings], np.intp)].reshape(-1, 28, 28)
    labels = np.array([drawing.label for drawing in drawings], np.uint8)

    def texts(name: str) -> NDArray[np.str_]:
        return np.array([getattr(drawing, name) for drawing in drawings], np.str_)

    return Drawings(
        Digits(images, labels, "drawings"),
        texts("id"),
        texts("time"),
        np.array([int(d.predicted) if d.predicted in DIGIT_CLASSES else -1 for d in drawings], np.int64),
        np.array([_number(drawing.confidence) for drawing in drawings], np.float64),
        texts("model"),
        texts("session"),
        texts("source"),
        texts("state"),
        texts("held_out") == "1",
        texts("duplicate_of"),
        version,
        0,
        tuple(drawing.strokes for drawing in drawings),
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def count_by_digit() -> NDArray[np.int64]:
    """The number of kept drawings of each digit, int64 (10,); zeros where they cannot be read."""
    try:
        with drawing_storage().reading() as log:
            labels = [drawing.label for drawing in log.drawings.values() if drawing.state == "kept"]
    except DataError:  # load_drawings raises it again, with the reason
        labels = []
    return np.bincount(labels, minlength=10) if labels else np.zeros(10, np.int64)
