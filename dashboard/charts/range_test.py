"""Range test chart: the loss at each learning rate, and the suggested range."""

from typing import Any

import numpy as np
import pandas as pd

from dashboard.charts.training import LOSS_TITLES
from dashboard.charts.vega_marks import NEAREST, VegaFigure, layer, numbers, tip, vega_figure
from dashboard.theme import Palette
from experiments.range_test import HIGHEST, RangeTest
from model.schedules import LOWEST

MAX_POINTS = 400
ROOM = 1.15  # times the loss at the start: a loss above it runs out of the chart
RATES = [float(f"1e{power}") for power in range(-5, 2)]
COLUMNS = ["kind", "rate", "value", "raw", "low", "high", "note"]


def range_test_figure(found: RangeTest, palette: Palette, *, loss: str) -> VegaFigure:
    """A growing test changes the data only, so the chart on the screen stays."""
    rates = {"domain": [HIGHEST * LOWEST, HIGHEST], "type": "log", "nice": False}
    ticks = {"values": RATES, "format": "~g", "grid": False, "labelFlush": False}

    def x(field: str) -> dict[str, Any]:
        return {"x": numbers(field, "Learning rate", scale=rates, axis=ticks)}

    def y(field: str) -> dict[str, Any]:
        # the loss at the start is not known before the test, and must not change the specification
        return {"y": numbers(field, LOSS_TITLES[loss], scale={"zero": True}, axis={"format": ".3~g"})}

    def mark(kind: str, color: str, *, width: float = 2, **look: Any) -> dict[str, Any]:
        return {"type": kind, "clip": True, "color": color, "strokeWidth": width} | look

    def note(kind: str, align: str) -> VegaFigure:
        look = {"type": "text", "align": align, "dx": 6 if align == "left" else -6, "dy": 12, "fontSize": 12}
        text = {"text": {"field": "note"}, "y": {"value": 0}}
        return layer(f"datum.kind == '{kind}'", look | {"color": palette.text}, x("rate") | text)

    band = x("low") | {"x2": {"field": "high"}}
    tips = [
        tip("rate", "Learning rate", ".2~g"),
        tip("value", "Loss, smoothed", ".3~f"),
        tip("raw", "Loss of the step", ".3~f"),
    ]
    curve = "datum.kind == 'curve'"
    layers = [
        layer("datum.kind == 'range'", mark("rect", palette.correct, opacity=0.16), band),
        layer(curve, mark("line", palette.training, width=1, opacity=0.35), x("rate") | y("raw")),
        layer(curve, mark("line", palette.training, width=2.5), x("rate") | y("value")),
        layer("datum.kind == 'suggested'", mark("rule", palette.correct), x("rate")),
        layer("datum.kind == 'diverges'", mark("rule", palette.wrong, strokeDash=[5, 3]), x("rate")),
        note("suggested", "right"),
        note("diverges", "left"),
        NEAREST | {"transform": [{"filter": curve}], "encoding": x("rate") | y("value") | {"tooltip": tips}},
    ]
    data, title = range_test_points(found), "Loss while the learning rate rises"
    return vega_figure(data, palette, layers, title=title, height=340)


def range_test_points(found: RangeTest) -> pd.DataFrame:
    """Rows (kind, rate, value, raw, low, high, note): the curve, then its known marks."""
    most = ROOM * found.smoothed[0] if len(found.smoothed) else 0.0
    above = found.smoothed > most
    end = int(above.argmax()) + 1 if above.any() else len(above)  # later points lie outside the chart
    thin = np.arange(0, end, max(1, end // MAX_POINTS))
    curve = pd.DataFrame({"kind": "curve", "rate": found.rates[thin]})
    curve["value"], curve["raw"] = (values[thin].clip(max=most) for values in (found.smoothed, found.losses))
    marks: list[dict[str, object]] = []
    if found.suggested is not None:
        marks.append({"kind": "range", "low": found.suggested_low, "high": found.suggested_high})
        marks.append({"kind": "suggested", "rate": found.suggested, "note": f"suggested {found.suggested:g}"})
    if found.diverges_at is not None:
        marks.append({"kind": "diverges", "rate": found.diverges_at, "note": f"diverges at {found.diverges_at:g}"})
    return pd.concat([curve, pd.DataFrame(marks, columns=COLUMNS)]).reindex(columns=COLUMNS)
