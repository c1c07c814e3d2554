"""Charts of a sweep, as Vega-Lite: its trials across all settings, each setting by itself, two of them as a map.

Whatever is chosen, filtered or finished changes the data only, so the charts on the screen stay while a sweep goes on.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from dashboard.plots.axis import Axis, Cell, Result
from dashboard.plots.style import VEGA
from dashboard.theme import Palette

if TYPE_CHECKING:
    from experiments.findings import Importance
    from experiments.sweeps import Trial

Figure: TypeAlias = dict[str, Any]  # for st.vega_lite_chart
Brushes: TypeAlias = Mapping[str, tuple[float, float]]  # name of an axis -> the places between which trials are shown

BRUSH = "brush"  # the selection of the parallel figure: {"axis": [from, to], "place": [from, to]}
CELL = "cell"  # of the map: {"across": text, "down": text}
TRIAL = "trial"  # of the others: {"trial": number}
MANY = 60  # lines: of more, the better ones stand out
ABOVE = 1.08  # the top of the parallel figure: where a brush may begin
STEP_UP = 0.07  # of every other title, where there are many
LEFT = 34  # pixels for what is written beside the first axis
BELOW = -0.12  # the place on the result's axis of trials that diverged
STATES = {
    "running": "running",
    "done": "finished",
    "pruned": "stopped early",
    "diverged": "diverged",
    "failed": "failed",
    "stopped": "stopped",
}
ACCURACY_TICKS = [0.001, 0.002, 0.003, 0.005, 0.0075, *(n / 100 for n in range(1, 10)), *(n / 20 for n in range(2, 20))]
LOSS_TICKS = [float(f"{digit}e{power}") for power in range(-4, 3) for digit in (1, 1.5, 2, 3, 5, 7)]


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


def slice_figure(
    trials: Sequence["Trial"],
    axis: Axis,
    result: Result,
    palette: Palette,
    *,
    kept: Collection[int],
    picked: int | None,
    turn: int = 0,
) -> Figure:
    """The result of every trial against one setting. Clicking a point picks its trial."""
    x: dict[str, Any]
    if axis.numeric:
        scale: dict[str, Any] = {"type": "log" if axis.log else "linear", "domain": [axis.low, axis.high]}
        x = {"field": "setting", "type": "quantitative", "scale": scale | {"nice": False, "padding": 14}}
        x["axis"] = {"format": "~g", "grid": False, "labelOverlap": "greedy", "values": axis.ticks()}
    else:
        x = {"field": "text", "type": "nominal", "sort": None, "scale": {"domain": list(axis.names)}}
        x["axis"] = {"labelAngle": 0 if len(axis.names) <= 4 else -40, "labelOverlap": False}
    title = f"{result.short_title} by {axis.title.lower()}"
    rows = points(trials, result, kept=kept, picked=picked, turn=turn)
    known = [axis.name in trial.params for trial in trials]
    settings = [trial.params.get(axis.name) for trial in trials]
    written = [axis.text(value) if there else "" for value, there in zip(settings, known, strict=True)]
    rows = rows.assign(setting=settings if axis.numeric else 0.0, text=written)[pd.Series(known, dtype=bool)]
    return _points_figure(rows, x | {"title": axis.title}, result, palette, title=title, height=210)


def history_figure(
    trials: Sequence["Trial"],
    result: Result,
    palette: Palette,
    *,
    planned: int,
    kept: Collection[int],
    picked: int | None,
    turn: int = 0,
) -> Figure:
    """Every trial in its turn, and the best result so far."""
    scale = {"domain": [-0.5, max(1, planned) - 0.5], "nice": False}
    axis = {"tickMinStep": 1, "tickCount": 6, "format": "d", "grid": False}
    x = {"field": "turn_taken", "type": "quantitative", "title": "Trial", "scale": scale, "axis": axis}
    rows = points(trials, result, kept=kept, picked=picked, turn=turn)
    rows = rows.assign(turn_taken=[trial.number for trial in trials], text=[f"{trial.number}" for trial in trials])
    best = pd.DataFrame(best_so_far(trials, result), columns=["turn_taken", "badness"]).assign(state="best so far")
    steps = {
        "transform": [{"filter": "datum.state == 'best so far'"}],
        "mark": {
            "type": "line",
            "interpolate": "step-after",
            "color": palette.validation,
            "strokeWidth": 2,
            "aria": False,
        },
        "encoding": {"y": _result(result)},
    }
    figure = _points_figure(
        pd.concat([rows, best]), x, result, palette, title="Best so far, after each trial", height=230
    )
    return figure | {"layer": [steps, *figure["layer"]]}


def best_so_far(trials: Sequence["Trial"], result: Result) -> list[tuple[float, float]]:
    """(turn, badness) wherever the best result changes, and at the last finished trial."""
    found: list[tuple[float, float]] = []
    for trial in trials:
        value = result_of(trial)
        if trial.state == "done" and value is not None:
            badness = result.badness(value)
            found.append((float(trial.number), min(badness, found[-1][1]) if found else badness))
    inner = [b for a, b in pairwise(found) if a[1] != b[1]]
    return [*found[:1], *inner, *found[-1:]]


def map_figure(
    trials: Sequence["Trial"],
    across: Axis,
    down: Axis,
    result: Result,
    palette: Palette,
    *,
    kept: Collection[int],
    picked: int | None,
    turn: int = 0,
) -> Figure:
    """The best result in each cell of two settings; high values of `down` are at the top. Clicking a cell picks it."""
    columns, rows = across.cells(), down.cells()
    fill = {
        "condition": {"test": "!datum.measured", "value": palette.surface},
        "field": "shade",
        "type": "quantitative",
        "scale": {"domain": [0, 1], "range": list(palette.sequential[1:]), "interpolate": "rgb"},
        "legend": None,
    }
    ink = {
        "condition": [
            {"test": "datum.state == 'diverged'", "value": palette.wrong},
            {"test": "!datum.measured", "value": palette.muted},
            {"test": "datum.shade > 0.45", "value": palette.background},
        ],
        "value": palette.text,
    }
    tips = [
        {"field": "across", "title": across.title, "type": "nominal"},
        {"field": "down", "title": down.title, "type": "nominal"},
        {"field": "came_to", "title": f"Best {result.title.lower()}", "type": "nominal"},
        {"field": "trials", "title": "Trials", "type": "quantitative"},
    ]
    x: dict[str, Any] = {"field": "across", "type": "nominal", "title": across.title, "sort": None}
    x |= {"scale": {"domain": [cell.text for cell in columns]}}
    x |= {"axis": {"labelAngle": -35 if len(columns) > 5 or not across.steps else 0, "labelOverlap": False}}
    y: dict[str, Any] = {"field": "down", "type": "nominal", "title": down.title, "sort": None}
    y |= {"scale": {"domain": [cell.text for cell in reversed(rows)]}, "axis": {"labelOverlap": False}}
    select = {"type": "point", "fields": ["across", "down", "turn"], "toggle": False, "clear": False}
    return {
        "data": map_cells(trials, across, down, result, kept=kept, picked=picked, turn=turn),
        "height": 330,
        "title": f"Best {result.title.lower()} in each cell",
        "encoding": {"x": x, "y": y},
        "layer": [
            {
                "params": [{"name": CELL, "select": select}],
                "mark": {"type": "rect", "stroke": palette.line, "cursor": "pointer"},
                "encoding": {"color": fill, "tooltip": tips, "description": {"field": "description"}},
            },
            {
                "mark": {"type": "text", "fontSize": 12, "aria": False},
                "encoding": {"text": {"field": "number"}, "color": ink},
            },
            {
                "transform": [{"filter": "datum.picked"}],
                "mark": {
                    "type": "rect",
                    "filled": False,
                    "stroke": palette.validation,
                    "strokeWidth": 3,
                    "aria": False,
                },
            },
        ],
        "config": VEGA,
    }


def map_cells(
    trials: Sequence["Trial"],
    across: Axis,
    down: Axis,
    result: Result,
    *,
    kept: Collection[int],
    picked: int | None,
    turn: int = 0,
) -> pd.DataFrame:
    """One row per cell, also for those that no trial fell into."""
    inside_of = by_cell((trial for trial in trials if trial.number in kept), across, down)
    outcome = result.axis(values_of(trials))
    rows = []
    for column in across.cells():
        for row in down.cells():
            inside = inside_of.get((column.text, row.text), [])
            best = best_of(inside, result)
            value = result_of(best) if best else None
            numbers = {trial.number for trial in inside}
            came_to = outcome_text(best, result) if best else "no trial"
            rows.append(
                {
                    "across": column.text,
                    "down": row.text,
                    "measured": value is not None,
                    "shade": 0.0 if value is None else outcome.place(result.badness(value)),
                    "state": best.state if best else "",
                    "number": cell_text(best, result),
                    "came_to": came_to,
                    "trials": len(inside),
                    "picked": picked in numbers,
                    "description": f"{across.title} {column.text}, {down.title.lower()} {row.text}: {came_to}",
                    "turn": turn,
                }
            )
    return pd.DataFrame(rows)


def by_cell(trials: Iterable["Trial"], across: Axis, down: Axis) -> dict[tuple[str, str], list["Trial"]]:
    """The trials of each cell, by its two texts. One on the border of two bins counts in the first of them."""
    found: dict[tuple[str, str], list[Trial]] = {}
    columns, rows = across.cells(), down.cells()
    for trial in trials:
        column, row = _cell(columns, trial.params.get(across.name)), _cell(rows, trial.params.get(down.name))
        if column and row:
            found.setdefault((column, row), []).append(trial)
    return found


def cell_text(trial: "Trial | None", result: Result) -> str:
    """What fits into a cell; no colour alone says that a trial diverged."""
    if trial is None:
        return ""
    value = result_of(trial)
    if value is not None:
        return f"{100 * value:.1f}" if result.is_accuracy else f"{value:.3g}"
    return {"diverged": "× diverged", "running": "running", "failed": "failed"}.get(trial.state, "stopped")


def importance_figure(importances: Sequence["Importance"], titles: Mapping[str, str], palette: Palette) -> Figure:
    """The share of the difference that each setting explains, with its 90 % interval, and what chance would give."""
    rows = pd.DataFrame(
        [
            {
                "setting": titles.get(found.name, found.name),
                "share": 100 * found.share,
                "low": 100 * found.low,
                "high": 100 * found.high,
                "chance": 100 * found.chance,
                "sign": "" if found.clear else "no more than chance",
            }
            for found in importances
        ],
        columns=["setting", "share", "low", "high", "chance", "sign"],
    )
    x = {
        "type": "quantitative",
        "title": "Share of the difference explained (%)",
        "scale": {"domain": [0, 100]},
        "axis": {"values": [0, 25, 50, 75, 100]},
    }
    tips = [
        {"field": "setting", "title": "Setting", "type": "nominal"},
        {"field": "share", "title": "Explains (%)", "type": "quantitative", "format": ".0f"},
        {"field": "low", "title": "90 % interval from (%)", "type": "quantitative", "format": ".0f"},
        {"field": "high", "title": "to (%)", "type": "quantitative", "format": ".0f"},
        {"field": "chance", "title": "By chance up to (%)", "type": "quantitative", "format": ".0f"},
    ]
    by_share = {"field": "share", "op": "max", "order": "descending"}  # also when a chart on the screen is changed
    faint = {"condition": {"test": "datum.sign != ''", "value": palette.muted}, "value": palette.accent}
    return {
        "data": rows,
        "height": 230,
        "title": "Which settings matter, with 90 % intervals",
        "encoding": {"y": {"field": "setting", "type": "nominal", "sort": by_share, "title": None}},
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.55}, "opacity": 0.8},
                "encoding": {"x": x | {"field": "share"}, "color": faint, "tooltip": tips},
            },
            {
                "mark": {"type": "errorbar", "ticks": {"size": 8}, "color": palette.text, "thickness": 1.5},
                "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "tick", "color": palette.wrong, "thickness": 2, "bandSize": 30, "strokeDash": [2, 2]},
                "encoding": {"x": x | {"field": "chance"}, "tooltip": tips},
            },
        ],
        "config": VEGA,
    }


def points(
    trials: Sequence["Trial"], result: Result, *, kept: Collection[int], picked: int | None, turn: int
) -> pd.DataFrame:
    """A row per trial, for the charts that draw each as a point; the ends of its bar are its best and worst seed."""
    rows = []
    for trial in trials:
        value = result_of(trial)
        seeds = [result.badness(seed) for seed in trial.values if value is not None] or [math.nan]
        rows.append(
            {
                "trial": trial.number,
                "name": f"{trial.number}",
                "state": trial.state,
                "badness": math.nan if value is None else result.badness(value),
                "low": min(seeds),
                "high": max(seeds),
                "came_to": outcome_text(trial, result),
                "kept": trial.number in kept,
                "picked": trial.number == picked,
                "turn": turn,
            }
        )
    columns = ["trial", "name", "state", "badness", "low", "high", "came_to", "kept", "picked", "turn"]
    return pd.DataFrame(rows, columns=columns)


def spread(values: Sequence[float]) -> float | None:
    """The standard deviation over the seeds of a trial; None with fewer than two."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def result_of(trial: "Trial") -> float | None:
    """What a trial came to, so far if it is not over; one that diverged came to nothing."""
    found = trial.value
    return None if trial.state == "diverged" or found is None or not math.isfinite(found) else found


