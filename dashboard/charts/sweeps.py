"""Charts of a sweep, as Vega-Lite: its trials against each setting and in their turn, and which settings matter.

What is chosen, filtered or finished changes the data only, so the charts on the screen stay while a sweep goes on.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from dashboard.charts.axis import Axis, Result
from dashboard.charts.outcomes import outcome_text, result_of
from dashboard.charts.style import VEGA
from dashboard.theme import Palette

if TYPE_CHECKING:
    from experiments.sweeps import Trial
    from experiments.sweeps.importance import Importance

Figure: TypeAlias = dict[str, Any]  # for st.vega_lite_chart
TRIAL = "trial"  # of the others: {"trial": number}
ACCURACY_TICKS = [0.001, 0.002, 0.003, 0.005, 0.0075, *(n / 100 for n in range(1, 10)), *(n / 20 for n in range(2, 20))]
LOSS_TICKS = [float(f"{digit}e{power}") for power in range(-4, 3) for digit in (1, 1.5, 2, 3, 5, 7)]


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


def importance_figure(importances: Sequence["Importance"], titles: Mapping[str, str], palette: Palette) -> Figure:
    """The share of the difference that each setting explains, with its 90 % interval; grey where it may be chance."""
    rows = pd.DataFrame(
        [
            {
                "setting": titles.get(found.name, found.name),
                "share": 100 * found.share,
                "low": 100 * found.low,
                "high": 100 * found.high,
                "sign": "hardly" if found.clear else "may be",
            }
            for found in importances
        ],
        columns=["setting", "share", "low", "high", "sign"],
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
        {"field": "sign", "title": "Chance", "type": "nominal"},
    ]
    by_share = {"field": "share", "op": "max", "order": "descending"}  # also when a chart on the screen is changed
    faint = {"condition": {"test": "datum.sign == 'may be'", "value": palette.muted}, "value": palette.accent}
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
