"""Pens: 7,494 digits that 30 people wrote with a real pen, drawn as the canvas of the Draw page would show them."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from model import center_ink

REFERENCE_DATA = Path(os.environ.get("DIGITS_REFERENCE_DATA") or Path(__file__).parents[2] / "shared" / "data")
PEN_DRAWINGS = REFERENCE_DATA / "pen-drawings" / "pendigits_orig_train.npz"
"""UCI Pen-Based Recognition of Handwritten Digits (Alpaydin and Alimoglu 1998), CC BY 4.0; not part of the project."""

CANVAS = 280  # pixels, the side of the canvas
LONGER_SIDE = 200  # pixels that the middle of the strokes extends over, as a person fills the canvas
WIDTHS = (12, 20, 28)  # pixels, of a stroke
FINER = 4  # drawn so many times finer and then averaged: smooth edges, as a browser draws them


@dataclass(frozen=True)
class Pens:
    """Digits as strokes: strokes[i] is a list of arrays (points, 2), x to the right and y down."""

    strokes: list[list[np.ndarray]]
    labels: np.ndarray
    writers: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def load_pens(path: Path = PEN_DRAWINGS) -> Pens:
    """Every digit with its writer, in the order of the file."""
    with np.load(path) as file:
        strokes = np.split(file["pts"], np.cumsum(file["stroke_len"])[:-1])
        counts = file["n_strokes"]
        digits = [strokes[end - count : end] for count, end in zip(counts, np.cumsum(counts), strict=True)]
        return Pens(digits, file["labels"], file["writer"])


def render(strokes: list[np.ndarray], width: float, longer_side: float = LONGER_SIDE) -> np.ndarray:
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


def pen_images(pens: Pens, width: float) -> np.ndarray:
    """All the digits as a network sees them: uint8 (digits, 28, 28)."""
    return np.stack([center_ink(render(strokes, width)) for strokes in pens.strokes])
