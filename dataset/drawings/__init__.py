"""Drawings: digits that people drew and labelled. No stored drawing is ever lost."""

from dataset.drawings.editing import (
    append_drawing,
    append_drawings,
    edit_drawings,
    erase_drawings,
    return_to,
    undo_change,
    undo_drawing,
)
from dataset.drawings.loading import Drawings, count_by_digit, drawings_history, drawings_version, load_drawings
from dataset.drawings.log import NewDrawing
from dataset.drawings.storage import drawing_storage, drawings_file, drawings_last, open_storage

__all__ = [
    "Drawings",
    "NewDrawing",
    "append_drawing",
    "append_drawings",
    "count_by_digit",
    "drawing_storage",
    "drawings_file",
    "drawings_history",
    "drawings_last",
    "drawings_version",
    "edit_drawings",
    "erase_drawings",
    "load_drawings",
    "open_storage",
    "return_to",
    "undo_change",
    "undo_drawing",
]
