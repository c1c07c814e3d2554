"""The state of the Draw page: the sheets, the last stored drawing and the fine-tuning."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dashboard.session import PageState, Value, state

Pixels: TypeAlias = NDArray[np.uint8]
Strokes: TypeAlias = dict[str, Any]  # JSON of the canvas, with a list "objects" of one item a stroke
DRAW, UPLOAD = "Draw", "Upload an image"  # the ways to enter a digit


@dataclass(frozen=True)
class Sheet:
    """A sheet of paper with a drawing or an uploaded image. Clear and saving take a new one."""

    number: int = 0
    start: Strokes | None = None  # strokes that the browser draws on the canvas at first
    strokes: Strokes | None = None
    pixels: Pixels | None = None  # (height, width) or (height, width, 4)
    is_upload: bool = False
    asks_digit: bool = False  # after "Incorrect"
    problem: str = ""  # why there are no pixels

    def is_same(self, other: "Sheet") -> bool:
        """Whether both are the same sheet of paper, perhaps with other strokes."""
        return (self.number, self.is_upload) == (other.number, other.is_upload)


@dataclass(frozen=True)
class Saved:
    """The result of the last click that stored a drawing or took one back."""

    sentence: str
    id: str = ""  # of the drawing that can be taken back
    kind: str = "done"  # or "failed" or "refused"


class DrawState(PageState):
    """The values of the Draw page; the address carries `lesson`."""

    sheets = Value[dict[str, Sheet]](dict)  # one for each way to enter a digit
    saved = Value[Saved | None](lambda: None)
    lesson = Value[str](str)  # id of the fine-tuning that runs or waits for a decision

    @property
    def sheet(self) -> Sheet:
        """The sheet of the way that the person has chosen."""
        way = state.widget("way", DRAW)
        return self.sheets.get(way, Sheet(is_upload=way == UPLOAD))

    @sheet.setter
    def sheet(self, sheet: Sheet) -> None:
        self.sheets[UPLOAD if sheet.is_upload else DRAW] = sheet

    def take_new_sheet(self) -> None:
        """Replace the sheet by an empty one of the same way."""
        self.sheet = Sheet(self.sheet.number + 1, is_upload=self.sheet.is_upload)


page_state = DrawState()
