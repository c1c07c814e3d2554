"""Drawings: what people drew and said it was; nothing that was once stored is ever lost."""

import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dataset.digits import DIGIT_CLASSES, DataError, Digits
from dataset.drawings.csv_store import CsvStore
from dataset.drawings.log import STATES, Change, Log, NewDrawing, unpack
from dataset.drawings.storing import check, prepare

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Drawings",
    "NewDrawing",
    "append_drawing",
    "append_drawings",
    "count_by_digit",
    "drawings_file",
    "drawings_history",
    "drawings_version",
    "edit_drawings",
    "load_drawings",
    "open_store",
    "return_to",
    "store",
    "undo_change",
    "undo_drawing",
]

EXAMPLES = "postgresql://user:password@host/database or sqlite:///drawings.db"
ACTIONS = {"kept": "restored", "waiting": "sent to review", "set aside": "set aside", "deleted": "deleted"}


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

    @property
    def kept(self) -> Digits:
        """All that counts: not those that wait, are set aside or deleted."""
        return self.digits[self.state == "kept"]

    @property
    def training(self) -> Digits:
        """What may be trained on."""
        return self.digits[(self.state == "kept") & ~self.is_held_out]

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


def append_drawing(
    image: NDArray[np.uint8],
    label: int,
    *,
    predicted: int,
    confidence: float,
    model: str,
    session: str,
    source: str = "drawn",
    strokes: str = "",
    state: str = "kept",
) -> str:
    """Store one drawing, for good when this returns; -> its id. `strokes` is the canvas as JSON."""
    new = NewDrawing(
        image=image,
        label=label,
        predicted=predicted,
        confidence=float(confidence),
        model=model,
        session=session,
        source=source,
        strokes=strokes,
        state=state,
    )
    return append_drawings([new])[0]


def append_drawings(news: Sequence[NewDrawing], action: str = "stored") -> list[str]:
    """Store many at once; -> their ids. Those whose id is there already are left out."""
    for new in news:
        check(new)
    home = store()
    with home.writing() as log:
        stored = prepare(log, [new for new in news if not new.id or new.id not in log.drawings])
        if stored:
            home.write(log.next(action, stored=stored))
    return [drawing.id for drawing, _ in stored]


def edit_drawings(ids: Iterable[str], *, label: int | None = None, state: str | None = None) -> Change | None:
    """Say which digit they are, keep them, set them aside or delete them; -> the change, None if there was none."""
    if label is not None and label not in range(10):
        raise DataError(f"A drawing's label must be 0 to 9, got {label!r}.")
    if state is not None and state not in STATES:
        raise DataError(f"A drawing is {', '.join(STATES)}, got {state!r}.")
    wanted: dict[str, Any] = {"label": label, "state": state}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    home = store()
    with home.writing() as log:
        changes = {}
        for identity in ids:
            drawing = log.drawings.get(identity)
            values = {name: value for name, value in wanted.items() if drawing and getattr(drawing, name) != value}
            if values:
                changes[identity] = values
        if not changes:
            return None
        action = ACTIONS[state] if state else f"relabelled as {label}"
        home.write(log.next(action, changes=changes))
        return log.entries[-1]


def undo_change(number: int | None = None) -> Change | None:
    """Take a change back, else the last that was not; -> what that did, None where there is nothing to take back.

    Drawings that were changed again since stay as they are.
    """
    home = store()
    with home.writing() as log:
        gone = {entry.took_back for entry in log.entries}
        open_ = [e for e in log.entries if e.took_back is None and e.number not in gone]
        entry = next((e for e in reversed(open_) if number in (None, e.number)), None)
        if entry is None:
            return None
        place = log.entries.index(entry)
        before = log.at(log.entries[place - 1].version) if place else {}
        after = log.at(entry.version)
        changes = {}
        for identity in entry.ids:
            then, now = after.get(identity), log.drawings.get(identity)
            if then and now and (then.label, then.state) == (now.label, now.state):
                was = before.get(identity)
                changes[identity] = {"label": was.label, "state": was.state} if was else {"state": "deleted"}
        if not changes:
            return None
        home.write(log.next(f"took back: {entry.action}", changes=changes, took_back=entry.number))
        return log.entries[-1]


def return_to(version: str) -> Change | None:
    """Make everything as it was then, with what was stored since deleted; -> the change, None if nothing differed."""
    home = store()
    with home.writing() as log:
        then, changes = log.at(version), {}
        for identity, now in log.drawings.items():
            was = then.get(identity)
            wanted = {"label": was.label, "state": was.state} if was else {"state": "deleted"}
            values = {name: value for name, value in wanted.items() if getattr(now, name) != value}
            if values:
                changes[identity] = values
        if not changes:
            return None
        home.write(log.next(f"returned to version {version}", changes=changes))
        return log.entries[-1]


def undo_drawing(identity: str) -> bool:
    """Delete one drawing; False if there is no such one."""
    with store().reading() as log:
        drawing = log.drawings.get(identity)
    if drawing is None or drawing.state == "deleted":
        return False
    return edit_drawings([identity], state="deleted") is not None


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
