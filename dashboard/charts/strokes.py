"""Strokes: the original of a drawing, as the canvas had it."""

import json
from base64 import b64encode
from typing import Any

from dashboard.theme import Palette

COMMANDS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}  # of a path, and how many numbers follow
CANVAS = 280  # pixels


def strokes_image(strokes: str, palette: Palette) -> str:
    """What the canvas held (JSON) as an image in the colours of the theme; empty where there is nothing to draw."""
    try:
        objects = json.loads(strokes)["objects"] if strokes else []
        paths = [_path(each) for each in objects if each.get("type", "").lower() == "path"]
    except (ValueError, TypeError, KeyError, AttributeError):
        return ""
    if not paths:
        return ""
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {CANVAS} {CANVAS}" fill="none" '
        f'stroke="{palette.sequential[-1]}" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="M0 0H{CANVAS}V{CANVAS}H0Z" fill="{palette.sequential[0]}" stroke="none"/>{"".join(paths)}</svg>'
    )
    return (
        f'<img src="data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}" alt="The strokes as they were drawn">'
    )


def _path(stroke: dict[str, Any]) -> str:
    # they may come from a file of somebody else: nothing but numbers and known letters gets into the page
    words = []
    for command, *numbers in stroke["path"]:
        if len(numbers) != COMMANDS[command]:
            raise ValueError(command)
        words.append(command + " ".join(f"{float(number):.1f}" for number in numbers))
    return f'<path d="{" ".join(words)}" stroke-width="{float(stroke.get("strokeWidth", 20)):.1f}"/>'
