"""Drawings: what people drew and said it was; nothing that was once stored is ever lost."""

from dataset.drawings.changing import (
    append_drawing,
    append_drawings,
    edit_drawings,
    return_to,
    undo_change,
    undo_drawing,
)
from dataset.drawings.home import drawings_file, open_store, store
from dataset.drawings.loading import Drawings, count_by_digit, drawings_history, drawings_version, load_drawings
from dataset.drawings.log import NewDrawing

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
