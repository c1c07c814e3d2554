"""Training charts: loss, accuracy and learning rate over the steps of a run, as Vega-Lite.

Streamlit mounts a Plotly chart anew whenever its data change, which would close the hover twice a second. Here a
growing run changes the data only, never the specification, so the chart on the screen stays. Plain dicts, because
Altair takes 40 ms to build each of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from dashboard.charts.style import VEGA
from dashboard.theme import Palette

Figure: TypeAlias = dict[str, Any]  # for st.vega_lite_chart
Changes: TypeAlias = Sequence[tuple[int, float | None]]  # (step, rate set by hand there); None: back to the schedule

MAX_POINTS = 400
LOSS_TITLES = {"cross-entropy": "Cross-entropy (nats)", "squared-error": "Mean squared error"}
LOG_TICKS = [float(f"{digit}e{power}") for power in range(-7, 5) for digit in (1, 3)]
HOVER = {  # invisible points, of which the nearest to the mouse tells about itself
    "params": [
        {"name": "near", "select": {"type": "point", "nearest": True, "on": "pointerover", "clear": "pointerout"}}
    ],
    "mark": {"type": "point", "opacity": 0},
}
DASHES = {"Training": [1, 0], "Validation": [5, 3], "Schedule": [4, 3], "Used": [1, 0]}  # colour is not the only sign


def loss_figure(
    history: pd.DataFrame, *, total_steps: int, loss: str, log: bool, changes: Changes, palette: Palette
) -> Figure:
    """Training and validation loss by step."""
    points = _curves(history, "loss")
    if log:
        points["value"] = points["value"].clip(lower=1e-7)  # a logarithmic axis has no zero
    y = {"title": LOSS_TITLES[loss], "axis": {"format": ".4~g"}, "scale": {"zero": True}}
    return _curves_figure("Loss", points, y, total_steps, changes, palette, log=log, tip=".4~g")


def accuracy_figure(
    history: pd.DataFrame, *, total_steps: int, log: bool, changes: Changes, palette: Palette
) -> Figure:
    """Training and validation accuracy by step; logarithmic: the error rate, whose last tenths would not show else."""
    points = _curves(history, "accuracy")
    title, y = "Accuracy", {"title": "Images read correctly", "axis": {"format": "~%"}, "scale": {"domain": [0, 1]}}
    if log:
        points["value"] = (1 - points["value"]).clip(lower=1e-4)
        title, y = "Error rate", {"title": "Images read wrongly", "axis": {"format": "~%"}}
    return _curves_figure(title, points, y, total_steps, changes, palette, log=log, tip=".2~%", ends_high=not log)


def rate_figure(planned: pd.DataFrame, used: pd.DataFrame | None, *, total_steps: int, palette: Palette) -> Figure:
    """The learning rate by step, as planned and as used so far: tables with the columns step and learning_rate."""
    parts, colors = [planned.assign(kind="Schedule")], {"Schedule": palette.muted}
    if used is not None:
        parts.append(thinned(used)[["step", "learning_rate"]].assign(kind="Used"))
        colors["Used"] = palette.accent
    y = {"field": "learning_rate", "type": "quantitative", "title": "Rate", "axis": {"tickCount": 3, "format": ".4~g"}}
    tips = [_tip("kind", "Line"), _tip("learning_rate", "Learning rate", ".3~g"), _tip("step", "Step", ",d")]
    return {
        "data": pd.concat(parts),
        "height": 170,
        "title": "Learning rate",
        "encoding": {"x": _steps(total_steps), "y": y},
        "layer": [
            {"mark": "line", "encoding": _signs(colors, legend_x=75 if len(colors) > 1 else None)},
            HOVER | {"encoding": {"tooltip": tips}},
        ],
        "config": VEGA,
    }


def schedule(rate: Callable[[int], float], total_steps: int, points: int = 200) -> pd.DataFrame:
    """The table that `rate_figure` takes, for a run whose rates are rate(0) for its first step and so on."""
    steps = np.unique(np.linspace(0, max(0, total_steps - 1), points).round().astype(int))
    return pd.DataFrame({"step": steps + 1, "learning_rate": [rate(int(step)) for step in steps]})


def thinned(table: pd.DataFrame, limit: int = MAX_POINTS) -> pd.DataFrame:
    """Every 2nd, 4th, 8th ... row and the last one: at most `limit`, and what is drawn already stays where it is."""
    return table.iloc[thinned_rows(len(table), limit)]


def thinned_rows(count: int, limit: int) -> np.ndarray:
    """The numbers of those rows."""
    stride = 1
    while count > (limit - 1) * stride:
        stride *= 2
    return np.union1d(np.arange(0, count, stride), np.arange(count)[-1:])


def _curves(history: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Rows (step, epoch, value, kind): both curves, and the epoch with the lowest validation loss again as Best."""
    parts = []
    for kind, column in (("Training", f"train_{quantity}"), ("Validation", f"validation_{quantity}")):
        rows = thinned(history.dropna(subset=[column]))
        parts.append(rows[["step", "epoch"]].assign(value=rows[column], kind=kind))
    losses = history["validation_loss"].dropna()
    if len(losses):
        best = history.loc[[losses.idxmin()]]
        parts.append(best[["step", "epoch"]].assign(value=best[f"validation_{quantity}"], kind="Best"))
    return pd.concat(parts)


