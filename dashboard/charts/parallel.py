"""Parallel coordinates: every trial of a sweep as a line across its settings to its result.

Choices, filters and new results change the data only, so the chart stays while a sweep runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from dashboard.charts.sweep_values import Axis, Objective, SweepView, in_order, outcome_text, result_of
from dashboard.charts.vega_marks import VegaFigure, layer, numbers, tip, vega_figure
from dashboard.theme import Palette

if TYPE_CHECKING:
    from experiments.sweeps import Trial

Brushes: TypeAlias = Mapping[str, tuple[float, float]]  # name of an axis -> the places between which trials are shown
BRUSH = "brush"  # the selection of the parallel figure: {"axis": [from, to], "place": [from, to]}
BELOW = -0.12  # the place on the result's axis of trials that diverged
ABOVE = 1.08  # the top of the parallel figure: where a brush may begin
MANY = 60  # lines: of more, the better ones stand out
STEP_UP = 0.07  # of every other title, where there are many
LEFT = 34  # pixels for the labels left of the first axis
COLUMNS = ["kind", "axis", "place", "to", "text", "trial", "name", "shade", "look", "opacity", "result"]


def parallel_figure(view: SweepView, palette: Palette, *, brushes: Brushes) -> VegaFigure:
    """A line per trial across an axis per setting, the result last.

    Dragging along an axis selects a part of it.
    """
    title = {"text": "Settings and result of every trial", "dx": -LEFT, "offset": 24 if crowded(view.axes) else 10}
    figure = vega_figure(
        parallel_rows(view, brushes),
        palette,
        _layers(len(view.axes), view.objective, palette),
        title=title,
        height=340,
        padding={"left": 0, "right": 34, "top": 8, "bottom": 6},
    )
    return figure | {"config": figure["config"] | {"view": {"stroke": None}}}


def _layers(count: int, objective: Objective, palette: Palette) -> list[VegaFigure]:
    """The layers for this number of settings; the last one receives the brush."""
    x = numbers("axis", None, axis=None, scale={"domain": [-0.12, count + 0.12], "nice": False})
    y = numbers("place", None, axis=None, scale={"domain": [BELOW, ABOVE], "nice": False})
    place, text = {"x": x, "y": y}, {"x": x, "y": y, "text": {"field": "text"}}
    span = place | {"y2": {"field": "to"}}
    shades = {"domain": [0, 1], "range": list(palette.sequential[3:]), "interpolate": "rgb"}
    color = numbers("shade", None, scale=shades, legend=None) | {
        "condition": [
            {"test": "datum.look == 'picked'", "value": palette.validation},
            {"test": "datum.look == 'left out'", "value": palette.line},
            {"test": "datum.shade < 0", "value": palette.wrong},
        ]
    }
    lines = place | {"detail": {"field": "trial", "type": "nominal"}, "color": color}
    opacity = {"opacity": {"field": "opacity", "type": "quantitative", "scale": None}}
    dashes = {"strokeDash": {"condition": {"test": "datum.shade < 0", "value": [5, 3]}, "value": [1, 0]}}
    tick = {"type": "text", "fontSize": 11, "color": palette.text}
    left, right = tick | {"align": "right", "dx": -7}, tick | {"align": "left", "dx": 7}
    outline = {"stroke": palette.background, "strokeWidth": 5, "strokeJoin": "round", "color": palette.background}
    brush = {"type": "bar", "width": 16, "color": palette.accent, "opacity": 0.35, "stroke": palette.accent}
    rectangle = {"fill": palette.accent, "fillOpacity": 0.12, "stroke": palette.accent}
    select = {"type": "interval", "encodings": ["x", "y"], "mark": rectangle}

    def looks(look: str) -> str:
        return f"datum.kind == 'line' && datum.look == '{look}'"

    setting, result = (f"datum.kind == 'tick' && datum.axis {sign} {count}" for sign in ("<", "=="))
    return [
        layer(looks("left out"), {"type": "line", "strokeWidth": 1, "opacity": 0.5}, lines),
        layer(looks("kept"), {"type": "line", "strokeWidth": 1.75}, lines | opacity | dashes),
        layer(looks("picked"), {"type": "line", "strokeWidth": 3.5}, lines),
        layer("datum.kind == 'axis'", {"type": "rule", "color": palette.muted, "strokeWidth": 1.5}, span),
        layer("datum.kind == 'brush'", brush, span),
        layer(setting, left | outline, text),  # lines under the numbers would hide them
        layer(setting, left, text),
        layer(result, right, text),
        layer("datum.kind == 'title'", {"type": "text", "dy": -12, "fontWeight": "bold", "color": palette.text}, text),
        layer(
            "datum.kind == 'line'",
            {"type": "point", "filled": True, "size": 60, "opacity": 0, "cursor": "crosshair"},
            place | {"tooltip": [tip("name", "Trial"), tip("text", "Here"), tip("result", objective.title)]},
            params=[{"name": BRUSH, "select": select}],
        ),
    ]


def parallel_rows(view: SweepView, brushes: Brushes) -> pd.DataFrame:
    """Lines, axes, their texts and brushes, told apart by `kind`.

    The objective's axis is the last one.
    """
    axes, outcome = view.axes, view.outcome
    # later lines lie on top
    rows = [row for trial in reversed(in_order(view.trials, view.objective)) for row in _line(trial, view, outcome)]
    for place, axis in enumerate([*axes, outcome]):
        rows.append({"kind": "axis", "axis": place, "place": 0.0, "to": 1.0})
        higher = STEP_UP if crowded(axes) and place % 2 else 0.0  # or two titles would touch on a phone
        title = view.objective.short_title if axis is outcome else axis.title
        rows.append({"kind": "title", "axis": place, "place": 1.0 + higher, "text": title})
        ticks = [(axis.place(tick), axis.text(tick)) for tick in axis.ticks()]
        ticks = view.objective.ticks(outcome) if axis is outcome else ticks
        rows += [{"kind": "tick", "axis": place, "place": at, "text": text} for at, text in ticks]
        if axis.name in brushes:
            low, high = sorted(brushes[axis.name])
            middle, half = (low + high) / 2, max(0.012, (high - low) / 2)  # one value alone can be seen too
            rows.append({"kind": "brush", "axis": place, "place": middle - half, "to": middle + half})
    if any(trial.state == "diverged" for trial in view.trials):
        rows.append({"kind": "tick", "axis": len(axes), "place": BELOW, "text": "diverged"})
    return pd.DataFrame(rows, columns=COLUMNS)


def _line(trial: Trial, view: SweepView, outcome: Axis) -> list[dict[str, Any]]:
    """The points of a trial's line; it ends at the last setting where there is no result yet."""
    value, text = result_of(trial), outcome_text(trial, view.objective)
    shade = -1.0 if value is None else outcome.place(view.objective.error(value))
    look = "picked" if trial.number == view.picked else "kept" if trial.number in view.kept else "left out"
    opacity = 0.3 + 0.6 * max(0.0, shade) if len(view.kept) > MANY else 0.85
    about = {"kind": "line", "trial": trial.number, "name": f"{trial.number}", "shade": shade, "look": look}
    about |= {"result": text, "opacity": opacity}
    rows = [
        about | {"axis": at, "place": axis.place(trial.params[axis.name]), "text": axis.text(trial.params[axis.name])}
        for at, axis in enumerate(view.axes)
        if axis.name in trial.params
    ]
    if value is not None or trial.state == "diverged":
        rows.append(about | {"axis": len(view.axes), "place": BELOW if value is None else shade, "text": text})
    return rows


def crowded(axes: Sequence[Axis]) -> bool:
    """Whether the titles of this number of axes need two lines."""
    return len(axes) > 2
