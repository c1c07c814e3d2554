"""Out-of-distribution drawings, which show no digit, to train and test their rejection."""

import importlib.util
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scipy.interpolate import CubicSpline

from model import BlankDrawing, center_ink
from model.arrays import Bytes
from model.rng import Purpose, rng
from pretraining.pens import CANVAS, Manner, Pens, Strokes, render

Points: TypeAlias = npt.NDArray[np.float64]
Family: TypeAlias = Callable[[np.random.Generator], Bytes]
"""Draws a random image of one kind on the canvas: uint8 (280, 280), ink 255 on paper 0."""

# Letters that look like a digit are in neither list: B b D G g I i j l O o Q q S s y Z z.
# Both forms of a letter that has the same shape in upper and lower case are in the same list.
TRAINING_LETTERS = "AEFHKMPRTWadfhkmprtw"
TRAINING_FOREIGN = "ΓΞΠΣΦΨΩДЖИЛФЦШЩЫЮЯ"
TEST_LETTERS = "CJLNUVXYcenuvx"


def families_for_training(digits: Bytes) -> dict[str, Family]:
    """The kinds of images for training. One is pairs of the `digits` (n, 28, 28)."""
    return {
        "curves": curves,
        "tangles": tangles,
        "zigzags": zigzags,
        "letters": letters(TRAINING_LETTERS, (None, "DejaVuSans.ttf", "DejaVuSerif.ttf")),
        "foreign letters": letters(TRAINING_FOREIGN, ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")),
        "pairs of digits": pairs_of_images(digits),
        "dashes": dashes,
        "symbols": symbols("plus", "hash", "heart", "arrow", "stick man", "envelope"),
    }


def families_for_tests(pens: Pens) -> dict[str, Family]:
    """The kinds of images for tests: other scribbles, letters, fonts and symbols; pairs of pens."""
    return {
        "spirals": spirals,
        "coils": coils,
        "hatchings": hatchings,
        "letters": letters(TEST_LETTERS, ("STIXGeneralItalic.ttf", "cmtt10.ttf", "cmss10.ttf")),
        "pairs of digits": pairs_of_pens(pens),
        "ticks": ticks,
        "waves": waves,
        "symbols": symbols("equals", "star", "smiley", "house", "triangle", "sun"),
    }


def draw_images(families: dict[str, Family], each: int, seed: int) -> dict[str, Bytes]:
    """The network inputs of `each` images of every family: uint8 (each, 28, 28)."""
    drawn = {}
    for family, (name, draw) in enumerate(families.items()):
        images: list[Bytes] = []
        attempt = 0
        while len(images) < each:
            with suppress(BlankDrawing):  # preprocessing rejects it already
                images.append(center_ink(draw(rng(seed, Purpose.DRAWINGS, family, attempt))))
            attempt += 1
        drawn[name] = np.stack(images)
    return drawn


def draw_varied(random: np.random.Generator, strokes: Strokes, *, turn: float = 12.0) -> Bytes:
    """Draw strokes with random rotation (degrees), slant, stretch, noise, pen width and size."""
    angle = math.radians(random.uniform(-turn, turn))
    slant, stretch = random.uniform(-0.25, 0.25), math.exp(random.uniform(-0.25, 0.25))
    turned = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shape = turned @ np.array([[stretch, slant], [0, 1]])
    extent = np.ptp(np.concatenate(strokes), axis=0).max()
    uneven = [points @ shape.T + random.normal(0, 0.012 * extent, points.shape) for points in strokes]
    longer_side = random.uniform(90, 240)
    return drawn(uneven, min(random.uniform(10, 30), 0.12 * longer_side), longer_side)


def drawn(strokes: Strokes, width: float, longer_side: float) -> Bytes:
    """Draw strokes of any size on the canvas, scaled to a longer side in pixels."""
    return render([points * CANVAS for points in strokes], Manner(width, longer_side))


def curves(random: np.random.Generator) -> Bytes:
    """One to three smooth lines with 12 turns in all. With fewer turns, 1 % look like a 2 or 3."""
    lines = random.integers(1, 4)
    return draw_varied(random, [smooth_line(random.uniform(size=(12 // lines, 2))) for _ in range(lines)])


def tangles(random: np.random.Generator) -> Bytes:
    """A smooth line that crosses itself many times."""
    return draw_varied(random, [smooth_line(random.uniform(size=(random.integers(14, 30), 2)))])


def zigzags(random: np.random.Generator) -> Bytes:
    """Five to ten connected straight lines."""
    corners = random.integers(6, 12)
    x, y = np.linspace(0, random.uniform(0.9, 1.8), corners), np.arange(corners) % 2.0
    points = np.column_stack([x, y]) + random.normal(0, 0.08, (corners, 2))
    return draw_varied(random, [points], turn=180)


def spirals(random: np.random.Generator) -> Bytes:
    """A spiral of two and a half to four turns, in either direction."""
    turns = random.uniform(2.5, 4)
    t = np.linspace(0, 1, 160)
    angle = 2 * math.pi * (turns * t + random.uniform()) * random.choice([-1, 1])
    return draw_varied(random, [np.column_stack([t * np.cos(angle), t * np.sin(angle)])])


def coils(random: np.random.Generator) -> Bytes:
    """Three to seven loops in a row."""
    loops, height = random.integers(3, 8), random.uniform(0.8, 2.5)
    angle = 2 * math.pi * np.linspace(0, loops, 30 * loops)
    x, y = angle / (2 * math.pi) * random.uniform(0.5, 1.0) + 0.5 * np.cos(angle), height / 2 * np.sin(angle)
    return draw_varied(random, [np.column_stack([x, y])], turn=30)


def hatchings(random: np.random.Generator) -> Bytes:
    """Four to nine parallel lines at any angle."""
    lines, length = random.integers(4, 10), random.uniform(0.6, 1.4)
    strokes = [np.array([[x, 0], [x, length]]) + random.normal(0, 0.04, (2, 2)) for x in np.linspace(0, 1, lines)]
    return draw_varied(random, strokes, turn=90)


def dashes(random: np.random.Generator) -> Bytes:
    """A single flat stroke; an upright stroke would be a 1."""
    angle, bend = math.radians(random.uniform(-35, 35)), random.normal(0, 0.06)
    end = np.array([math.cos(angle), math.sin(angle)])
    points = np.array([[0, 0], 0.5 * end + [0, bend], end])
    longer_side = random.uniform(40, 220)
    return drawn([smooth_line(points)], random.uniform(10, min(30, 0.4 * longer_side)), longer_side)


def ticks(random: np.random.Generator) -> Bytes:
    """Two to four short strokes in any direction, far apart."""
    angles = random.uniform(0, math.pi, random.integers(2, 5))
    half = np.column_stack([np.cos(angles), np.sin(angles)]) * random.uniform(0.06, 0.12)
    middles = spread_points(random, len(angles))
    strokes = list(np.stack([middles - half, middles + half], axis=1))
    return drawn(strokes, random.uniform(10, 20), random.uniform(110, 240))


def waves(random: np.random.Generator) -> Bytes:
    """A flat wave of one or two periods."""
    x = np.linspace(0, 1, 40)
    y = random.uniform(0.08, 0.16) * np.sin(2 * math.pi * (random.uniform(1, 2.2) * x + random.uniform()))
    return draw_varied(random, [np.column_stack([x, y])])


def symbols(*names: str) -> Family:
    """A family of some of the SYMBOLS."""
    return lambda random: draw_varied(random, SYMBOLS[names[random.integers(len(names))]])


def letters(alphabet: str, fonts: tuple[str | None, ...]) -> Family:
    """Printed letters, thin to bold, distorted.

    A font is the name of a file of Matplotlib, or None for the font inside Pillow.
    """
    types = [ImageFont.truetype(font_file(font), 200) if font else ImageFont.load_default(200) for font in fonts]

    def draw(random: np.random.Generator) -> Bytes:
        letter, font = alphabet[random.integers(len(alphabet))], types[random.integers(len(types))]
        canvas = Image.new("L", (CANVAS, CANVAS))
        middle = (CANVAS / 2, CANVAS / 2)
        bold = float(random.uniform(0, 6))
        ImageDraw.Draw(canvas).text(middle, letter, fill=255, font=font, anchor="mm", stroke_width=bold)
        corners = np.array([[0, 0], [0, 1], [1, 1], [1, 0]]) * CANVAS + random.uniform(-40, 40, (4, 2))
        corner_list = corners.ravel().tolist()
        return np.asarray(canvas.transform(canvas.size, Image.Transform.QUAD, corner_list, Image.Resampling.BILINEAR))

    return draw


def pairs_of_images(digits: Bytes) -> Family:
    """Two digits of 28x28 side by side, with little or no space between them."""

    def draw(random: np.random.Generator) -> Bytes:
        parts = []
        for image in digits[random.integers(len(digits), size=2)]:
            columns = np.flatnonzero(image.any(axis=0))
            parts.append(np.roll(image, random.integers(-3, 4), axis=0)[:, columns[0] : columns[-1] + 1])
        row = Image.fromarray(np.hstack([parts[0], np.zeros((28, random.integers(0, 5)), np.uint8), parts[1]]))
        return np.asarray(ImageOps.pad(row, (CANVAS, CANVAS)))

    return draw


def pairs_of_pens(pens: Pens) -> Family:
    """Two pen drawings side by side, with little or no space between them."""

    def draw(random: np.random.Generator) -> Bytes:
        first, second = (
            [points / np.ptp(np.concatenate(digit), axis=0).max() for points in digit]
            for digit in (pens.strokes[row] for row in random.integers(len(pens), size=2))
        )
        right, left = np.concatenate(first).max(axis=0)[0], np.concatenate(second).min(axis=0)[0]
        aside = np.array([right - left + random.uniform(0.1, 0.5), 0])
        low = np.array([0, np.concatenate(second).mean(axis=0)[1] - np.concatenate(first).mean(axis=0)[1]])
        low[1] += random.normal(0, 0.1)
        strokes = [*first, *(points + aside - low for points in second)]
        return drawn(strokes, random.uniform(10, 26), random.uniform(150, 260))

    return draw


def smooth_line(points: Points) -> Points:
    """A smooth line through the points."""
    positions = np.linspace(0, len(points) - 1, 6 * len(points))
    return np.asarray(CubicSpline(np.arange(len(points)), points)(positions))


def spread_points(random: np.random.Generator, count: int) -> Points:
    """Random points in the unit square with a distance of at least 1/3."""
    while True:
        points = random.uniform(size=(count, 2))
        distances = np.hypot(*(points[:, None] - points).transpose(2, 0, 1)) + 9 * np.eye(count)
        if distances.min() > 1 / 3:
            return points


def arc(x: float, y: float, radius: float, start: float = 0, end: float = 360) -> Points:
    """An arc of a circle from start to end, in degrees."""
    angles = np.radians(np.linspace(start, end, 30))
    return np.column_stack([x + radius * np.cos(angles), y + radius * np.sin(angles)])


def line(*points: tuple[float, float]) -> Points:
    """Straight lines through points (x, y)."""
    return np.array(points, float)


SYMBOLS: dict[str, Strokes] = {
    "plus": [line((0, 0.5), (1, 0.5)), line((0.5, 0), (0.5, 1))],
    "hash": [
        line((0.35, 0), (0.25, 1)), line((0.75, 0), (0.65, 1)),
        line((0, 0.3), (1, 0.3)), line((0, 0.7), (1, 0.7)),
    ],
    "heart": [
        np.vstack([line((0.5, 1)), arc(0.25, 0.25, 0.25, 150, 360), arc(0.75, 0.25, 0.25, 180, 390), line((0.5, 1))])
    ],
    "arrow": [line((0, 0.5), (1, 0.5)), line((0.7, 0.2), (1, 0.5), (0.7, 0.8))],
    "stick man": [
        arc(0.5, 0.15, 0.15), line((0.5, 0.3), (0.5, 0.7)), line((0.2, 0.4), (0.8, 0.4)),
        line((0.25, 1), (0.5, 0.7), (0.75, 1)),
    ],
    "envelope": [line((0, 0), (1, 0), (1, 0.7), (0, 0.7), (0, 0), (0.5, 0.4), (1, 0))],
    "equals": [line((0, 0.3), (1, 0.3)), line((0, 0.7), (1, 0.7))],
    "star": [line(*((math.sin(0.8 * math.pi * k), -math.cos(0.8 * math.pi * k)) for k in range(6)))],
    "smiley": [arc(0.5, 0.5, 0.5), line((0.33, 0.35)), line((0.67, 0.35)), arc(0.5, 0.5, 0.28, 30, 150)],
    "house": [line((0.1, 1), (0.1, 0.45), (0.5, 0), (0.9, 0.45), (0.9, 1), (0.1, 1)), line((0.1, 0.45), (0.9, 0.45))],
    "triangle": [line((0, 0.9), (0.5, 0), (1, 0.9), (0, 0.9))],
    "sun": [
        arc(0, 0, 0.45),
        *(np.outer((0.65, 1), (math.cos(angle), math.sin(angle))) for angle in np.arange(8) * math.pi / 4),
    ],
}  # fmt: skip
"""Strokes of symbols, x to the right and y down."""


def font_file(name: str) -> Path:
    """The path of a font in Matplotlib, without importing it."""
    package = importlib.util.find_spec("matplotlib")
    if package is None or package.origin is None:
        raise FileNotFoundError("The letters need the fonts of Matplotlib. Install it: pip install matplotlib.")
    return Path(package.origin).parent / "mpl-data" / "fonts" / "ttf" / name