def _curves_figure(
    title: str,
    points: pd.DataFrame,
    y: dict[str, Any],
    total_steps: int,
    changes: Changes,
    palette: Palette,
    *,
    log: bool,
    tip: str,
    ends_high: bool = False,
) -> Figure:
    """One data set and one specification for the whole run: what is not there yet is an empty layer."""
    notes = ["schedule" if rate is None else f"rate {rate:g}" for _, rate in changes]
    marks = pd.DataFrame({"step": [step for step, _ in changes], "kind": "Rate", "note": notes})
    axis = y["axis"] | ({"values": LOG_TICKS, "labelOverlap": "parity"} if log else {"tickCount": 5})
    scale = {"type": "log"} if log else y["scale"]
    y = {"y": y | {"field": "value", "type": "quantitative", "axis": axis, "scale": scale}}
    signs = _signs({"Training": palette.training, "Validation": palette.validation}, legend_x=40)
    tips = [
        _tip("kind", "Curve"),
        _tip("value", title, tip),
        _tip("step", "Step", ",d"),
        _tip("epoch", "Epoch", ".2~f"),
    ]

    def layer(kind: str, mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
        return {"transform": [{"filter": f"datum.kind == '{kind}'"}], "mark": mark, "encoding": encoding}

    rule = {"type": "rule", "color": palette.muted, "strokeDash": [2, 3]}
    note = {"type": "text", "color": palette.muted, "angle": 270, "baseline": "bottom", "dy": -3}
    note |= {"align": "left", "dx": 4} if ends_high else {"align": "right", "dx": -4}
    note_y = {"value": "height" if ends_high else 0}  # where the curves are not
    ring = {"type": "point", "shape": "diamond", "color": palette.muted, "strokeWidth": 2, "size": 160}
    return {
        "data": pd.concat([points.assign(note=""), marks.assign(epoch=np.nan, value=np.nan)]),
        "height": 290,
        "title": title,
        "encoding": {"x": _steps(total_steps)},
        "layer": [
            layer("Rate", rule, {}),
            layer("Rate", note, {"y": note_y, "text": {"field": "note"}}),
            layer("Training", {"type": "line", "strokeWidth": 1.5}, y | signs),
            layer("Validation", {"type": "line", "strokeWidth": 2}, y | signs),
            layer("Validation", {"type": "point", "filled": True, "opacity": 1, "color": palette.validation}, y),
            layer("Best", ring, y),
            layer("Best", {"type": "text", "text": "best", "color": palette.muted, "dy": 18 if ends_high else -15}, y),
            HOVER | {"encoding": y | {"tooltip": tips}},
        ],
        "config": VEGA,
    }


def _steps(total_steps: int) -> dict[str, Any]:
    scale = {"domain": [0, max(1, total_steps)], "nice": False}
    axis = {"tickCount": 5, "tickMinStep": 1, "format": ",d", "grid": False}
    return {"field": "step", "type": "quantitative", "title": "Step", "scale": scale, "axis": axis}


def _signs(colors: dict[str, str], *, legend_x: int | None) -> dict[str, Any]:
    """Colour and dash by kind. The legend, if there is one, lies in the line of the title, to the right of it."""
    kinds = list(colors)
    place = {"orient": "none", "legendX": legend_x, "legendY": -27, "direction": "horizontal", "title": None}
    look = {"field": "kind", "type": "nominal", "legend": place | {"symbolType": "stroke"} if legend_x else None}
    return {
        "color": look | {"scale": {"domain": kinds, "range": list(colors.values())}},
        "strokeDash": look | {"scale": {"domain": kinds, "range": [DASHES[kind] for kind in kinds]}},
    }


def _tip(column: str, title: str, number: str | None = None) -> dict[str, Any]:
    return {"field": column, "title": title} | (
        {"type": "quantitative", "format": number} if number else {"type": "nominal"}
    )
