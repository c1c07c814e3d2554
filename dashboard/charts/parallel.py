"""Parallel coordinates, as Vega-Lite: every trial of a sweep as a line across its settings to its result.

What is chosen, filtered or finished changes the data only, so the chart on the screen stays while a sweep goes on.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from dashboard.charts.axis import Axis, Result
from dashboard.charts.outcomes import in_order, outcome_text, result_of, values_of
from dashboard.charts.style import VEGA
from dashboard.theme import Palette

if TYPE_CHECKING:
    from experiments.sweeps import Trial

Figure: TypeAlias = dict[str, Any]  # for st.vega_lite_chart
Brushes: TypeAlias = Mapping[str, tuple[float, float]]  # name of an axis -> the places between which trials are shown
BRUSH = "brush"  # the selection of the parallel figure: {"axis": [from, to], "place": [from, to]}
BELOW = -0.12  # the place on the result's axis of trials that diverged
ABOVE = 1.08  # the top of the parallel figure: where a brush may begin
MANY = 60  # lines: of more, the better ones stand out
STEP_UP = 0.07  # of every other title, where there are many
LEFT = 34  # pixels for what is written beside the first axis


def parallel_figure(
    trials: Sequence["Trial"],
    axes: Sequence[Axis],
    result: Result,
    palette: Palette,
    *,
    kept: Collection[int],
    picked: int | None,
    brushes: Brushes,
) -> Figure:
    """A line per trial across an axis per setting, the result last. Dragging along an axis selects a part of it."""
    place: dict[str, Any] = {
        "field": "place",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [BELOW, ABOVE], "nice": False},
    }
    axis: dict[str, Any] = {"field": "axis", "type": "quantitative", "axis": None}
    axis |= {"scale": {"domain": [-0.12, len(axes) + 0.12], "nice": False}}
    shades = {"domain": [0, 1], "range": list(palette.sequential[3:]), "interpolate": "rgb"}
    color = {
        "condition": [
            {"test": "datum.look == 'picked'", "value": palette.validation},
            {"test": "datum.look == 'left out'", "value": palette.line},
            {"test": "datum.shade < 0", "value": palette.wrong},
        ],
        "field": "shade",
        "type": "quantitative",
        "scale": shades,
        "legend": None,
    }
    lines = {"x": axis, "y": place, "detail": {"field": "trial", "type": "nominal"}, "color": color}
    text = {"x": axis, "y": place, "text": {"field": "text"}}
    tick = {"type": "text", "fontSize": 11, "color": palette.text}
    left, right = tick | {"align": "right", "dx": -7}, tick | {"align": "left", "dx": 7}
    outline = {"stroke": palette.background, "strokeWidth": 5, "strokeJoin": "round", "color": palette.background}
    before, last = (
        f"datum.kind == 'tick' && datum.axis < {len(axes)}",
        f"datum.kind == 'tick' && datum.axis == {len(axes)}",
    )

    def layer(what: str, mark: dict[str, Any], encoding: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"transform": [{"filter": what}], "mark": {"aria": False} | mark, "encoding": encoding} | more

    return {
        "data": parallel_rows(trials, axes, result, kept=kept, picked=picked, brushes=brushes),
        "height": 340,
        "padding": {"left": 0, "right": 34, "top": 8, "bottom": 6},
        "title": {"text": "Settings and result of every trial", "dx": -LEFT, "offset": 24 if crowded(axes) else 10},
        "layer": [
            layer(
                "datum.kind == 'line' && datum.look == 'left out'",
                {"type": "line", "strokeWidth": 1, "opacity": 0.5},
                lines,
            ),
            layer(
                "datum.kind == 'line' && datum.look == 'kept'",
                {"type": "line", "strokeWidth": 1.75},
                lines
                | {"opacity": {"field": "opacity", "type": "quantitative", "scale": None}}
                | {"strokeDash": {"condition": {"test": "datum.shade < 0", "value": [5, 3]}, "value": [1, 0]}},
            ),
            layer("datum.kind == 'line' && datum.look == 'picked'", {"type": "line", "strokeWidth": 3.5}, lines),
            layer(
                "datum.kind == 'axis'",
                {"type": "rule", "color": palette.muted, "strokeWidth": 1.5},
                {"x": axis, "y": place, "y2": {"field": "to"}},
            ),
            layer(
                "datum.kind == 'brush'",
                {"type": "bar", "width": 16, "color": palette.accent, "opacity": 0.35, "stroke": palette.accent},
                {"x": axis, "y": place, "y2": {"field": "to"}},
            ),
            layer(before, left | outline, text),  # what lies under the numbers would hide them
            layer(before, left, text),
            layer(last, right, text),
            layer(
                "datum.kind == 'title'",
                {"type": "text", "dy": -12, "fontWeight": "bold", "color": palette.text},
                text,
            ),
            layer(
                "datum.kind == 'line'",
                {"type": "point", "filled": True, "size": 60, "opacity": 0, "cursor": "crosshair"},
                {
                    "x": axis,
                    "y": place,
                    "tooltip": [
                        {"field": "name", "title": "Trial", "type": "nominal"},
                        {"field": "text", "title": "Here", "type": "nominal"},
                        {"field": "came_to", "title": result.title, "type": "nominal"},
                    ],
                },
                params=[
                    {
                        "name": BRUSH,
                        "select": {
                            "type": "interval",
                            "encodings": ["x", "y"],
                            "mark": {"fill": palette.accent, "fillOpacity": 0.12, "stroke": palette.accent},
                        },
                    }
                ],
            ),
        ],
        "config": VEGA | {"view": {"stroke": None}},
    }


def parallel_rows(
    trials: Sequence["Trial"],
    axes: Sequence[Axis],
    result: Result,
    *,
    kept: Collection[int],
    picked: int | None,
    brushes: Brushes,
) -> pd.DataFrame:
    """Lines, axes, what is written beside them and brushes, told apart by `kind`. The result's axis is the last one."""
    outcome = result.axis(values_of(trials))
    rows: list[dict[str, Any]] = []
    many = len(kept) > MANY
    for trial in reversed(in_order(trials, result)):  # what is drawn last lies on top
        value = result_of(trial)
        shade = -1.0 if value is None else outcome.place(result.badness(value))
        look = "picked" if trial.number == picked else "kept" if trial.number in kept else "left out"
        about = {"kind": "line", "trial": trial.number, "name": f"{trial.number}", "shade": shade, "look": look}
        about |= {"came_to": outcome_text(trial, result), "opacity": 0.3 + 0.6 * max(0.0, shade) if many else 0.85}
        for place, axis in enumerate(axes):
            if axis.name in trial.params:
                setting = trial.params[axis.name]
                rows.append(about | {"axis": place, "place": axis.place(setting), "text": axis.text(setting)})
        if value is not None or trial.state == "diverged":
            end = BELOW if value is None else shade
            rows.append(about | {"axis": len(axes), "place": end, "text": about["came_to"]})
    for place, axis in enumerate([*axes, outcome]):
        rows.append({"kind": "axis", "axis": place, "place": 0.0, "to": 1.0})
        higher = STEP_UP if crowded(axes) and place % 2 else 0.0  # or two titles would touch on a phone
        title = result.short_title if axis is outcome else axis.title
        rows.append({"kind": "title", "axis": place, "place": 1.0 + higher, "text": title})
        ticks = (
            result.ticks(outcome) if axis is outcome else [(axis.place(tick), axis.text(tick)) for tick in axis.ticks()]
        )
        rows += [{"kind": "tick", "axis": place, "place": at, "text": text} for at, text in ticks]
        if axis.name in brushes:
            low, high = sorted(brushes[axis.name])
            middle, half = (low + high) / 2, max(0.012, (high - low) / 2)  # one value alone can be seen too
            rows.append({"kind": "brush", "axis": place, "place": middle - half, "to": middle + half})
    if any(trial.state == "diverged" for trial in trials):
        rows.append({"kind": "tick", "axis": len(axes), "place": BELOW, "text": "diverged"})
    columns = ["kind", "axis", "place", "to", "text", "trial", "name", "shade", "look", "opacity", "came_to"]
    return pd.DataFrame(rows, columns=columns)


def crowded(axes: Sequence[Axis]) -> bool:
    """Whether the titles of so many axes take two lines."""
    return len(axes) > 2
