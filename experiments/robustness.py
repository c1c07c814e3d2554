"""Robustness: how many digits a classifier still reads when they are moved, resized, turned,
redrawn or noisy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset import Digits
from model import BlankDrawing, Classifier, center_ink
from model.arrays import Bytes
from model.augmentation import affine_sources, change_strokes, warp
from model.rng import Purpose, rng

SAMPLE = 1_000  # digits: enough for an interval of 2 points or less each way, and 50 strengths take a second or two
DIRECTIONS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)], np.float32)  # right, down, left, up, as (down, right)
UPRIGHT, STAY = np.eye(2, dtype=np.float32)[None], np.zeros((1, 2), np.float32)
INK = 255
NOTHING = -1


@dataclass(frozen=True)
class Disturbance:
    """One way to spoil 28x28 images, at strengths of a unit; at the strength `none` they stay as
    they are.
    """

    title: str
    axis: str
    unit: str
    explanation: str
    strengths: tuple[float, ...]
    none: float
    apply: Callable[[Bytes, float], Bytes]


@dataclass(frozen=True, eq=False)
class Reading:
    """What a classifier was shown and answered: images (n, 28, 28), probabilities (n, classes).

    Where preparation finds no ink there is no answer: all probabilities are 0, and the prediction
    is NOTHING.
    """

    images: Bytes
    probabilities: NDArray[np.float32]

    @property
    def predictions(self) -> NDArray[np.int64]:
        return np.where(self.probabilities.any(axis=1), self.probabilities.argmax(axis=1), NOTHING)


def sample(digits: Digits) -> Digits:
    """At most SAMPLE of the digits, the same each time, evenly spread: a file may be sorted, or
    harder at its end.
    """
    return digits if len(digits) <= SAMPLE else digits[np.arange(SAMPLE) * len(digits) // SAMPLE]


def disturb(images: Bytes, name: str, strength: float) -> Bytes:
    """The images, disturbed that much; the same each time."""
    return DISTURBANCES[name].apply(images, strength)


def read(classifier: Classifier, images: Bytes, *, prepare: bool = False) -> Reading:
    """What a classifier answers; `prepare` first makes each image anew by center_ink, as if it came
    from a canvas.
    """
    if not prepare:
        return Reading(images, classifier.predict_proba(images))
    prepared = np.zeros_like(images)
    blank = np.zeros(len(images), bool)
    for place, image in enumerate(images):
        try:
            prepared[place] = center_ink(image)
        except BlankDrawing:
            blank[place] = True
    probabilities = classifier.predict_proba(prepared)
    probabilities[blank] = 0
    return Reading(prepared, probabilities)


def count_right(classifier: Classifier, digits: Digits, name: str, strength: float, *, prepare: bool = False) -> int:
    """How many of the digits it reads correctly when they are disturbed so."""
    reading = read(classifier, disturb(digits.images, name, strength), prepare=prepare)
    return int((reading.predictions == digits.labels).sum())


def shift(images: Bytes, pixels: float) -> Bytes:
    """Each digit in one of four directions, in turn; what leaves the image is lost."""
    return warped(images, UPRIGHT, pixels * DIRECTIONS)


def scale(images: Bytes, percent: float) -> Bytes:
    return warped(images, UPRIGHT * np.float32(percent / 100))


def rotate(images: Bytes, degrees: float) -> Bytes:
    """Clockwise where positive."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return warped(images, np.array([[[cosine, sine], [-sine, cosine]]], np.float32))


def warped(images: Bytes, linear: NDArray[np.float32], move: NDArray[np.float32] = STAY) -> Bytes:
    """About the place where MNIST has the centre of mass, so that a digit stays where it is."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    warp(flat, affine_sources(linear, move))
    return np.rint(flat).astype(np.uint8).reshape(images.shape)


def redraw(images: Bytes, pixels: float) -> Bytes:
    """Strokes thicker by so many pixels, or thinner where negative, at most two pixels at a time."""
    drawn = images.astype(np.float32)
    while pixels:
        step = min(max(pixels, -2.0), 2.0)
        change_strokes(drawn, np.full(len(drawn), step, np.float32))
        pixels -= step
    return np.rint(drawn).astype(np.uint8)


def noise(images: Bytes, percent: float) -> Bytes:
    """Normally distributed, this its standard deviation in percent of full ink; the same pattern at
    every strength.
    """
    pattern = rng(0, Purpose.NOISE).standard_normal(images.shape, np.float32)
    noisy = images + np.float32(INK * percent / 100) * pattern
    return np.clip(np.rint(noisy), 0, INK).astype(np.uint8)


DISTURBANCES = {
    "shift": Disturbance(
        "Shift",
        "Moved by (pixels)",
        " px",
        "Moved right, down, left or up, one digit after the other. A digit has about 4 pixels of paper on each side.",
        (0, 1, 2, 3, 4, 5, 6, 7, 8),
        0,
        shift,
    ),
    "scale": Disturbance(
        "Scale",
        "Size (%)",
        " %",
        "Made smaller or larger about the centre. At 140 % a digit fills the 28 pixels.",
        (40, 50, 60, 70, 80, 90, 100, 110, 120, 130, 140, 150, 160),
        100,
        scale,
    ),
    "rotation": Disturbance(
        "Rotation",
        "Turned clockwise (degrees)",
        "°",
        "Turned about the centre, clockwise where the angle is positive.",
        (-60, -45, -30, -15, 0, 15, 30, 45, 60),
        0,
        rotate,
    ),
    "stroke": Disturbance(
        "Stroke width",
        "Strokes thicker by (pixels)",
        " px",
        "Thinner, where there is something to spare, or thicker. Strokes of MNIST are about 3 pixels wide.",
        (-2, -1, 0, 1, 2, 3, 4, 5, 6),
        0,
        redraw,
    ),
    "noise": Disturbance(
        "Noise",
        "Noise (% of full ink)",
        " %",
        "Every pixel becomes darker or lighter at random: normally distributed, with this standard deviation.",
        (0, 10, 20, 30, 40, 50, 60, 70, 80),
        0,
        noise,
    ),
}
