"""Strokes: the original of a drawing, as the canvas had it."""

import json
from html import escape
from typing import Any

from dashboard.theme import Palette

COMMANDS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}  # of a path, and how many numbers follow
CANVAS = 280  # pixels


def strokes_svg(strokes: str, palette: Palette, *, side: int) -> str:
    """What the canvas held (JSON) in the colours of the theme; empty where that is nothing that can be drawn."""
    try:
        objects = json.loads(strokes)["objects"] if strokes else []
        paths = [_path(each) for each in objects if each.get("type", "").lower() == "path"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
    if not paths:
        return ""
    return (
        f'<svg width="{side}" height="{side}" viewBox="0 0 {CANVAS} {CANVAS}" role="img" aria-label="The strokes" '
        f'style="background: {palette.sequential[0]}; border: 1px solid {palette.line}; border-radius: 8px;" '
        f'fill="none" stroke="{palette.sequential[-1]}" stroke-linecap="round" stroke-linejoin="round">'
        f"{''.join(paths)}</svg>"
    )


def _path(stroke: dict[str, Any]) -> str:
    # they may come from a file of somebody else: nothing but numbers and known letters gets into the page
    words = []
    for command, *numbers in stroke["path"]:
        if len(numbers) != COMMANDS[command]:
            raise ValueError(command)
        words.append(command + " ".join(f"{float(number):.1f}" for number in numbers))
    return f'<path d="{escape(" ".join(words))}" stroke-width="{float(stroke.get("strokeWidth", 20)):.1f}"/>'
