"""Probability: what the network thinks of all ten classes."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.charts.style import VEGA
from dashboard.theme import Palette


def probability_figure(
    probabilities: NDArray[np.float32] | None, classes: tuple[str, ...], palette: Palette, *, known: bool = True
) -> dict[str, Any]:
    """Ten bars from 0 to 100 %, the answer's in the accent colour, as Vega-Lite; before an answer, the axes alone.

    Where the drawing looks like none of the classes (not `known`) the bars are hollow and none is the answer's.
    Only the data change from drawing to drawing, so the chart on the screen stays and its bars move.
    """
    rows = pd.DataFrame({"name": classes, "percent": np.nan, "text": "", "best": False, "known": known})
    if probabilities is not None:
        rows["percent"] = 100 * probabilities.astype(float)
        rows["text"] = [percent_text(share) for share in probabilities]
        rows["best"] = known & (rows.index == int(probabilities.argmax()))
    # The axis ends beyond 100 %: the number stands behind the longest bar, too.
    x = {"field": "percent", "type": "quantitative", "title": "Probability (%)", "scale": {"domain": [0, 116]}}
    y = {"field": "name", "type": "nominal", "title": None, "scale": {"domain": list(classes)}}
    color = {"condition": {"test": "datum.best", "value": palette.accent}, "value": palette.muted}
    full = {"condition": {"test": "datum.known", "value": 1}, "value": 0.15}
    outline = {"condition": {"test": "datum.known", "value": 0}, "value": 1}
    tips = [
        {"field": "name", "title": "Class", "type": "nominal"},
        {"field": "percent", "title": "Probability (%)", "type": "quantitative", "format": ".3f"},
    ]
    return {
        "data": rows,
        "height": 330,
        "title": "Probability of each class",
        "encoding": {
            "x": x | {"axis": {"values": [0, 25, 50, 75, 100]}},
            "y": y | {"axis": {"labelFontSize": 14, "labelOverlap": False}},
        },
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.65}},
                "encoding": {
                    "fill": color,
                    "fillOpacity": full,
                    "stroke": color,
                    "strokeOpacity": outline,
                    "tooltip": tips,
                },
            },
            {
                "mark": {"type": "text", "align": "left", "dx": 5, "color": palette.muted},
                "encoding": {"text": {"field": "text"}},
            },
        ],
        "config": VEGA,
    }


def percent_text(share: float) -> str:
    """97.4 %; never 100 % for what is not certain, never 0 % for what is possible."""
    percent = 100 * float(share)
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"
