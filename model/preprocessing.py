"""Preprocessing: turns any drawing of a digit into an image like those of MNIST, in stages."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy

from model.arrays import Bytes
from model.errors import DigitLabError

Picture: TypeAlias = npt.NDArray[np.float32]
"""(height, width): grey levels, or ink from 0 (paper) to 255 (full ink)."""
Levels: TypeAlias = Bytes | Picture
Window: TypeAlias = tuple[slice, slice]  # rows and columns of a part of a picture

SIDE = 28  # pixels of an MNIST image
BOX = 20  # pixels of the square into which MNIST fits a digit
CENTRE = 14.0  # index of the centre of mass in MNIST; the centre of the image is 13.5
# Lengths of the longer side of a picture, in pixels.
LARGE = 560  # a larger picture is reduced first: finer detail is lost at 20 pixels anyway
GRAINY = 100  # a smaller picture has no grain to remove, and may have strokes of one pixel
LIT = 40  # a smaller picture has too short a border to measure the light
# Levels from 0 to 255.
DARK = 16  # darker paper does not show how bright the light is
MIN_CONTRAST = 16  # between ink and paper
FAINT, STRONG = 8, 128  # a pixel below FAINT is paper; every stroke has a pixel above STRONG
THICK = 0.2  # stroke width / longer side of the digit; 98 % of MNIST's digits have thinner strokes
SPECK = 0.03  # area / area of the largest patch of ink; a smaller patch is removed

BLANK = "The drawing is blank. Draw a digit."
SPECKS = "There are only specks in the drawing. Draw a digit, and make it larger."
EXPLANATIONS = {
    "drawn": "The ink alone: how much each pixel differs from the paper, for dark or for light ink.",
    "smoothed": "The median of each pixel and its neighbours: it removes the grain of a photo and keeps the edges.",
    "thresholded": "Pixels fainter than real ink become paper, and specks are removed.",
    "cropped": "The smallest rectangle that holds all the ink. A stroke too thick for its digit is thinned.",
    "resized": "Scaled to a longer side of 20 pixels without distortion. Each pixel is the mean of the area it covers.",
    "centred": "Placed on 28x28 pixels with the centre of mass in the middle, like every digit of MNIST.",
    "normalized": "Divided by 255: the numbers from 0 to 1 that are the network input.",
}


class BlankDrawing(DigitLabError):
    """The drawing contains no digit: it is blank, or has only specks."""


@dataclass(frozen=True)
class Stage:
    """One stage. The image is uint8 ink, 255 on 0; in the last stage float32 from 0 to 1."""

    name: str
    image: Bytes | Picture
    explanation: str


def center_ink(drawing: Bytes) -> Bytes:
    """The network input of a drawing: uint8 (28, 28), ink 255 on paper 0.

    drawing: uint8 (height, width) or (height, width, 4), RGBA. Ink and paper may have any colours.
    Raises BlankDrawing if there is no digit, ValueError for other arrays.
    """
    return _to_bytes(_inks(reduce_large(_checked(drawing)))[-1])


def ink_stages(drawing: Bytes) -> list[Stage]:
    """All stages from the drawing to the network input. Raises the same errors as center_ink."""
    picture = reduce_large(_checked(drawing))
    inks = [_to_bytes(ink) for ink in _inks(picture)]
    if window := locate_ink(picture):  # outside it there is only paper
        for stage in range(3):
            inks[stage], part = np.zeros(picture.shape[:2], np.uint8), inks[stage]
            inks[stage][window] = part
    images = [*inks, np.divide(inks[-1], 255, dtype=np.float32)]
    return [Stage(name, image, EXPLANATIONS[name]) for name, image in zip(EXPLANATIONS, images, strict=True)]


def _inks(picture: Levels) -> list[Levels]:
    """All stages but the last. The first three show only the part that is not clean paper."""
    side, pixels = max(picture.shape[:2]), picture.shape[0] * picture.shape[1]
    window = locate_ink(picture)
    grey = to_grey(picture[window] if window else picture)
    paper, noise = (float(grey[0, 0]), 0.0) if window else fit_paper(grey)
    drawn, noise = extract_ink(grey, paper, noise, pixels)
    smoothed = smooth(drawn) if side >= GRAINY else drawn
    thresholded = remove_noise(smoothed, noise, side)
    cropped = thin(crop(thresholded))
    resized = fit_box(cropped)
    return [drawn, smoothed, thresholded, cropped, resized, centre_mass(resized)]


def _to_bytes(ink: Levels) -> Bytes:
    return np.rint(ink, dtype=np.float32).astype(np.uint8)


def _checked(drawing: Bytes) -> Bytes:
    if not isinstance(drawing, np.ndarray) or drawing.dtype != np.uint8:
        got = getattr(drawing, "dtype", type(drawing).__name__)
        raise ValueError(f"A drawing is an array of uint8, got {got}. Scale it to 0 to 255 and convert it.")
    if drawing.size == 0 or drawing.ndim not in (2, 3) or drawing.shape[2:] not in ((), (4,)):
        raise ValueError(f"A drawing has shape (height, width) or (height, width, 4), got {drawing.shape}.")
    return drawing


def reduce_large(drawing: Bytes) -> Levels:
    """Reduce a large picture to means of square blocks; its longer side is then at most LARGE."""
    block = -(-max(drawing.shape[:2]) // LARGE)
    if block == 1:
        return drawing
    rows, columns = (np.arange(0, side, block) for side in drawing.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(drawing, rows, axis=0, dtype=np.float32), columns, axis=1)
    # the last block of a row or column may be smaller
    pixels = np.outer(np.diff(rows, append=len(drawing)), np.diff(columns, append=drawing.shape[1]))
    return np.asarray((sums.T / pixels.T).T, np.float32)


def locate_ink(picture: Levels) -> Window | None:
    """The part of a picture on clean paper that holds all ink. Its first pixel is paper.

    Paper is clean if most of the border (a twentieth of the picture) has exactly the colour of the
    first pixel. None if the paper is not clean.
    """
    if picture.dtype != np.uint8 or (picture.ndim == 3 and picture[0, 0, 3] < 255):
        return None
    colours = picture if picture.ndim == 2 else np.ascontiguousarray(picture).view(np.uint32)[..., 0]
    marked = colours != colours[0, 0]
    edge = max(1, min(marked.shape) // 20)
    inside = marked[edge:-edge, edge:-edge]
    rows, columns = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
    at_border = np.count_nonzero(marked) - np.count_nonzero(inside)
    if not len(rows) or 2 * at_border >= marked.size - inside.size:
        return None
    return slice(max(rows[0] - 1, 0), rows[-1] + 2), slice(max(columns[0] - 1, 0), columns[-1] + 2)


def to_grey(picture: Levels) -> Levels:
    """The colour channel in which ink and paper differ most. Transparent pixels become paper."""
    if picture.ndim == 2:
        return picture
    colours = picture[..., :3].transpose(2, 0, 1)
    if picture[..., 3].min() < 255:
        opacity = np.divide(picture[..., 3], 255, dtype=np.float32)
        paper = _paper_colour(colours, opacity)
        colours = colours * opacity + paper[:, None, None] * (1 - opacity)
    step = -(-max(colours.shape) // 64)  # 64 pixels are enough to compare channels
    return np.ascontiguousarray(max(colours, key=lambda channel: float(channel[::step, ::step].std())))


def _paper_colour(colours: Levels, opacity: Picture) -> Picture:
    """The colour of the paper to put behind a transparent picture.

    Usually the opaque pixels are the ink, and the paper is white or black, in contrast to it. If
    most pixels are opaque and have contrast among them, the picture has only transparent margins:
    then the paper is their median colour.
    """
    if not opacity.any():
        raise BlankDrawing(BLANK)
    opaque = colours[:, opacity > 0.5]
    if 2 * opaque.shape[1] > opacity.size and opaque.std(axis=1).max() > MIN_CONTRAST:
        return np.median(opaque, axis=1).astype(np.float32)
    ink = np.average(colours.reshape(3, -1), axis=1, weights=opacity.ravel())
    return np.where(ink < 128, 255, 0).astype(np.float32)


def extract_ink(grey: Levels, paper: Picture | float, noise: float, pixels: int) -> tuple[Bytes, float]:
    """Ink, the difference of each pixel from the paper scaled to 0..255, and the scaled noise.

    One pixel in a thousand reaches full ink, so that a single bright pixel does not set the scale.
    """
    ink: Picture = np.subtract(grey, paper, dtype=np.float32)
    if isinstance(paper, np.ndarray):  # in a shadow, ink differs less from the paper around it
        lit = np.maximum(paper, DARK)
        ink *= lit.mean() / lit
    if np.vdot(ink * ink, ink) < 0:
        ink = -ink
    np.clip(ink, 0, 255, out=ink)
    levels = ink.astype(np.uint8)
    full = int(levels.max())
    if np.count_nonzero(levels == full) <= pixels // 1000:
        full = 255 - int(np.argmax(np.bincount(levels.ravel(), minlength=256)[::-1].cumsum() > pixels // 1000))
    if full < max(MIN_CONTRAST, 5 * noise):
        raise BlankDrawing(BLANK)
    return _to_bytes(np.minimum(ink * np.float32(255 / full), 255)), 255 * noise / full


def fit_paper(grey: Levels) -> tuple[Picture | float, float]:
    """The grey level of the paper, from the border of the picture, and its standard deviation.

    The paper is one number if most of the border has one level. The light of a photo is uneven:
    then the paper is a quadratic surface, fitted to the border three times. Each fit leaves out the
    pixels that differ too much from the last fit to be paper.
    """
    edge = max(1, min(grey.shape) // 20)
    border = np.ones(grey.shape, bool)
    border[edge:-edge, edge:-edge] = False
    levels = grey[border].astype(np.float32)
    paper = float(np.median(levels))
    off = np.abs(levels - paper)
    noise = 1.4826 * float(np.median(off))
    if noise == 0 or max(grey.shape) < LIT:
        return paper, noise
    y, x = np.ix_(*(np.linspace(-1, 1, side, dtype=np.float32) for side in grey.shape))
    terms = np.stack(
        [np.broadcast_to(term, grey.shape) for term in (np.float32(1), y, x, y * y, y * x, x * x)], axis=-1
    )
    at_border = terms[border]
    for _ in range(3):
        is_paper = off <= 3 * noise
        weights = np.linalg.lstsq(at_border[is_paper], levels[is_paper])[0]
        off = np.abs(levels - at_border @ weights)
        noise = max(1.4826 * float(np.median(off)), 1)
    return (terms @ weights).astype(np.float32), noise


def smooth(ink: Bytes) -> Bytes:
    """Median of three neighbours, vertically, then horizontally: it removes single pixels."""
    for _ in ("down", "across"):
        framed = np.pad(ink, ((1, 1), (0, 0)))
        before, after = framed[:-2], framed[2:]
        ink = np.maximum(np.minimum(before, ink), np.minimum(np.maximum(before, ink), after)).T
    return ink


def remove_noise(ink: Bytes, noise: float, side: int) -> Bytes:
    """Remove patches of ink that are too faint for a stroke, or tiny beside the largest patch.

    side: the longer side of the whole picture. Raises BlankDrawing if the largest patch is a dot.
    """
    inked, strong = ink >= np.clip(4 * noise, FAINT, STRONG), ink >= STRONG
    patches, count = scipy.ndimage.label(inked, np.ones((3, 3)))
    if count == 1 and strong.any() and not _is_dot(crop(inked), side):
        return np.where(inked, ink, np.uint8(0))  # the same as below, but faster
    areas = np.bincount(patches[strong], minlength=count + 1)
    if not areas.any() or _is_dot(crop(patches == areas.argmax()), side):
        raise BlankDrawing(SPECKS)
    return np.where((areas > SPECK * areas.max())[patches], ink, np.uint8(0))


def _is_dot(patch: npt.NDArray[np.bool_], side: int) -> bool:
    """Whether a patch is tiny, or small, round and filled like one touch of a thick pen."""
    short, long = sorted(patch.shape)
    return long < 0.05 * side or (long < 0.15 * side and long < 1.5 * short and bool(patch.mean() > 0.7))


def crop(ink: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The smallest rectangle that holds all the ink."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def thin(ink: Levels) -> Levels:
    """Thin strokes that are thicker than THICK, as in a small digit drawn with a thick pen.

    With a pen of 28 pixels and digits of 60, a network trained on MNIST then reads 85 % of them
    instead of 56 %.
    """
    side = max(ink.shape)
    step = -(-side // 64)  # 64 pixels are enough to measure a width
    width = step * stroke_width(ink[::step, ::step] >= STRONG)
    if side < 2 * BOX or width <= THICK * side:
        return ink
    depths = scipy.ndimage.distance_transform_edt(np.pad(ink >= STRONG, 1))[1:-1, 1:-1]
    excess = (width - THICK * side) / (2 - 2 * THICK)  # on each side of a stroke
    return crop(ink * np.clip(depths - min(excess, 0.7 * depths.max()), 0, 1).astype(np.float32))


def stroke_width(strong: npt.NDArray[np.bool_]) -> float:
    """Width in pixels: four times the mean distance of the pixels from the edge of the stroke."""
    distances = scipy.ndimage.distance_transform_edt(np.pad(strong, 1))
    # 0.5: distances are from the middle of a pixel
    return 4 * (float(distances.sum()) / max(int(strong.sum()), 1) - 0.5)


def fit_box(ink: Levels) -> Picture:
    """Scale to a longer side of 20 pixels. Each new pixel is the exact mean of its area."""
    height, width = (max(1, round(side * BOX / max(ink.shape))) for side in ink.shape)
    down, across = _overlap(ink.shape[0], height), _overlap(ink.shape[1], width)
    return np.asarray(down @ ink @ across.T, np.float32)


def _overlap(pixels: int, cells: int) -> Picture:
    """Share of each pixel in each of the cells that cover them: (cells, pixels), rows sum to 1."""
    edges = np.linspace(0, pixels, cells + 1)[:, None]
    starts = np.arange(pixels)
    lengths = np.minimum(edges[1:], starts + 1) - np.maximum(edges[:-1], starts)
    return np.maximum(lengths * cells / pixels, 0).astype(np.float32)


def centre_mass(ink: Picture) -> Picture:
    """Place on 28x28 with the centre of mass within half a pixel of (14, 14), as in MNIST."""
    image = np.zeros((SIDE, SIDE), np.float32)
    starts = []
    for axis, side in enumerate(ink.shape):
        mass = ink.sum(axis=1 - axis)
        start = round(CENTRE - float(mass @ np.arange(side) / mass.sum()))
        starts.append(min(max(start, 0), SIDE - side))  # a digit stays inside the image
    (top, left), (height, width) = starts, ink.shape
    image[top : top + height, left : left + width] = ink
    return image
