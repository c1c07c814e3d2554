"""Cells: the layers of a chart whose cells hold a number each, can be clicked, and of which one is outlined."""

from typing import Any

from dashboard.theme import Palette

CELL = "cell"  # the name of the selection


def cell_layers(
    fields: list[str], fill: dict[str, Any], ink: dict[str, Any], tips: list[dict[str, Any]], palette: Palette
) -> list[dict[str, Any]]:
    """A click selects by `fields`; the data tell `number`, `description` and whether a cell is `picked`."""
    select = {"type": "point", "fields": fields, "toggle": False, "clear": False}
    outline = {"type": "rect", "filled": False, "stroke": palette.validation, "strokeWidth": 3, "aria": False}
    return [
        {
            "params": [{"name": CELL, "select": select}],
            "mark": {"type": "rect", "stroke": palette.line, "cursor": "pointer"},
            "encoding": {"color": fill, "tooltip": tips, "description": {"field": "description"}},
        },
        {
            "mark": {"type": "text", "fontSize": 12, "aria": False},
            "encoding": {"text": {"field": "number"}, "color": ink},
        },
        {"transform": [{"filter": "datum.picked"}], "mark": outline},
    ]
