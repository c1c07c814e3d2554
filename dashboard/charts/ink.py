"""Ink: the picture that the network reads, and the stages on the way to it."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.charts.style import VEGA
from dashboard.theme import Palette

CELL = 10  # pixels on the screen for each of the 28x28


def ink_figure(image: NDArray[np.uint8], palette: Palette) -> dict[str, Any]:
    """A heatmap of the intensities, each with its value on hover, as Vega-Lite."""
    row, column = np.indices(image.shape).reshape(2, -1)
    ink = image.ravel().astype(int)
    # one stop for each of the ten colours that the theme has for heatmaps: it follows a change of theme by itself
    stops = np.linspace(0, 255, len(palette.sequential)).tolist()
    ticks = {"values": [0, 7, 14, 21, 27], "grid": False, "ticks": False, "labelAngle": 0}
    color = {
        "field": "ink",
        "type": "quantitative",
        "scale": {"domain": stops, "range": "heatmap", "interpolate": "rgb"},
        "legend": {
            "title": "Ink, 0 to 255",
            "orient": "bottom",
            "direction": "horizontal",
            "values": [0, 64, 128, 192, 255],
            "type": "symbol",  # a gradient is found by the page's address, and gone when that changes
            "symbolType": "square",
            "symbolSize": 300,
            "symbolStrokeColor": palette.line,
            "symbolStrokeWidth": 1,
        },
    }
    tips = [
        {"field": "row", "title": "Row", "type": "ordinal"},
        {"field": "column", "title": "Column", "type": "ordinal"},
        {"field": "ink", "title": "Ink (0 to 255)", "type": "quantitative"},
        {"field": "input", "title": "Network input (0 to 1)", "type": "quantitative", "format": ".3f"},
    ]
    return {
        "data": pd.DataFrame({"row": row, "column": column, "ink": ink, "input": ink / 255}),
        "width": image.shape[1] * CELL,
        "height": image.shape[0] * CELL,
        "autosize": "pad",  # every cell is a whole number of pixels: no seams
        "title": "Intensity of each pixel",
        "view": {"stroke": palette.line, "strokeWidth": 2},  # the outer half of it is not covered by cells
        "mark": "rect",
        "encoding": {
            "x": {"field": "column", "type": "ordinal", "title": "Column", "axis": ticks},
            "y": {"field": "row", "type": "ordinal", "title": "Row", "axis": ticks},
            "color": color,
            "tooltip": tips,
        },
        "config": VEGA,
    }


def enlarged(image: NDArray[np.generic], side: int) -> NDArray[np.uint8]:
    """The picture on a black square of about `side` pixels, its own pixels sharp blocks; [0, 1] becomes 0..255."""
    if image.dtype != np.uint8:
        image = np.rint(255 * image).astype(np.uint8)
    largest = max(image.shape)
    factor, step = max(1, side // largest), max(1, largest // side)
    blocks = image[::step, ::step].repeat(factor, axis=0).repeat(factor, axis=1)
    square = np.zeros((max(side, *blocks.shape),) * 2, np.uint8)
    top, left = ((square.shape[0] - length) // 2 for length in blocks.shape)
    square[top : top + blocks.shape[0], left : left + blocks.shape[1]] = blocks
    return square
