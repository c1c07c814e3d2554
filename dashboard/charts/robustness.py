"""Robustness charts, as Vega-Lite: the accuracy at each strength of one disturbance, and the key to all of them."""

from collections.abc import Iterable
from html import escape
from typing import Any

import pandas as pd

from dashboard.charts.style import VEGA
from dashboard.theme import Palette
from experiments.robustness import Disturbance
from model.metrics import wilson_interval

POINT = "point"  # the selection of a robustness figure: {"strength": number}
DASHES = ([1, 0], [5, 3])  # of the model and of what it is compared with: colour is not the only sign
SHAPES = ("circle", "diamond")


def robustness_figure(
    counts: Iterable[tuple[int, float, int]],
    disturbance: Disturbance,
    palette: Palette,
    *,
    total: int,
    picked: float | None,
    turn: int,
) -> dict[str, Any]:
    """Counts are (curve 0 or 1, strength, right answers); there is a line at `picked`. Clicking a point selects it.

    What is measured or picked changes the data only, so the chart on the screen stays.
    """
    strengths = disturbance.strengths
    curves = {"field": "curve", "type": "nominal", "legend": None}
    color = curves | {"scale": {"domain": [0, 1], "range": [palette.accent, palette.muted]}}
    x = {"field": "strength", "type": "quantitative", "title": disturbance.axis}
    # labels that do not fit go by turns: the first, the middle and the last stay
    x_axis = {"values": strengths, "grid": False, "labelFlush": False, "labelOverlap": "parity"}
    y = {"field": "accuracy", "type": "quantitative", "title": "Read correctly (%)"}
    tips = [
        {"field": "strength", "title": disturbance.axis, "type": "quantitative"},
        {"field": "accuracy", "title": "Read correctly (%)", "type": "quantitative", "format": ".1f"},
        {"field": "low", "title": "95 % interval from (%)", "type": "quantitative", "format": ".1f"},
        {"field": "high", "title": "to (%)", "type": "quantitative", "format": ".1f"},
    ]
    select = {"type": "point", "fields": ["strength", "turn"], "nearest": True, "toggle": False, "clear": False}
    return {
        "data": robustness_points(counts, disturbance, total=total, picked=picked, turn=turn),
        "height": 230,
        "title": f"Accuracy by {disturbance.title.lower()}",
        "encoding": {
            "x": x | {"scale": {"domain": [strengths[0], strengths[-1]], "nice": False, "padding": 8}, "axis": x_axis},
            "y": y | {"scale": {"domain": [0, 100]}, "axis": {"values": [0, 25, 50, 75, 100], "labelFlush": False}},
        },
        "layer": [
            {
                "transform": [{"filter": "datum.undisturbed && datum.curve == 0"}],
                "mark": {"type": "rule", "color": palette.text, "strokeDash": [1, 4], "aria": False},
                "encoding": {"x": None},
            },
            {
                "transform": [{"filter": "datum.picked"}],
                "mark": {"type": "rule", "color": palette.validation, "strokeWidth": 2, "aria": False},
                "encoding": {"y": None},
            },
            {
                "mark": {"type": "area", "opacity": 0.3, "aria": False},
                "encoding": {"y": y | {"field": "low"}, "y2": {"field": "high"}, "color": color},
            },
            {
                "mark": {"type": "line", "strokeWidth": 2, "aria": False},
                "encoding": {
                    "color": color,
                    "strokeDash": curves | {"scale": {"domain": [0, 1], "range": DASHES}},
                },
            },
            {
                "mark": {"type": "point", "filled": True, "opacity": 1, "size": 30, "aria": False},
                "encoding": {"color": color, "shape": curves | {"scale": {"domain": [0, 1], "range": SHAPES}}},
            },
            {
                "params": [{"name": POINT, "select": select}],
                "mark": {"type": "point", "opacity": 0, "cursor": "pointer"},
                "encoding": {"tooltip": tips},
            },
        ],
        "config": VEGA,
    }


def robustness_points(
    counts: Iterable[tuple[int, float, int]],
    disturbance: Disturbance,
    *,
    total: int,
    picked: float | None,
    turn: int,
) -> pd.DataFrame:
    """A row for each strength that was measured, with its 95 % Wilson interval.

    The turn counts the picks so far: it makes a click news though the point was the last one clicked.
    """
    rows = []
    for curve, strength, right in counts:
        low, high = wilson_interval(right, total)
        here = strength == picked, strength == disturbance.none
        rows.append((curve, strength, 100 * right / total, 100 * low, 100 * high, *here, turn))
    columns = ["curve", "strength", "accuracy", "low", "high", "picked", "undisturbed", "turn"]
    return pd.DataFrame(rows, columns=columns)


def key_to_curves(names: Iterable[str], palette: Palette, *, undisturbed: str) -> str:
    """What the lines of all the charts mean, as one line of HTML."""
    first, *others = names
    signs = [(first, "top: 2px solid", palette.accent), *((name, "top: 2px dashed", palette.muted) for name in others)]
    signs += [
        ("95 % interval", "top: 10px solid", f"{palette.accent}4d"),
        (f"Undisturbed: {undisturbed} %", "top: 2px dotted", palette.text),
        ("Shown below", "left: 2px solid", palette.validation),
    ]
    items = "".join(
        f'<span><i style="border-{line} {colour}"></i>{escape(name)}</span>' for name, line, colour in signs
    )
    return f'<div class="chart-key">{items}</div>'