def outcome_text(trial: "Trial", result: Result) -> str:
    """What a trial came to: 97.4 %, 97.4 % ± 0.2 %, 91.0 % (stopped early), diverged."""
    value = result_of(trial)
    if value is None:
        return STATES[trial.state]
    text = result.text(value)
    deviation = spread(trial.values)
    if deviation is not None:
        text += f" ± {result.spread_text(deviation)}"
    return text if trial.state == "done" else f"{text} ({STATES[trial.state]})"


def in_order(trials: Iterable["Trial"], result: Result) -> list["Trial"]:
    """The best first: what finished, then what has some result, then the rest."""

    def rank(trial: "Trial") -> tuple[bool, bool, float, int]:
        value = result_of(trial)
        return trial.state != "done", value is None, 0.0 if value is None else result.badness(value), trial.number

    return sorted(trials, key=rank)


def best_of(trials: Iterable["Trial"], result: Result) -> "Trial | None":
    """The first in order, if there is any."""
    return next(iter(in_order(trials, result)), None)


def values_of(trials: Iterable["Trial"]) -> list[float]:
    return [value for trial in trials if (value := result_of(trial)) is not None]


def _cell(cells: Iterable[Cell], value: Any) -> str:
    """The text of the first cell that holds a value; empty: none does."""
    return next((cell.text for cell in cells if value is not None and cell.holds(value)), "")


