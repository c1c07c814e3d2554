"""Disturbances: ways to move, resize, turn, redraw or roughen images of digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.arrays import Bytes
from model.augmentation import affine_sources, change_strokes, warp
from model.rng import Purpose, rng

DIRECTIONS = np.array([(0, 1), (1, 0), (0, -1), (-1, 0)], np.float32)  # right, down, left, up, as (down, right)
UPRIGHT, UNMOVED = np.eye(2, dtype=np.float32)[None], np.zeros((1, 2), np.float32)
INK = 255


@dataclass(frozen=True)
class Disturbance:
    """One way to disturb 28x28 images, at strengths of a unit; `none` changes nothing."""

    title: str
    axis: str
    unit: str
    explanation: str
    strengths: tuple[float, ...]
    none: float
    apply: Callable[[Bytes, float], Bytes]


def disturb(images: Bytes, name: str, strength: float) -> Bytes:
    """The images, disturbed with this strength; the same each time."""
    return DISTURBANCES[name].apply(images, strength)


def shift(images: Bytes, pixels: float) -> Bytes:
    """Move each digit in one of four directions, in turn; ink that leaves the image is lost."""
    return warped(images, UPRIGHT, pixels * DIRECTIONS)


def scale(images: Bytes, percent: float) -> Bytes:
    """Resize each digit to this percentage of its size."""
    return warped(images, UPRIGHT * np.float32(percent / 100))


def rotate(images: Bytes, degrees: float) -> Bytes:
    """Turn each digit, clockwise where positive."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return warped(images, np.array([[[cosine, sine], [-sine, cosine]]], np.float32))


def warped(images: Bytes, linear: NDArray[np.float32], move: NDArray[np.float32] = UNMOVED) -> Bytes:
    """Apply a linear map about the place where MNIST has the centre of mass, and then a move."""
    flat = images.reshape(len(images), -1).astype(np.float32)
    warp(flat, affine_sources(linear, move))
    return np.rint(flat).astype(np.uint8).reshape(images.shape)


def redraw(images: Bytes, pixels: float) -> Bytes:
    """Make strokes thicker, or thinner where negative, in steps of at most two pixels."""
    drawn = images.astype(np.float32)
    while pixels:
        step = min(max(pixels, -2.0), 2.0)
        change_strokes(drawn, np.full(len(drawn), step, np.float32))
        pixels -= step
    return np.rint(drawn).astype(np.uint8)


def noise(images: Bytes, percent: float) -> Bytes:
    """Add normally distributed noise with this standard deviation, in percent of full ink.

    The pattern is the same at every strength.
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
