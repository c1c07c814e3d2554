"""Loading: the drawings of the present version, or of any before it, and what is known of each."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dataset.digits import DIGIT_CLASSES, DataError, Digits
from dataset.drawings.home import store
from dataset.drawings.log import Change, Log, unpack

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Drawings:
    """Drawings of one version in the order in which they were stored, and what is known of each, as arrays."""

    digits: Digits
    id: NDArray[np.str_]
    time: NDArray[np.str_]
    predicted: NDArray[np.int64]  # -1 where nobody said
    confidence: NDArray[np.float64]  # NaN where nobody said
    model: NDArray[np.str_]
    session: NDArray[np.str_]
    source: NDArray[np.str_]
    state: NDArray[np.str_]
    is_held_out: NDArray[np.bool_]
    duplicate_of: NDArray[np.str_]
    version: str
    damaged: int  # rows that were set aside in this reading
    _strokes: tuple[str, ...]

    def __post_init__(self) -> None:
        for column in vars(self).values():  # all sessions share them
            if isinstance(column, np.ndarray):
                column.flags.writeable = False

    @property
    def kept(self) -> Digits:
        """All that counts: not those that wait, are set aside or deleted."""
        return self.digits[self.state == "kept"]

    @property
    def is_training(self) -> NDArray[np.bool_]:
        """Of each: whether it may be trained on."""
        return np.asarray((self.state == "kept") & ~self.is_held_out)

    @property
    def training(self) -> Digits:
        """What may be trained on."""
        return self.digits[self.is_training]

    @property
    def held_out(self) -> Digits:
        """Every fifth drawing of each digit, never trained on."""
        return self.digits[(self.state == "kept") & self.is_held_out]

    @cached_property
    def strokes(self) -> list[str]:
        """What the canvas held, as JSON; empty where there was none."""
        return [packed and unpack(packed).decode() for packed in self._strokes]

    @cached_property
    def table(self) -> "pd.DataFrame":
        """What is known of each drawing, a row for each."""
        import pandas as pd  # slow to import

        names = ("id", "time", "predicted", "confidence", "model", "session", "source", "state", "is_held_out")
        columns = {"label": self.digits.labels.astype(np.int64)}
        columns |= {name: getattr(self, name) for name in (*names, "duplicate_of")}
        table = pd.DataFrame(columns)
        table["predicted"] = table["predicted"].astype("Int64").where(self.predicted >= 0)
        return table


def drawings_version() -> str:
    """The name of what there is now: it stands for the same drawings for ever."""
    with store().reading() as log:
        return log.version


def drawings_history() -> list[Change]:
    """What was done when, the oldest first."""
    with store().reading() as log:
        return list(log.entries)


def load_drawings(version: str | None = None, *, deleted: bool = False) -> Drawings:
    """The drawings as they are, or were; deleted ones only if asked for."""
    home = store()
    with home.reading() as log:
        drawings = _drawings(log, version or log.version, deleted)
        return replace(drawings, damaged=home.damaged) if home.damaged else drawings


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
    """How many drawings that count there are of each digit, int64 (10,); none where they cannot be read."""
    try:
        with store().reading() as log:
            labels = [drawing.label for drawing in log.drawings.values() if drawing.state == "kept"]
    except DataError:  # load_drawings says why
        labels = []
    return np.bincount(labels, minlength=10) if labels else np.zeros(10, np.int64)
