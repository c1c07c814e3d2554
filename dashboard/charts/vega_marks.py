"""Vega-Lite marks: the parts of charts whose data change while they are looked at.

A chart with a fixed specification stays on the screen while its data grow, so hover and brush
last. Streamlit mounts a new Plotly chart at each change instead. Plain dicts, because Altair takes
40 ms to build each chart.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd

from dashboard.charts.style import vega_config
from dashboard.theme import Palette

VegaFigure: TypeAlias = dict[str, Any]
Encoding: TypeAlias = dict[str, Any]

NEAREST = {  # invisible points, of which the nearest to the pointer shows its tooltip
    "params": [
        {"name": "near", "select": {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout"}}
    ],
    "mark": {"type": "point", "opacity": 0},
}


def vega_figure(
    data: pd.DataFrame, palette: Palette, layers: Sequence[VegaFigure], *, title: Any, height: int, **more: Any
) -> VegaFigure:
    """A chart in the look of the app; `height` in pixels is that of the plot alone."""
    return {
        "data": data,
        "title": title,
        "height": height,
        "layer": list(layers),
        "config": vega_config(palette),
    } | more


def layer(test: str, mark: Mapping[str, Any], encoding: Encoding, **more: Any) -> VegaFigure:
    """A layer of the rows that pass a test, hidden from screen readers."""
    return {"transform": [{"filter": test}], "mark": {"aria": False} | dict(mark), "encoding": encoding} | more


def numbers(field: str, title: str | None, **more: Any) -> Encoding:
    """An encoding by a column of numbers."""
    return {"field": field, "type": "quantitative", "title": title} | more


def names(field: str, **more: Any) -> Encoding:
    """An encoding by a column of names, in the order of the data."""
    return {"field": field, "type": "nominal", "sort": None} | more


def tip(field: str, title: str, number: str = "") -> Encoding:
    """A line of a tooltip; `number` is the format of a column of numbers."""
    kind = {"type": "quantitative", "format": number} if number else {"type": "nominal"}
    return {"field": field, "title": title} | kind
