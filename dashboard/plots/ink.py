"""Ink: the picture that the network reads, and the stages on the way to it."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.plots.style import styled
from dashboard.theme import Palette, scale


def ink_figure(image: NDArray[np.uint8], palette: Palette) -> go.Figure:
    """A heatmap of the 28x28 intensities, each with its value on hover."""
    figure = go.Figure(
        go.Heatmap(
            z=image,
            zmin=0,
            zmax=255,
            colorscale=scale(palette.sequential),
            colorbar={"title": {"text": "ink"}, "thickness": 12, "tickvals": [0, 64, 128, 192, 255], "outlinewidth": 0},
            customdata=image / 255,
            hovertemplate="row %{y}, column %{x}<br>ink %{z} of 255<br>input %{customdata:.3f}<extra></extra>",
        )
    )
    styled(figure, palette, title="Intensity of each pixel", x="column", y="row", height=340)
    figure.update_xaxes(showgrid=False, zeroline=False, tickvals=[0, 7, 14, 21, 27], constrain="domain")
    figure.update_yaxes(
        showgrid=False,
        zeroline=False,
        tickvals=[0, 7, 14, 21, 27],
        autorange="reversed",
        scaleanchor="x",
        constrain="domain",
    )
    return figure


def enlarged(image: NDArray, side: int) -> NDArray[np.uint8]:
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
