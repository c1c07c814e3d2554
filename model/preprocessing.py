"""Preprocessing: any drawing of a digit becomes ink as MNIST has it, stage by stage."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy

from model.arrays import Bytes
from model.errors import DigitLabError

Picture: TypeAlias = npt.NDArray[np.float32]
"""(height, width): grey levels; once ink is found 0 is paper and 255 is full ink."""
Levels: TypeAlias = Bytes | Picture
Window: TypeAlias = tuple[slice, slice]
"""The rows and columns of a part of a picture."""

SIDE = 28  # pixels, of an MNIST image
BOX = 20  # pixels, of the square that MNIST fits a digit into
CENTRE = 14.0  # the index at which MNIST puts the centre of mass: the middle of the 15th pixel, not of the image (13.5)
LARGE = 560  # pixels, of the longer side: a larger picture is reduced first, for nothing finer survives to 20 pixels
GRAINY = 100  # pixels, likewise: a smaller picture has no grain to lose, and perhaps strokes one pixel wide
LIT = 40  # pixels, likewise: a smaller picture has too short a border to tell the light from the ink
DARK = 16  # of 255: paper as dark as this tells nothing about the light on it
MIN_CONTRAST = 16  # of 255, between ink and paper
FAINT, STRONG = 8, 128  # of 255: below the first there is only paper, a stroke is somewhere above the second
THICK = 0.2  # of the longer side of a digit: of MNIST's digits 98 in 100 have thinner strokes
SPECK = 0.03  # of the area of the largest patch of ink: a smaller one is dirt

BLANK = "The drawing is blank. Draw a digit."
SPECKS = "There are only specks in the drawing. Draw a digit, and make it larger."
EXPLANATIONS = {
    "drawn": "The ink alone: how far each point is from the colour of the paper, whichever of the two is darker.",
    "smoothed": "Each point takes the middle value among its neighbours: the grain of a photo goes, the edges stay.",
    "thresholded": "What is fainter than real ink becomes paper, and specks go.",
    "cropped": "The smallest rectangle that holds all the ink; a stroke too thick for so small a digit is thinned.",
    "resized": "Scaled until its longer side is 20 pixels, keeping its shape; each pixel is the mean of all it covers.",
    "centred": "Put on 28 by 28 pixels with its centre of mass in the middle, as every digit of MNIST is.",
    "normalized": "Divided by 255: the numbers from 0 to 1 that the network reads.",
}


class BlankDrawing(DigitLabError):
    """There is no digit in the drawing."""


@dataclass(frozen=True)
class Stage:
    """A step on the way: uint8 ink, 255 on 0; in the last one float32 from 0 to 1."""

    name: str
    image: Bytes | Picture
    explanation: str


def center_ink(drawing: Bytes) -> Bytes:
    """What a network sees of a drawing.   (height, width) or (height, width, 4: RGBA) -> (28, 28), ink 255 on 0.

    Ink and paper may be of any two colours. Raises BlankDrawing where there is no digit, ValueError for other arrays.
    """
    return _to_bytes(_inks(reduce_large(_checked(drawing)))[-1])


def ink_stages(drawing: Bytes) -> list[Stage]:
    """Each stage from the drawing to what a network reads, in the order of EXPLANATIONS. Raises as center_ink does."""
    picture = reduce_large(_checked(drawing))
    inks = [_to_bytes(ink) for ink in _inks(picture)]
    if window := find_drawn(picture):  # around it there is nothing but paper
        for stage in range(3):
            inks[stage], part = np.zeros(picture.shape[:2], np.uint8), inks[stage]
            inks[stage][window] = part
    images = [*inks, np.divide(inks[-1], 255, dtype=np.float32)]
    return [Stage(name, image, EXPLANATIONS[name]) for name, image in zip(EXPLANATIONS, images, strict=True)]


def _inks(picture: Levels) -> list[Levels]:
    """All stages but the last, the first three of that part of the picture only which is not clean paper."""
    side, pixels = max(picture.shape[:2]), picture.shape[0] * picture.shape[1]
    window = find_drawn(picture)
    grey = to_grey(picture[window] if window else picture)
    paper, noise = (float(grey[0, 0]), 0.0) if window else find_paper(grey)
    drawn, noise = find_ink(grey, paper, noise, pixels)
    smoothed = smooth(drawn) if side >= GRAINY else drawn
    thresholded = drop_noise(smoothed, noise, side)
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
    """The means of square blocks of whole pixels, so that the longer side is at most LARGE. Colours stay."""
    block = -(-max(drawing.shape[:2]) // LARGE)
    if block == 1:
        return drawing
    rows, columns = (np.arange(0, side, block) for side in drawing.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(drawing, rows, axis=0, dtype=np.float32), columns, axis=1)
    # the last block of a row or column may be smaller
    pixels = np.outer(np.diff(rows, append=len(drawing)), np.diff(columns, append=drawing.shape[1]))
    return np.asarray((sums.T / pixels.T).T, np.float32)


def find_drawn(picture: Levels) -> Window | None:
    """The part that holds all that is drawn on clean paper, its first pixel being paper; None where paper is not clean.

    It is clean where most of the border (a twentieth of the picture) has exactly the colour of the first pixel.
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
    """The colour channel in which ink and paper differ most; what is transparent becomes paper."""
    if picture.ndim == 2:
        return picture
    colours = picture[..., :3].transpose(2, 0, 1)
    if picture[..., 3].min() < 255:
        opacity = np.divide(picture[..., 3], 255, dtype=np.float32)
        below = _paper_below(colours, opacity)
        colours = colours * opacity + below[:, None, None] * (1 - opacity)
    step = -(-max(colours.shape) // 64)  # so many pixels are enough to compare channels
    return np.ascontiguousarray(max(colours, key=lambda channel: float(channel[::step, ::step].std())))


def _paper_below(colours: Levels, opacity: Picture) -> Picture:
    """The colour that shows through where a picture is transparent.

    What is opaque there is the ink, and paper is whatever contrasts with it; unless the opaque part is most of the
    picture and has contrast of its own: then it is a picture with transparent margins.
    """
    if not opacity.any():
        raise BlankDrawing(BLANK)
    opaque = colours[:, opacity > 0.5]
    if 2 * opaque.shape[1] > opacity.size and opaque.std(axis=1).max() > MIN_CONTRAST:
        return np.median(opaque, axis=1).astype(np.float32)
    ink = np.average(colours.reshape(3, -1), axis=1, weights=opacity.ravel())
    return np.where(ink < 128, 255, 0).astype(np.float32)


def find_ink(grey: Levels, paper: Picture | float, noise: float, pixels: int) -> tuple[Bytes, float]:
    """How far each pixel is from the paper, on the side of the ink, stretched to 0..255; and the paper's noise, too.

    Full ink is the level that one in a thousand of the picture's pixels reaches: a bright one does not set the scale.
    """
    ink: Picture = np.subtract(grey, paper, dtype=np.float32)
    if isinstance(paper, np.ndarray):  # ink in the shade differs less from the paper around it
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


def find_paper(grey: Levels) -> tuple[Picture | float, float]:
    """The grey level of the paper, as the border of the picture has it, and its noise (a standard deviation).

    Where most of it is of one level that is one number. In a photo the light is uneven: there a quadratic surface is
    fitted to the border, three times over, each time leaving out what is too far from the last one to be paper.
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
        kept = off <= 3 * noise
        weights = np.linalg.lstsq(at_border[kept], levels[kept])[0]
        off = np.abs(levels - at_border @ weights)
        noise = max(1.4826 * float(np.median(off)), 1)
    return (terms @ weights).astype(np.float32), noise


def smooth(ink: Bytes) -> Bytes:
    """The median of three neighbours, down and then across: lone pixels go, while a blur would soften every edge."""
    for _ in ("down", "across"):
        framed = np.pad(ink, ((1, 1), (0, 0)))
        before, after = framed[:-2], framed[2:]
        ink = np.maximum(np.minimum(before, ink), np.minimum(np.maximum(before, ink), after)).T
    return ink


def drop_noise(ink: Bytes, noise: float, side: int) -> Bytes:
    """Keep patches of ink that reach a stroke's darkness and are not tiny beside the largest, which must be no dot.

    side: the longer side of the whole picture.
    """
    inked, strong = ink >= np.clip(4 * noise, FAINT, STRONG), ink >= STRONG
    patches, count = scipy.ndimage.label(inked, np.ones((3, 3)))
    if count == 1 and strong.any() and not _is_dot(crop(inked), side):
        return np.where(inked, ink, np.uint8(0))  # as below, with no need to tell patches apart
    areas = np.bincount(patches[strong], minlength=count + 1)
    if not areas.any() or _is_dot(crop(patches == areas.argmax()), side):
        raise BlankDrawing(SPECKS)
    kept = (areas > SPECK * areas.max())[patches]
    return np.where(kept, ink, np.uint8(0))


def _is_dot(patch: npt.NDArray[np.bool_], side: int) -> bool:
    """Tiny in a picture with that longer side; or small, round and filled, as one touch of a thick pen leaves it."""
    short, long = sorted(patch.shape)
    return long < 0.05 * side or (long < 0.15 * side and long < 1.5 * short and bool(patch.mean() > 0.7))


def crop(ink: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The smallest rectangle that holds all the ink."""
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def thin(ink: Levels) -> Levels:
    """Wear strokes off from both sides that are thicker than THICK: a small digit drawn with a thick pen.

    Of digits 60 pixels high, drawn with a pen of 28, a network that was trained on MNIST then reads 85 % and not 56 %.
    """
    side = max(ink.shape)
    step = -(-side // 64)  # so many pixels are enough to measure a width
    width = step * stroke_width(ink[::step, ::step] >= STRONG)
    if side < 2 * BOX or width <= THICK * side:
        return ink
    depths = scipy.ndimage.distance_transform_edt(np.pad(ink >= STRONG, 1))[1:-1, 1:-1]
    worn = (width - THICK * side) / (2 - 2 * THICK)  # from each side; the digit becomes smaller by as much
    return crop(ink * np.clip(depths - min(worn, 0.7 * depths.max()), 0, 1).astype(np.float32))


def stroke_width(strong: npt.NDArray[np.bool_]) -> float:
    """Pixels: four times the mean distance from the edge, which within a band is a quarter of its width."""
    distances = scipy.ndimage.distance_transform_edt(np.pad(strong, 1))
    # from the middle of a pixel to its edge is half
    return 4 * (float(distances.sum()) / max(int(strong.sum()), 1) - 0.5)


def fit_box(ink: Levels) -> Picture:
    """Scale to a longer side of 20 pixels, each new pixel the exact mean of the area it covers."""
    height, width = (max(1, round(side * BOX / max(ink.shape))) for side in ink.shape)
    down, across = _overlap(ink.shape[0], height), _overlap(ink.shape[1], width)
    return np.asarray(down @ ink @ across.T, np.float32)


def _overlap(pixels: int, cells: int) -> Picture:
    """How much of each of the pixels lies in each of the cells laid over them: (cells, pixels), rows sum to 1."""
    edges = np.linspace(0, pixels, cells + 1)[:, None]
    starts = np.arange(pixels)
    lengths = np.minimum(edges[1:], starts + 1) - np.maximum(edges[:-1], starts)
    return np.maximum(lengths * cells / pixels, 0).astype(np.float32)


def centre_mass(ink: Picture) -> Picture:
    """Place on 28x28 so that the centre of mass is within half a pixel of (14, 14): moved by whole pixels, as MNIST."""
    image = np.zeros((SIDE, SIDE), np.float32)
    starts = []
    for axis, side in enumerate(ink.shape):
        mass = ink.sum(axis=1 - axis)
        start = round(CENTRE - float(mass @ np.arange(side) / mass.sum()))
        starts.append(min(max(start, 0), SIDE - side))  # a very lopsided digit stops at the edge, whole
    (top, left), (height, width) = starts, ink.shape
    image[top : top + height, left : left + width] = ink
    return image
