"""Sheets: many small images with a note below each, as one piece of HTML that style.css lets wrap."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from io import BytesIO

import numpy as np
from PIL import Image, ImageColor

from dashboard.theme import Palette


@dataclass(frozen=True)
class Tile:
    """One image with what it is, what was answered and by whom, and what else there is to say, line by line."""

    image: np.ndarray  # uint8 (28, 28)
    true: str
    predicted: str
    details: tuple[str, ...] = ()
    who: str = "Predicted"
    others: tuple[tuple[str, str], ...] = ()  # (who, what that one answered)


def sheet(tiles: Iterable[Tile], palette: Palette) -> str:
    """A figure for each tile. A wrong answer is bold, with a cross and a thick border: not only in another colour."""
    colours = "".join(f"--{name}: {getattr(palette, name)};" for name in ("muted", "line", "wrong"))
    return f'<div class="sheet" style="{colours}">{"".join(_figure(tile, palette) for tile in tiles)}</div>'


def columns_sheet(columns: Iterable[tuple[str, Iterable[np.ndarray]]], palette: Palette) -> str:
    """A column of images for each name: the first as it is, the others what was made of it."""
    figures = []
    for name, (original, *changed) in columns:
        alts = [f"Image of {escape(name)}", *["changed"] * len(changed)]
        images = "".join(image_html(image, alt, palette) for image, alt in zip([original, *changed], alts, strict=True))
        figures.append(f"<figure>{images}</figure>")
    return f'<div class="columns-sheet" style="--line: {palette.line};">{"".join(figures)}</div>'


def ink_png(image: np.ndarray, palette: Palette) -> bytes:
    """The image as a PNG in the sequential colours of the theme, one byte a pixel before it is packed."""
    picture = Image.fromarray(image)
    picture.putpalette(_ramp(palette.sequential))
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@lru_cache(maxsize=4)
def _ramp(colours: tuple[str, ...]) -> bytes:
    """The colour of each ink from 0 to 255, as three bytes."""
    steps = np.linspace(0, 255, len(colours))
    rgb = np.array([ImageColor.getrgb(colour) for colour in colours])
    channels = [np.interp(np.arange(256), steps, channel) for channel in rgb.T]
    return np.stack(channels, axis=1).round().astype(np.uint8).tobytes()


def _figure(tile: Tile, palette: Palette) -> str:
    # names of classes come from files of others: escaped
    true = escape(tile.true)
    image = image_html(tile.image, f"Image of {true}", palette)
    right = tile.true == tile.predicted
    answers = "".join(_answer(*one, tile.true) for one in ((tile.who, tile.predicted), *tile.others))
    details = "".join(f"<small>{escape(line)}</small>" for line in tile.details)
    kind = "right" if right else "wrong"
    return f'<figure class="{kind}">{image}<figcaption><span>True {true}</span>{answers}{details}</figcaption></figure>'


def _answer(who: str, predicted: str, true: str) -> str:
    text = f"{escape(who)} {escape(predicted)}"
    return f"<span>{text}</span>" if predicted == true else f"<b>× {text}</b>"


def image_html(image: np.ndarray, alt: str, palette: Palette) -> str:
    """`alt` is HTML."""
    source = b64encode(ink_png(image, palette)).decode()
    return f'<img src="data:image/png;base64,{source}" alt="{alt}">'
