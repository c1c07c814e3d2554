"""Thumbnails: what a sheet of images to choose among is given to show."""

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.charts.sheet import ink_png
from dashboard.theme import Palette


@dataclass(frozen=True)
class Thumbnail:
    """One image with its label, what was read in it where that is something else, and what else there is to say."""

    id: str
    image: np.ndarray  # uint8 (28, 28)
    label: str
    answer: str = ""
    notes: tuple[str, ...] = ()
    is_faint: bool = False  # it does not count


def thumbnails_data(thumbnails: Iterable[Thumbnail], palette: Palette) -> list[dict[str, Any]]:
    """As dashboard/data/thumbnails.js takes it."""
    return [
        {
            "id": thumbnail.id,
            "image": f"data:image/png;base64,{b64encode(ink_png(thumbnail.image, palette)).decode()}",
            "label": thumbnail.label,
            "answer": thumbnail.answer,
            "notes": thumbnail.notes,
            "faint": thumbnail.is_faint,
        }
        for thumbnail in thumbnails
    ]
