"""Pen drawings: 7,494 digits that 30 people wrote with a pen, drawn as on the Draw page."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from dataset import DataError
from model import center_ink
from model.arrays import Bytes

HELD_OUT = tuple(range(3, 31, 3))
"""Writers for reporting results. Nothing is trained on them or chosen by them."""
VALIDATION = (1, 7, 13, 19, 25)
"""Writers for validation. All other writers are for training."""

CANVAS = 280  # pixels: the side of the canvas
LONGER_SIDE = 200  # pixels of a digit that fills the canvas
OVERSAMPLING = 4  # drawn 4 times larger, then averaged: smooth edges as in a browser

ARRAYS = ("pts", "stroke_len", "n_strokes", "labels", "writer", "box")

Range: TypeAlias = tuple[float, float]
Strokes: TypeAlias = list[npt.NDArray[Any]]


@dataclass(frozen=True)
class Pens:
    """Digits as strokes: lists of arrays (points, 2) in canvas pixels, x to the right, y down."""

    strokes: list[Strokes]
    labels: Bytes
    writers: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.labels)

    def of_writers(self, writers: Collection[int]) -> "Pens":
        """The digits by these writers."""
        rows = np.flatnonzero(np.isin(self.writers, list(writers)))
        return Pens([self.strokes[row] for row in rows], self.labels[rows], self.writers[rows])

    def turned(self, degrees: float) -> "Pens":
        """The same digits, rotated clockwise."""
        sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
        turn = np.array([[cosine, sine], [-sine, cosine]], np.float32)  # y points down
        return Pens([[stroke @ turn for stroke in digit] for digit in self.strokes], self.labels, self.writers)

    @property
    def training(self) -> "Pens":
        """The digits of the writers for training."""
        return self.of_writers({*self.writers.tolist()} - {*HELD_OUT, *VALIDATION})


class Manner(NamedTuple):
    """Pen width, size and position of a digit on the canvas, in pixels.

    longer_side: that of the digit. None: size and position as written.
    """

    width: float
    longer_side: float | None = LONGER_SIDE
    centre: tuple[float, float] = (CANVAS / 2, CANVAS / 2)


MANNERS = {
    **{f"whole canvas, {width} px": Manner(width) for width in (10, 12, 20, 28, 30)},
    **{f"small (60 px), {width} px": Manner(width, 60) for width in (20, 28)},
    "in a corner (100 px), 20 px": Manner(20, 100, (64, 64)),
    "in the writer's own box, 20 px": Manner(20, None),
}


def load_pens(path: str | Path) -> Pens:
    """All digits of a file with their writers. Raises DataError.

    The file is the original training set of the UCI Pen-Based Recognition of Handwritten Digits
    (Alpaydin and Alimoglu 1998, CC BY 4.0) as .npz: pts (points, 2: x, y down) of all strokes, the
    number of points of each stroke (stroke_len) and of strokes of each digit (n_strokes), labels
    and writer of each digit, and the box of all digits: left, top, side.
    """
    try:
        with Path(path).open("rb") as opened, np.load(opened) as file:
            arrays = {name: file[name] for name in ARRAYS if name in file.files}
    except FileNotFoundError:
        raise DataError(f"There is no file of pen drawings at {path}. Give the path of the .npz file.") from None
    except (BadZipFile, EOFError, OSError, TypeError, ValueError):
        raise DataError(f"{path} is no complete .npz file with the arrays {', '.join(ARRAYS)}. Get it again.") from None
    if lacking := [name for name in ARRAYS if name not in arrays]:
        raise DataError(f"{path} lacks the arrays {', '.join(lacking)}. It must hold {', '.join(ARRAYS)}.")
    points, lengths, counts, labels, writers, box = arrays.values()
    expected = (counts.sum(), lengths.sum())
    if not len(labels) == len(writers) == len(counts) or expected != (len(lengths), len(points)):
        raise DataError(
            f"{path} does not fit together: {len(labels)} labels, {len(writers)} writers, {len(counts)} digits of "
            f"{expected[0]} strokes, {len(lengths)} strokes of {expected[1]} points, {len(points)} points."
        )
    points = ((points - box[:2]) * (CANVAS / box[2])).astype(np.float32)
    strokes = np.split(points, np.cumsum(lengths)[:-1])
    digits = [strokes[end - count : end] for count, end in zip(counts, np.cumsum(counts), strict=True)]
    return Pens(digits, labels.astype(np.uint8), writers.astype(np.int16))


def render(strokes: Strokes, manner: Manner) -> Bytes:
    """Strokes on the canvas with round ends and joins: uint8 (280, 280), ink 255 on paper 0."""
    width, longer_side, centre = manner
    if longer_side is not None:
        points = np.concatenate(strokes)
        low, high = points.min(axis=0), points.max(axis=0)
        scale = longer_side / max(*(high - low).tolist(), 1)
        strokes = [(stroke - (low + high) / 2) * scale + np.array(centre) for stroke in strokes]
    canvas = Image.new("L", (CANVAS * OVERSAMPLING, CANVAS * OVERSAMPLING))
    pen = ImageDraw.Draw(canvas)
    radius = width * OVERSAMPLING / 2
    for stroke in strokes:
        path = (stroke * OVERSAMPLING).tolist()
        pen.line([tuple(point) for point in path], fill=255, width=round(2 * radius))
        for x, y in path:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return np.asarray(canvas.reduce(OVERSAMPLING))


def pen_images(pens: Pens, manner: Manner) -> Bytes:
    """The network inputs of all digits, drawn in one manner: uint8 (digits, 28, 28)."""
    return np.stack([center_ink(render(strokes, manner)) for strokes in pens.strokes])


def varied_pen_images(
    pens: Pens, random: np.random.Generator, widths: Range = (10, 30), longer_sides: Range = (50, 240)
) -> Bytes:
    """The network inputs of all digits, each with a random width, size and position."""
    drawn_widths = random.uniform(*widths, len(pens))
    low, high = np.log(longer_sides)
    sides = np.exp(random.uniform(low, high, len(pens)))  # evenly distributed logarithms
    shares = random.uniform(-0.5, 0.5, (len(pens), 2))
    images = np.empty((len(pens), 28, 28), np.uint8)
    for image, strokes, width, side, share in zip(images, pens.strokes, drawn_widths, sides, shares, strict=True):
        x, y = CANVAS / 2 + share * (CANVAS - side - width)  # inside the canvas
        image[:] = center_ink(render(strokes, Manner(width, side, (x, y))))
    return images