def _result(result: Result) -> dict[str, Any]:
    """The axis of badness, labelled with what it means: accuracy is stretched towards 100 %."""
    ticks = ACCURACY_TICKS if result.is_accuracy else LOSS_TICKS
    label = "format(100 * (1 - datum.value), '.3~g') + ' %'" if result.is_accuracy else "format(datum.value, '.2~g')"
    return {
        "field": "badness",
        "type": "quantitative",
        "title": result.title,
        "scale": {"type": "log", "reverse": True, "nice": False, "padding": 12},
        "axis": {"values": ticks, "labelExpr": label, "labelOverlap": "greedy", "labelSeparation": 8, "grid": False},
    }


def _points_figure(
    rows: pd.DataFrame, x: dict[str, Any], result: Result, palette: Palette, *, title: str, height: int
) -> Figure:
    y = _result(result)
    tips = [
        {"field": "name", "title": "Trial", "type": "nominal"},
        {"field": "text", "title": x["title"], "type": "nominal"},
        {"field": "came_to", "title": result.title, "type": "nominal"},
    ]
    color = {
        "condition": [
            {"test": "!datum.kept", "value": palette.line},
            {"test": "datum.state != 'done'", "value": palette.muted},
        ],
        "value": palette.accent,
    }
    bottom = {"value": "height"}

    def layer(what: str, mark: dict[str, Any], encoding: dict[str, Any]) -> dict[str, Any]:
        return {"transform": [{"filter": what}], "mark": {"aria": False} | mark, "encoding": encoding}

    select = {"type": "point", "fields": ["trial", "turn"], "nearest": True, "toggle": False, "clear": False}
    return {
        "data": rows,
        "height": height,
        "title": title,
        "encoding": {"x": x},
        "layer": [
            {  # one seed: a rule without length
                "mark": {"type": "rule", "color": palette.muted, "aria": False},
                "encoding": {
                    "y": y | {"field": "low"},
                    "y2": {"field": "high"},
                    "opacity": {"condition": {"test": "datum.kept", "value": 0.7}, "value": 0},
                },
            },
            layer(
                "isValid(datum.badness) && isValid(datum.trial)",
                {"type": "point", "size": 45, "filled": True, "opacity": 0.85},
                {
                    "y": y,
                    "color": color,
                    "shape": {"condition": {"test": "datum.state != 'done'", "value": "diamond"}, "value": "circle"},
                },
            ),
            layer(
                "datum.state == 'diverged'",
                {"type": "text", "text": "×", "dy": -7, "fontSize": 16, "fontWeight": "bold"},
                {
                    "y": bottom,
                    "color": {"condition": {"test": "!datum.kept", "value": palette.line}, "value": palette.wrong},
                },
            ),
            layer(
                "datum.picked && isValid(datum.badness)",
                {"type": "point", "size": 160, "color": palette.validation, "strokeWidth": 2.5, "filled": False},
                {"y": y},
            ),
            {
                "transform": [{"filter": "isValid(datum.badness) && isValid(datum.trial)"}],
                "params": [{"name": TRIAL, "select": select}],
                "mark": {"type": "point", "opacity": 0, "cursor": "pointer"},
                "encoding": {"y": y, "tooltip": tips},
            },
        ],
        "config": VEGA,
    }
