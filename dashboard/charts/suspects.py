"""Suspects: one image whose label is doubted, beside those it is like."""

from base64 import b64encode
from collections.abc import Iterable
from html import escape

import numpy as np

from dashboard.charts.sheet import ink_png
from dashboard.theme import Palette


def suspect_card(
    image: np.ndarray, title: str, rows: Iterable[tuple[str, Iterable[np.ndarray]]], palette: Palette
) -> str:
    """The image large, and a row of small ones under each heading."""
    groups = "".join(
        f"<section><h4>{escape(heading)}</h4><div>{''.join(_image(like, palette) for like in images)}</div></section>"
        for heading, images in rows
    )
    return (
        f'<div class="suspect" style="--line: {palette.line}; --muted: {palette.muted};">'
        f"{_image(image, palette, title)}<div>{groups}</div></div>"
    )


def _image(image: np.ndarray, palette: Palette, alt: str = "") -> str:
    source = b64encode(ink_png(image, palette)).decode()
    return f'<img src="data:image/png;base64,{source}" alt="{escape(alt)}">'
