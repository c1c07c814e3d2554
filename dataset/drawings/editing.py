"""Editing: store, relabel, set aside, delete and restore drawings, with an entry in the log."""

from collections.abc import Iterable, Sequence
from typing import Any

from dataset.digits import DataError
from dataset.drawings.log import STATES, Change, Changes, Drawing, Log, NewDrawing, without_content
from dataset.drawings.preparation import check_drawing, compare, prepare_drawings
from dataset.drawings.storage import DrawingStorage, drawing_storage

MANY = 100  # drawings that are compared with the stored ones before the storage is locked
ACTIONS = {"kept": "restored", "waiting": "sent to review", "set aside": "set aside", "deleted": "deleted"}


def append_drawing(image: Any, label: int, **provenance: Any) -> str:
    """Store one drawing, uint8 (28, 28), permanently; -> its id.

    `provenance`: further fields of NewDrawing. Raises DataError.
    """
    return append_drawings([NewDrawing(image=image, label=label, **provenance)])[0]


def append_drawings(new_drawings: Sequence[NewDrawing], action: str = "stored") -> list[str]:
    """Store drawings as one entry; -> their ids. Drawings with a stored id are left out."""
    for new in new_drawings:
        check_drawing(new)
    storage = drawing_storage()
    comparison = None
    if len(new_drawings) >= MANY:
        with storage.reading() as log:
            snapshot = log.snapshot()
        comparison = compare(snapshot, new_drawings)
    with storage.writing() as log:
        stored = prepare_drawings(log, new_drawings, comparison)
        if stored:
            storage.write(log.next_line(action, stored=stored))
    return [drawing.id for drawing, _ in stored]


def edit_drawings(ids: Iterable[str], *, label: int | None = None, state: str | None = None) -> Change | None:
    """Give drawings a label or a state; -> the entry, None if nothing changed. Raises DataError."""
    if label is not None and label not in range(10):
        raise DataError(f"A drawing's label must be 0 to 9, got {label!r}.")
    if state is not None and state not in STATES:
        raise DataError(f"A drawing is {', '.join(STATES)}, got {state!r}.")
    values = {name: value for name, value in (("label", label), ("state", state)) if value is not None}
    storage = drawing_storage()
    with storage.writing() as log:
        changes = {identity: _differences(log.drawings.get(identity), values) for identity in ids}
        action = ACTIONS[state] if state else f"relabelled as {label}"
        return _write_changes(storage, log, action, changes)


def undo_change(number: int | None = None) -> Change | None:
    """Undo the entry with this number, by default the last one that is not undone.

    -> the new entry, None if nothing changed. Drawings that were changed later are not changed.
    """
    storage = drawing_storage()
    with storage.writing() as log:
        undone = {entry.took_back for entry in log.entries}
        candidates = [e for e in log.entries if e.took_back is None and not e.erases and e.number not in undone]
        entry = next((e for e in reversed(candidates) if number in (None, e.number)), None)
        if entry is None:
            return None
        place = log.entries.index(entry)
        before = log.at(log.entries[place - 1].version) if place else {}
        after = log.at(entry.version)
        changes: Changes = {}
        for identity in entry.ids:
            then, now = after.get(identity), log.drawings.get(identity)
            if then and now and (then.label, then.state) == (now.label, now.state):
                changes[identity] = _label_and_state(before.get(identity))
        return _write_changes(storage, log, f"undone: {entry.action}", changes, took_back=entry.number)


def return_to(version: str) -> Change | None:
    """Restore all labels and states of a version and delete newer drawings.

    -> the entry, None if nothing changed.
    """
    storage = drawing_storage()
    with storage.writing() as log:
        then = log.at(version)
        changes = {
            identity: _differences(now, _label_and_state(then.get(identity))) for identity, now in log.drawings.items()
        }
        return _write_changes(storage, log, f"returned to version {version}", changes)


def undo_drawing(identity: str) -> bool:
    """Delete one drawing; -> whether it was there."""
    with drawing_storage().reading() as log:
        drawing = log.drawings.get(identity)
    if drawing is None or drawing.state == "deleted":
        return False
    return edit_drawings([identity], state="deleted") is not None


def erase_drawings(ids: Iterable[str], reason: str) -> int:
    """Take the content of drawings out of the storage for ever; -> how many there were.

    Pixels, strokes and origin leave the log and the file. An entry with the ids and the reason is
    added, and what an earlier erasure left because it was interrupted is removed too.
    """
    storage = drawing_storage()
    with storage.writing() as log:
        found = [identity for identity in dict.fromkeys(ids) if identity in log.drawings]
        if found:
            storage.write(log.next_line(f"erased: {reason}", erases=found))
            erased = frozenset(log.erased)
            storage.rewrite(lambda line: without_content(line, erased))
    return len(found)


def _label_and_state(drawing: Drawing | None) -> dict[str, Any]:
    """A drawing that did not exist yet counts as deleted."""
    return {"label": drawing.label, "state": drawing.state} if drawing else {"state": "deleted"}


def _differences(drawing: Drawing | None, values: dict[str, Any]) -> dict[str, Any]:
    """The values that the drawing does not have already; none if there is no such drawing."""
    return {name: value for name, value in values.items() if drawing and getattr(drawing, name) != value}


def _write_changes(
    storage: DrawingStorage, log: Log, action: str, changes: Changes, *, took_back: int | None = None
) -> Change | None:
    """Write the changes that are not empty as one entry, inside a `writing` block."""
    changes = {identity: values for identity, values in changes.items() if values}
    if not changes:
        return None
    storage.write(log.next_line(action, changes=changes, took_back=took_back))
    return log.entries[-1]
