"""Drawing: what a person drew, and what a classifier read in it."""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model import BlankDrawing, Classifier, ink_stages
from model.preprocessing import Stage

Pixels = NDArray[np.uint8]
DRAW, UPLOAD = "Draw", "Upload an image"  # the ways to hand in a digit
DRAW_HINT = "Draw a digit from 0 to 9. Where the network reads it wrong, correct it, and it can learn from you."
UPLOAD_HINT = "Upload a picture of one digit, and the network reads it."

UPLOADED_BLANK = "There is no digit on this picture, or it is too faint or too small. Upload another one."


@dataclass(frozen=True)
class Sheet:
    """A sheet of paper. It survives page switches; clearing and saving take a new one."""

    number: int = 0
    start: dict[str, Any] | None = None  # the strokes that the browser put on the canvas by itself
    strokes: dict[str, Any] | None = None
    pixels: Pixels | None = None
    uploaded: bool = False
    asking: bool = False  # which digit it was, after "Incorrect"
    problem: str = ""  # why there are no pixels

    def is_same(self, other: "Sheet") -> bool:
        """Whether both are the same sheet of paper, whatever was drawn on it in between."""
        return (self.number, self.uploaded) == (other.number, other.uploaded)


@dataclass(frozen=True)
class Reading:
    """An answer together with exactly what was asked: this is what a correction stores."""

    sheet: Sheet
    stages: list[Stage]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    model: str  # the fingerprint of its weights
    known: bool = True  # whether the drawing looks like one of the classes at all

    @property
    def strokes(self) -> str:
        """The strokes of the canvas as JSON, so that another preprocessing can begin with them; none of an upload."""
        return json.dumps(self.sheet.strokes) if self.sheet.strokes else ""

    @property
    def image(self) -> Pixels:
        """The 28x28 that the network saw."""
        return self.stages[-2].image

    @property
    def ranking(self) -> NDArray[np.int64]:
        """The classes from the most to the least probable."""
        return np.argsort(-self.probabilities, kind="stable")

    @property
    def predicted(self) -> int:
        return int(self.ranking[0])

    @property
    def confidence(self) -> float:
        return float(self.probabilities[self.predicted])


@dataclass(frozen=True)
class Saved:
    """What the last click on the page did to the file of drawings."""

    sentence: str
    id: str = ""  # of the row that can still be undone
    failed: bool = False
    refused: bool = False


def read(sheet: Sheet, classifier: Classifier) -> Reading | str:
    """What the classifier reads, or the sentence that says why there is nothing to read."""
    if sheet.pixels is None:
        return sheet.problem or (UPLOAD_HINT if sheet.uploaded else DRAW_HINT)
    try:
        stages = ink_stages(sheet.pixels)
    except BlankDrawing as error:
        return UPLOADED_BLANK if sheet.uploaded else str(error)
    probabilities = classifier.predict_proba(stages[-2].image[None])
    known = bool(classifier.knows(probabilities)[0])
    return Reading(sheet, stages, probabilities[0], classifier.classes, classifier.fingerprint, known)
