"""Probability: what the network thinks of all ten classes."""

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from dashboard.plots.style import styled
from dashboard.theme import Palette


def probability_figure(
    probabilities: NDArray[np.float32] | None, classes: tuple[str, ...], palette: Palette
) -> go.Figure:
    """Ten bars from 0 to 100 %, the answer's in the accent colour; before an answer, the same axes without bars."""
    percent = np.zeros(len(classes)) if probabilities is None else 100 * probabilities.astype(float)
    colours = [palette.muted] * len(classes)
    if probabilities is not None:
        colours[int(percent.argmax())] = palette.accent
    figure = go.Figure(
        go.Bar(
            x=percent,
            y=list(classes),
            orientation="h",
            marker={"color": colours, "line": {"width": 0}},
            text=[] if probabilities is None else [percent_text(share) for share in probabilities],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.3f} %<extra></extra>",
        )
    )
    styled(figure, palette, title="Probability of each class", x="probability in %", height=340)
    figure.update_layout(bargap=0.35, margin={"r": 56})
    figure.update_xaxes(range=[0, 100], tickvals=[0, 25, 50, 75, 100])
    figure.update_yaxes(type="category", autorange="reversed", showgrid=False, tickfont={"size": 14})
    return figure


def percent_text(share: float) -> str:
    """97.4 %; never 100 % for what is not certain, never 0 % for what is possible."""
    percent = 100 * float(share)
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"
