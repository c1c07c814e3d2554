"""Probabilities: those that the network gives to all ten classes."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.charts.vega_marks import VegaFigure, names, numbers, tip, vega_figure
from dashboard.theme import Palette
from experiments.formats import probability


def probability_figure(
    probabilities: NDArray[np.float32] | None, classes: tuple[str, ...], palette: Palette, *, known: bool = True
) -> VegaFigure:
    """Ten bars from 0 to 100 %, the answer's in the accent colour; without an answer, only axes.

    Where the drawing looks like none of the classes (not `known`) the bars are hollow. Only the
    data change from drawing to drawing, so the chart stays and its bars move.
    """
    rows = pd.DataFrame({"name": classes, "percent": np.nan, "text": "", "best": False, "known": known})
    if probabilities is not None:
        rows["percent"] = 100 * probabilities.astype(float)
        rows["text"] = [probability(share) for share in probabilities.tolist()]
        rows["best"] = known & (rows.index == int(probabilities.argmax()))
    # The axis ends beyond 100 %: the number stands behind the longest bar, too.
    x = numbers("percent", "Probability (%)", scale={"domain": [0, 122]}, axis={"values": [0, 25, 50, 75, 100]})
    y = names("name", title=None, scale={"domain": list(classes)}, axis={"labelFontSize": 14, "labelOverlap": False})
    color = {"condition": {"test": "datum.best", "value": palette.accent}, "value": palette.muted}
    bars = {
        "fill": color,
        "fillOpacity": {"condition": {"test": "datum.known", "value": 1}, "value": 0.15},
        "stroke": color,
        "strokeOpacity": {"condition": {"test": "datum.known", "value": 0}, "value": 1},
        "tooltip": [tip("name", "Class"), tip("percent", "Probability (%)", ".3f")],
    }
    text = {"type": "text", "align": "left", "dx": 5, "color": palette.muted}
    layers = [
        {"mark": {"type": "bar", "height": {"band": 0.65}}, "encoding": bars},
        {"mark": text, "encoding": {"text": {"field": "text"}}},
    ]
    title = "Probability of each class"
    return vega_figure(rows, palette, layers, title=title, height=330, encoding={"x": x, "y": y})
