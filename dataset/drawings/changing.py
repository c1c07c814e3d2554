"""Changing: drawings are stored, relabelled, set aside, deleted and brought back, each time as one entry of the log."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataset.digits import DataError
from dataset.drawings.home import store
from dataset.drawings.log import STATES, Change, NewDrawing
from dataset.drawings.storing import check, prepare

ACTIONS = {"kept": "restored", "waiting": "sent to review", "set aside": "set aside", "deleted": "deleted"}


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
