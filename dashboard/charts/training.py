"""Training charts: loss, accuracy and learning rate over the steps of a run."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from dashboard.charts.vega_marks import NEAREST, VegaFigure, layer, names, numbers, tip, vega_figure
from dashboard.theme import Palette

Changes: TypeAlias = Sequence[tuple[int, float | None]]  # (step, rate set by hand there); None: back to the schedule

MAX_POINTS = 400
LOSS_TITLES = {"cross-entropy": "Cross-entropy (nats)", "squared-error": "Mean squared error"}
LOG_TICKS = [float(f"{digit}e{power}") for power in range(-7, 5) for digit in (1, 3)]
DASHES = {"Training": [1, 0], "Validation": [5, 3], "Schedule": [4, 3], "Used": [1, 0]}  # colour is not the only sign


def loss_figure(
    history: pd.DataFrame,
    *,
    total_steps: int,
    loss: str,
    log: bool,
    changes: Changes,
    palette: Palette,
    height: int = 290,
) -> VegaFigure:
    """Training and validation loss by step."""
    points = _curves(history, "loss")
    if log:
        points["value"] = points["value"].clip(lower=1e-7)  # a logarithmic axis has no zero
    y = numbers("value", LOSS_TITLES[loss], axis={"format": ".4~g"}, scale={"zero": True})
    data, title = _with_changes(points, changes), "Loss"
    return vega_figure(data, palette, _layers(title, y, palette, log=log, tip_format=".4~g"),
                       title=title, height=height, encoding={"x": _steps(total_steps)})  # fmt: skip


def accuracy_figure(
    history: pd.DataFrame, *, total_steps: int, log: bool, changes: Changes, palette: Palette, height: int = 290
) -> VegaFigure:
    """Training and validation accuracy by step; logarithmic: the error rate."""
    points = _curves(history, "accuracy")
    title, y_title = "Accuracy", "Images read correctly"
    if log:
        points["value"] = (1 - points["value"]).clip(lower=1e-4)
        title, y_title = "Error rate", "Images read wrongly"
    y = numbers("value", y_title, axis={"format": "~%"}, scale={"domain": [0, 1]})
    layers = _layers(title, y, palette, log=log, tip_format=".2~%", ends_high=not log)
    data = _with_changes(points, changes)
    return vega_figure(data, palette, layers, title=title, height=height, encoding={"x": _steps(total_steps)})


def rate_figure(planned: pd.DataFrame, used: pd.DataFrame | None, *, total_steps: int, palette: Palette) -> VegaFigure:
    """The planned and used learning rate by step: tables (step, learning_rate)."""
    parts, colors = [planned.assign(kind="Schedule")], {"Schedule": palette.muted}
    if used is not None:
        parts.append(thinned(used)[["step", "learning_rate"]].assign(kind="Used"))
        colors["Used"] = palette.accent
    y = numbers("learning_rate", "Rate", axis={"tickCount": 3, "format": ".4~g"})
    tips = [tip("kind", "Line"), tip("learning_rate", "Learning rate", ".3~g"), tip("step", "Step", ",d")]
    layers: list[VegaFigure] = [
        {"mark": "line", "encoding": _signs(colors, legend_x=75 if len(colors) > 1 else None)},
        NEAREST | {"encoding": {"tooltip": tips}},
    ]
    encoding = {"x": _steps(total_steps), "y": y}
    return vega_figure(pd.concat(parts), palette, layers, title="Learning rate", height=170, encoding=encoding)


def schedule(rate: Callable[[int], float], total_steps: int, points: int = 200) -> pd.DataFrame:
    """The table of `rate_figure` for a run with rate(0) at its first step and so on."""
    steps = np.unique(np.linspace(0, max(0, total_steps - 1), points).round().astype(int))
    return pd.DataFrame({"step": steps + 1, "learning_rate": [rate(int(step)) for step in steps]})


def thinned(table: pd.DataFrame, limit: int = MAX_POINTS) -> pd.DataFrame:
    """Every 2nd, 4th, 8th ... row and the last: at most `limit`, and points never move."""
    return table.iloc[thinned_rows(len(table), limit)]


def thinned_rows(count: int, limit: int) -> np.ndarray:
    """The numbers of those rows."""
    stride = 1
    while count > (limit - 1) * stride:
        stride *= 2
    return np.union1d(np.arange(0, count, stride), np.arange(count)[-1:])


def _curves(history: pd.DataFrame, quantity: str) -> pd.DataFrame:
    """Rows (step, epoch, value, kind): both curves; Best is the lowest validation loss."""
    parts = []
    for kind, column in (("Training", f"train_{quantity}"), ("Validation", f"validation_{quantity}")):
        rows = thinned(history.dropna(subset=[column]))
        parts.append(rows[["step", "epoch"]].assign(value=rows[column], kind=kind))
    losses = history["validation_loss"].dropna()
    if len(losses):
        best = history.loc[[losses.idxmin()]]
        parts.append(best[["step", "epoch"]].assign(value=best[f"validation_{quantity}"], kind="Best"))
    return pd.concat(parts)


def _with_changes(points: pd.DataFrame, changes: Changes) -> pd.DataFrame:
    """The points, and a row of kind Rate for each learning rate that was set by hand."""
    notes = ["schedule" if rate is None else f"rate {rate:g}" for _, rate in changes]
    marks = pd.DataFrame({"step": [step for step, _ in changes], "kind": "Rate", "note": notes})
    return pd.concat([points.assign(note=""), marks.assign(epoch=np.nan, value=np.nan)])


def _layers(
    title: str, y: dict[str, Any], palette: Palette, *, log: bool, tip_format: str, ends_high: bool = False
) -> list[VegaFigure]:
    """The layers for the whole run: one without data is empty.

    `ends_high`: the curves end at the top.
    """
    if log:
        y = y | {"scale": {"type": "log"}, "axis": y["axis"] | {"values": LOG_TICKS, "labelOverlap": "parity"}}
    else:
        y = y | {"axis": y["axis"] | {"tickCount": 5}}
    signs = _signs({"Training": palette.training, "Validation": palette.validation}, legend_x=40)
    tips = [
        tip("kind", "Curve"),
        tip("value", title, tip_format),
        tip("step", "Step", ",d"),
        tip("epoch", "Epoch", ".2~f"),
    ]

    def only(kind: str, mark: dict[str, Any], encoding: dict[str, Any]) -> VegaFigure:
        return layer(f"datum.kind == '{kind}'", mark, encoding)

    note = {"type": "text", "color": palette.muted, "angle": 270, "baseline": "bottom", "dy": -3}
    note |= {"align": "left", "dx": 4} if ends_high else {"align": "right", "dx": -4}
    note_y = {"value": "height" if ends_high else 0}  # where the curves are not
    ring = {"type": "point", "shape": "diamond", "color": palette.muted, "strokeWidth": 2, "size": 160}
    return [
        only("Rate", {"type": "rule", "color": palette.muted, "strokeDash": [2, 3]}, {}),
        only("Rate", note, {"y": note_y, "text": {"field": "note"}}),
        only("Training", {"type": "line", "strokeWidth": 1.5}, {"y": y} | signs),
        only("Validation", {"type": "line", "strokeWidth": 2}, {"y": y} | signs),
        only("Validation", {"type": "point", "filled": True, "opacity": 1, "color": palette.validation}, {"y": y}),
        only("Best", ring, {"y": y}),
        only(
            "Best", {"type": "text", "text": "best", "color": palette.muted, "dy": 18 if ends_high else -15}, {"y": y}
        ),
        NEAREST | {"encoding": {"y": y, "tooltip": tips}},
    ]


def _steps(total_steps: int) -> dict[str, Any]:
    axis = {"tickCount": 5, "tickMinStep": 1, "format": ",d", "grid": False}
    return numbers("step", "Step", scale={"domain": [0, max(1, total_steps)], "nice": False}, axis=axis)


def _signs(colors: dict[str, str], *, legend_x: int | None) -> dict[str, Any]:
    """Colour and dash by kind.

    The legend, if there is one, lies in the line of the title, to the right of it.
    """
    kinds = list(colors)
    place = {"orient": "none", "legendX": legend_x, "legendY": -27, "direction": "horizontal", "title": None}
    look = names("kind", legend=place | {"symbolType": "stroke"} if legend_x else None)
    return {
        "color": look | {"scale": {"domain": kinds, "range": list(colors.values())}},
        "strokeDash": look | {"scale": {"domain": kinds, "range": [DASHES[kind] for kind in kinds]}},
    }
