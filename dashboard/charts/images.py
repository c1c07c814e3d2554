"""Images: sheets, cards and thumbnails of digits as HTML, in the colours of the theme."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageColor

from dashboard.theme import Palette
from model.reading import parse_json

COMMANDS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}  # of a path of strokes, and how many numbers follow
CANVAS = 280  # pixels


@dataclass(frozen=True)
class Tile:
    """One image with its true class, the answer, who gave it, and lines of details."""

    image: np.ndarray  # uint8 (28, 28)
    true: str
    predicted: str
    details: tuple[str, ...] = ()
    who: str = "Predicted"
    others: tuple[tuple[str, str], ...] = ()  # (who, the answer of that one)


@dataclass(frozen=True)
class Thumbnail:
    """One image with its label, the network's answer where that differs, and notes."""

    id: str
    image: np.ndarray  # uint8 (28, 28)
    label: str
    answer: str = ""
    notes: tuple[str, ...] = ()
    is_faint: bool = False  # it does not count


def image_sheet(tiles: Iterable[Tile], palette: Palette) -> str:
    """A figure for each tile.

    A wrong answer is bold, with a cross and a thick border: not only in another colour.
    """
    colours = "".join(f"--{name}: {getattr(palette, name)};" for name in ("muted", "line", "wrong"))
    return f'<div class="sheet" style="{colours}">{"".join(_figure(tile, palette) for tile in tiles)}</div>'


def _figure(tile: Tile, palette: Palette) -> str:
    # names of classes come from files of others: escaped
    true = escape(tile.true)
    image = image_html(tile.image, f"Image of {true}", palette)
    answers = ""
    for who, predicted in ((tile.who, tile.predicted), *tile.others):
        text = f"{escape(who)} {escape(predicted)}"
        answers += f"<span>{text}</span>" if predicted == tile.true else f"<b>× {text}</b>"
    details = "".join(f"<small>{escape(line)}</small>" for line in tile.details)
    kind = "right" if tile.true == tile.predicted else "wrong"
    return f'<figure class="{kind}">{image}<figcaption><span>True {true}</span>{answers}{details}</figcaption></figure>'


def image_columns(columns: Iterable[tuple[str, Iterable[np.ndarray]]], palette: Palette) -> str:
    """A column of images for each name: the original first, then changed versions of it."""
    figures = []
    for name, (original, *changed) in columns:
        images = image_html(original, f"Image of {escape(name)}", palette)
        images += "".join(image_html(image, "changed", palette) for image in changed)
        figures.append(f"<figure>{images}</figure>")
    return f'<div class="columns-sheet" style="--line: {palette.line};">{"".join(figures)}</div>'


def label_error_card(
    image: np.ndarray, title: str, rows: Iterable[tuple[str, Iterable[np.ndarray]]], palette: Palette
) -> str:
    """An image whose label may be wrong, large, and a row of similar ones under each heading."""
    groups = ""
    for heading, similar in rows:
        images = "".join(image_html(like, "", palette) for like in similar)
        groups += f"<section><h4>{escape(heading)}</h4><div>{images}</div></section>"
    colours = f"--line: {palette.line}; --muted: {palette.muted};"
    picture = image_html(image, escape(title), palette)
    return f'<div class="label-error" style="{colours}">{picture}<div>{groups}</div></div>'


def thumbnails_data(thumbnails: Iterable[Thumbnail], palette: Palette) -> list[dict[str, Any]]:
    """As dashboard/data/thumbnails.js takes it."""
    return [
        {
            "id": thumbnail.id,
            "image": image_address(thumbnail.image, palette),
            "label": thumbnail.label,
            "answer": thumbnail.answer,
            "notes": thumbnail.notes,
            "faint": thumbnail.is_faint,
        }
        for thumbnail in thumbnails
    ]


def strokes_image(strokes: str, palette: Palette) -> str:
    """The strokes of a canvas (JSON) as an image; empty where there is nothing to draw."""
    try:
        objects = parse_json(strokes)["objects"] if strokes else []
        paths = [_path(each) for each in objects if each.get("type", "").lower() == "path"]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return ""
    if not paths:
        return ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {CANVAS} {CANVAS}" fill="none" '
        f'stroke="{palette.sequential[-1]}" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="M0 0H{CANVAS}V{CANVAS}H0Z" fill="{palette.sequential[0]}" stroke="none"/>{"".join(paths)}</svg>'
    )
    address = f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
    return f'<img src="{address}" alt="The strokes as they were drawn">'


def _path(stroke: dict[str, Any]) -> str:
    # strokes may come from a stranger's file: only numbers and known letters get into the page
    words = []
    for command, *numbers in stroke["path"]:
        if len(numbers) != COMMANDS[command]:
            raise ValueError(command)
        words.append(command + " ".join(f"{float(number):.1f}" for number in numbers))
    return f'<path d="{" ".join(words)}" stroke-width="{float(stroke.get("strokeWidth", 20)):.1f}"/>'


def image_html(image: np.ndarray, alt: str, palette: Palette) -> str:
    """An img element; `alt` is HTML."""
    return f'<img src="{image_address(image, palette)}" alt="{alt}">'


def image_address(image: np.ndarray, palette: Palette) -> str:
    """The image (uint8) as a data URL."""
    return f"data:image/png;base64,{b64encode(image_png(image, palette)).decode()}"


def image_png(image: np.ndarray, palette: Palette) -> bytes:
    """The image (uint8) as a PNG in the sequential colours of the theme."""
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
