"""Network input: the 28 x 28 pixels that the network sees, as a heatmap and as a picture."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dashboard.charts.plotly_marks import fixed, plotly_figure
from dashboard.charts.style import LABEL, color_scale
from dashboard.theme import Palette

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

CELL = 10  # pixels on the screen for each of the 28 x 28
WIDTH, HEIGHT = 352, 440  # of the whole figure, in pixels
MARGIN = {"l": 52, "t": 40, "autoexpand": False}
HOVER = "Row %{y}, column %{x}<br>Ink: <b>%{z}</b> of 255<br>Network input: <b>%{customdata:.3f}</b><extra></extra>"


def network_input_figure(image: NDArray[np.uint8], palette: Palette) -> PlotlyFigure:
    """A heatmap of the ink (uint8, 0 to 255); hover shows the network's input (0 to 1)."""
    from plotly.graph_objects import Figure

    empty = _empty_figure(palette, *image.shape)
    heat = empty["data"][0] | {"z": image, "customdata": image / 255}
    # Plotly has checked the empty figure. Checking it again takes 90 % of the time, at each stroke.
    return Figure([heat], empty["layout"], _validate=False)


@lru_cache(maxsize=4)
def _empty_figure(palette: Palette, rows: int, columns: int) -> dict[str, Any]:
    """The heatmap without ink, as Plotly's dict."""
    bar = {
        "orientation": "h",
        "y": -0.16,
        "yanchor": "top",
        "thickness": 12,
        "len": 1,
        "tickvals": [0, 64, 128, 192, 255],
        "tickfont": {"color": palette.muted, "size": LABEL},
        "title": {"text": "Ink, 0 to 255", "side": "top", "font": {"color": palette.muted, "size": LABEL}},
        "outlinecolor": palette.line,
    }
    heat = {"type": "heatmap", "zmin": 0, "zmax": 255, "hovertemplate": HOVER}
    ticks = {"tickvals": [0, 7, 14, 21, 27], "showgrid": False, "mirror": True, "showline": True}
    margin = MARGIN | {"r": WIDTH - MARGIN["l"] - columns * CELL, "b": HEIGHT - MARGIN["t"] - rows * CELL}
    figure = plotly_figure(
        [heat | {"colorscale": color_scale(palette.sequential), "colorbar": bar}],
        palette,
        title="Intensity of each pixel",
        height=HEIGHT,
        width=WIDTH,
        margin=margin,
        xaxis=fixed("Column", **ticks),
        yaxis=fixed("Row", autorange="reversed", **ticks),
    )
    checked: dict[str, Any] = figure.to_dict()
    return checked


def enlarged(image: NDArray[np.generic], side: int) -> NDArray[np.uint8]:
    """The picture on a black square of about `side` pixels; [0, 1] becomes 0..255."""
    if image.dtype != np.uint8:
        image = np.rint(255 * image).astype(np.uint8)
    largest = max(image.shape)
    factor, step = max(1, side // largest), max(1, largest // side)
    blocks = image[::step, ::step].repeat(factor, axis=0).repeat(factor, axis=1)
    square = np.zeros((max(side, *blocks.shape),) * 2, np.uint8)
    top, left = ((square.shape[0] - length) // 2 for length in blocks.shape)
    square[top : top + blocks.shape[0], left : left + blocks.shape[1]] = blocks
    return square
