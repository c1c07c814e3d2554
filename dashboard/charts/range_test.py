"""Range test chart, as Vega-Lite: the loss at each learning rate, the range that it suggests and where it diverges."""

from typing import Any

import numpy as np
import pandas as pd

from dashboard.charts.style import VEGA
from dashboard.charts.training import HOVER, LOSS_TITLES
from dashboard.theme import Palette
from experiments.range_test import HIGHEST, RangeTest
from model.schedules import LOWEST

MAX_POINTS = 400
ROOM = 1.15  # times the loss at the start: what rises above it runs out of the chart
RATES = [float(f"1e{power}") for power in range(-5, 2)]
COLUMNS = ["kind", "rate", "value", "raw", "low", "high", "note"]


def range_test_figure(found: RangeTest, palette: Palette, *, loss: str) -> dict[str, Any]:
    """A growing test changes the data only, so the chart on the screen stays."""
    rates = {"domain": [HIGHEST * LOWEST, HIGHEST], "type": "log", "nice": False}
    x = {"type": "quantitative", "scale": rates, "title": "Learning rate"}
    x_axis = {"values": RATES, "format": "~g", "grid": False, "labelFlush": False}
    # the loss at the start is not known before the test, and what it is must not change the specification
    y = {"type": "quantitative", "title": LOSS_TITLES[loss], "scale": {"zero": True}, "axis": {"format": ".3~g"}}
    lines = {"x": x | {"field": "rate", "axis": x_axis}}
    tips = [
        {"field": "rate", "title": "Learning rate", "type": "quantitative", "format": ".2~g"},
        {"field": "value", "title": "Loss, smoothed", "type": "quantitative", "format": ".3~f"},
        {"field": "raw", "title": "Loss of the step", "type": "quantitative", "format": ".3~f"},
    ]

    def layer(kind: str, mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
        return {
            "transform": [{"filter": f"datum.kind == '{kind}'"}],
            "mark": {"aria": False, "clip": True} | mark,
            "encoding": encoding,
        }

    def note(kind: str, color: str, y: str | int, align: str) -> dict[str, Any]:
        place = {"align": align, "dx": 6 if align == "left" else -6, "dy": 12, "fontSize": 12}
        mark = {"type": "text", "color": color, "clip": False} | place
        return layer(kind, mark, lines | {"text": {"field": "note"}, "y": {"value": y}})

    rule = {"type": "rule", "strokeWidth": 2}
    return {
        "data": range_test_points(found),
        "height": 340,
        "title": "Loss while the learning rate rises",
        "layer": [
            layer(
                "range",
                {"type": "rect", "color": palette.correct, "opacity": 0.16},
                {"x": lines["x"] | {"field": "low"}, "x2": {"field": "high"}},
            ),
            layer("curve", {"type": "line", "strokeWidth": 1, "opacity": 0.35, "color": palette.training},
                  lines | {"y": y | {"field": "raw"}}),
            layer("curve", {"type": "line", "strokeWidth": 2.5, "color": palette.training},
                  lines | {"y": y | {"field": "value"}}),
            layer("suggested", rule | {"color": palette.correct}, lines),
            layer("diverges", rule | {"color": palette.wrong, "strokeDash": [5, 3]}, lines),
            note("suggested", palette.text, 0, "right"),
            note("diverges", palette.text, 0, "left"),
            HOVER | {
                "transform": [{"filter": "datum.kind == 'curve'"}],
                "encoding": lines | {"y": y | {"field": "value"}, "tooltip": tips},
            },
        ],
        "config": VEGA,
    }  # fmt: skip


def range_test_points(found: RangeTest) -> pd.DataFrame:
    """Rows (kind, rate, value, raw, low, high, note): the curve, then what is read from it, as far as it is known."""
    most = ROOM * found.smoothed[0] if len(found.smoothed) else 0.0
    above = found.smoothed > most
    end = int(above.argmax()) + 1 if above.any() else len(above)  # what comes after it has left the chart for good
    thin = np.arange(0, end, max(1, end // MAX_POINTS))
    curve = pd.DataFrame({"kind": "curve", "rate": found.rates[thin]})
    curve["value"], curve["raw"] = (values[thin].clip(max=most) for values in (found.smoothed, found.losses))
    marks = []
    if found.suggested is not None:
        marks.append({"kind": "range", "low": found.suggested_low, "high": found.suggested_high})
        marks.append({"kind": "suggested", "rate": found.suggested, "note": f"suggested {found.suggested:g}"})
    if found.diverges_at is not None:
        marks.append({"kind": "diverges", "rate": found.diverges_at, "note": f"diverges at {found.diverges_at:g}"})
    return pd.concat([curve, pd.DataFrame(marks, columns=COLUMNS)]).reindex(columns=COLUMNS)
