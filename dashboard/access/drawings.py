"""Permitted, drawings: whatever changes drawings or labels, each only for who may; else it raises a Refusal."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.access.decision import Action, drawing, is_reviewed, require
from dataset import corrections
from dataset.drawings import editing, exchange
from dataset.drawings.log import Change


def append_drawing(image: NDArray[np.uint8], label: int, **about: Any) -> str:
    """Anybody's, within limits; where there is a review, it waits for that."""
    with drawing():
        return editing.append_drawing(image, label, state="waiting" if is_reviewed() else "kept", **about)


def edit_drawings(ids: list[str] | tuple[str, ...], **to: Any) -> Change | None:
    require(Action.EDIT)
    return editing.edit_drawings(ids, **to)


def undo_change(number: int) -> Change | None:
    require(Action.EDIT)
    return editing.undo_change(number)


def return_to(version: str) -> Change | None:
    require(Action.EDIT)
    return editing.return_to(version)


def import_drawings(path: Path) -> int:
    require(Action.IMPORT)
    return exchange.import_drawings(path)


def import_corrections(path: Path) -> int:
    require(Action.LABELS)
    return corrections.import_corrections(path)


def correct_label(image: str, verdict: str, **about: Any) -> Any:
    require(Action.LABELS)
    return corrections.correct_label(image, verdict, **about)
