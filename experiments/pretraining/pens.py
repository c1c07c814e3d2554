"""Pens: 7,494 digits that 30 people wrote with a real pen, drawn as the canvas of the Draw page would show them."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from model import center_ink
from model.arrays import Bytes

REFERENCE_DATA = Path(os.environ.get("DIGITS_REFERENCE_DATA") or Path(__file__).parents[3] / "shared" / "data")
PEN_DRAWINGS = REFERENCE_DATA / "pen-drawings" / "pendigits_orig_train.npz"
"""UCI Pen-Based Recognition of Handwritten Digits (Alpaydin and Alimoglu 1998), CC BY 4.0; not part of the project."""

HELD_OUT = tuple(range(3, 31, 3))
"""Writers on whom results are reported; nothing is ever trained on them or chosen by them."""
VALIDATION = (1, 7, 13, 19, 25)
"""Writers by whom things are chosen. All others are trained on."""

CANVAS = 280  # pixels, the side of the canvas
LONGER_SIDE = 200  # pixels that the middle of the strokes extends over, as a person fills the canvas
WIDTHS = (12, 20, 28)  # pixels, of a stroke
FINER = 4  # drawn so many times finer and then averaged: smooth edges, as a browser draws them


Strokes: TypeAlias = list[npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Pens:
    """Digits as strokes: strokes[i] is a list of arrays (points, 2), x to the right and y down."""

    strokes: list[Strokes]
    labels: Bytes
    writers: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.labels)

    def by(self, writers: Collection[int]) -> "Pens":
        """The digits of these writers."""
        rows = np.flatnonzero(np.isin(self.writers, list(writers)))
        return Pens([self.strokes[row] for row in rows], self.labels[rows], self.writers[rows])

    @property
    def development(self) -> "Pens":
        """The digits of all writers but those held out."""
        return self.by({*self.writers.tolist()} - {*HELD_OUT})


def load_pens(path: Path = PEN_DRAWINGS) -> Pens:
    """Every digit with its writer, in the order of the file."""
    with np.load(path) as file:
        strokes = np.split(file["pts"], np.cumsum(file["stroke_len"])[:-1])
        counts = file["n_strokes"]
        digits = [strokes[end - count : end] for count, end in zip(counts, np.cumsum(counts), strict=True)]
        return Pens(digits, file["labels"].astype(np.uint8), file["writer"])


def render(strokes: Strokes, width: float, longer_side: float = LONGER_SIDE) -> Bytes:
    """Strokes amid the canvas (280, 280), round at ends and joins, the pen lifted between them: uint8, ink 255 on 0."""
    points = np.concatenate(strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = longer_side / max(*(high - low), 1)
    canvas = Image.new("L", (CANVAS * FINER, CANVAS * FINER))
    pen = ImageDraw.Draw(canvas)
    radius = width * FINER / 2
    for stroke in strokes:
        path = ((stroke - (low + high) / 2) * scale + CANVAS / 2) * FINER
        pen.line([tuple(point) for point in path.tolist()], fill=255, width=round(2 * radius))
        for x, y in path.tolist():
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(canvas.reduce(FINER))


def pen_images(pens: Pens, width: float) -> Bytes:
    """All the digits as a network sees them: uint8 (digits, 28, 28)."""
    return np.stack([center_ink(render(strokes, width)) for strokes in pens.strokes])
