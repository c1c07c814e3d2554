"""Robustness charts: the accuracy at each strength of a disturbance, and a key."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard.charts.plotly_marks import NEAREST, Trace, clickable, hover, plotly_figure
from dashboard.theme import Palette
from experiments.disturbances import Disturbance
from model.metrics import wilson_interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

DASHES = ("solid", "dash")  # of the model and of what it is compared with: colour is not the only sign
SYMBOLS = ("circle", "diamond")
LINES = ("{axis}: {strength:g}", "Read correctly: {accuracy:.1f} %", "95 % interval: {low:.1f} to {high:.1f} %")


def robustness_figure(
    counts: Iterable[tuple[int, float, int]],
    disturbance: Disturbance,
    palette: Palette,
    *,
    total: int,
    picked: float | None,
) -> PlotlyFigure:
    """Counts are (curve 0 or 1, strength, right answers); a line stands at `picked`.

    A click on a point returns its strength.
    """
    rows = robustness_points(counts, disturbance, total=total)
    strengths = disturbance.strengths
    room = (strengths[-1] - strengths[0]) / 40
    rules = [
        _rule("y", accuracy, color=palette.text, dash="dot", width=1)
        for accuracy in rows.loc[rows["undisturbed"] & (rows["curve"] == 0), "accuracy"]
    ]
    if picked is not None:
        rules.append(_rule("x", picked, color=palette.validation, width=2))
    ends = [strengths[0] - room, strengths[-1] + room]
    x = {"title": {"text": disturbance.axis}, "range": ends, "tickvals": strengths, "showgrid": False}
    y = {"title": {"text": "Read correctly (%)"}, "range": [-3, 103], "tickvals": [0, 25, 50, 75, 100]}
    traces = [trace for curve in (0, 1) for trace in _curve(rows[rows["curve"] == curve], curve, palette)]
    title = f"Accuracy by {disturbance.title.lower()}"
    return plotly_figure(traces, palette, title=title, height=310, shapes=rules, xaxis=x, yaxis=y, **NEAREST)


def _curve(rows: pd.DataFrame, curve: int, palette: Palette) -> list[Trace]:
    """The band of the intervals of one curve and its line with points."""
    color = (palette.accent, palette.muted)[curve]
    there, back = rows.sort_values("strength"), rows.sort_values("strength", ascending=False)
    outline = {"x": [*there["strength"], *back["strength"]], "y": [*there["high"], *back["low"]]}
    band = {"mode": "none", "fill": "toself", "fillcolor": f"{color}4d", "hoverinfo": "skip"}
    line = {"mode": "lines+markers", "x": there["strength"], "y": there["accuracy"]}
    line |= {
        "line": {"color": color, "width": 2, "dash": DASHES[curve]},
        "marker": {"symbol": SYMBOLS[curve], "size": 7},
    }
    points = line | clickable(there["strength"], hover(there, *LINES))
    return [{"type": "scatter"} | trace for trace in (band | outline, points)]


def _rule(axis: str, place: float, **line: Any) -> Trace:
    """A straight line across the chart at a place of one axis."""
    other = "y" if axis == "x" else "x"
    ends = {f"{axis}0": place, f"{axis}1": place, f"{other}0": 0, f"{other}1": 1}
    return {"type": "line", f"{other}ref": "paper", "line": line, "layer": "below"} | ends


def robustness_points(
    counts: Iterable[tuple[int, float, int]], disturbance: Disturbance, *, total: int
) -> pd.DataFrame:
    """Accuracy and its Wilson interval (low, high), in percent, of each measured strength."""
    rows = []
    for curve, strength, right in counts:
        low, high = wilson_interval(right, total)
        rows.append((curve, strength, 100 * right / total, 100 * low, 100 * high, strength == disturbance.none))
    table = pd.DataFrame(rows, columns=["curve", "strength", "accuracy", "low", "high", "undisturbed"])
    return table.astype({"undisturbed": bool}).assign(axis=disturbance.axis)


def key_to_curves(names: Iterable[str], palette: Palette, *, undisturbed: str) -> str:
    """The key to all the charts as one line of HTML; `undisturbed` is a percentage."""
    first, *others = names
    signs = [(first, "top: 2px solid", palette.accent), *((name, "top: 2px dashed", palette.muted) for name in others)]
    signs += [
        ("95 % interval", "top: 10px solid", f"{palette.accent}4d"),
        (f"Undisturbed: {undisturbed} %", "top: 2px dotted", palette.text),
        ("Shown below", "left: 2px solid", palette.validation),
    ]
    items = (f'<span><i style="border-{line} {colour}"></i>{escape(name)}</span>' for name, line, colour in signs)
    return f'<div class="chart-key">{"".join(items)}</div>'
