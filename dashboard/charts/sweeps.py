"""Sweep charts: results by setting and by trial, and the importance of settings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dashboard.charts.plotly_marks import NEAREST, Trace, clickable, fixed, hover, interval_bars_figure, plotly_figure
from dashboard.charts.sweep_values import Axis, Objective, SweepView, outcome_text, result_of
from dashboard.theme import Palette

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

    from experiments.sweeps import Trial
    from experiments.sweeps.importance import Importance

ROOM = 0.08  # of an axis, beyond its ends
COLUMNS = ["trial", "state", "error", "low", "high", "result", "kept", "picked"]


def slice_figure(view: SweepView, axis: Axis, palette: Palette, *, height: int = 290) -> PlotlyFigure:
    """The result of every trial against one setting.

    A click on a point returns the number of its trial.
    """
    settings = {trial.number: trial.params[axis.name] for trial in view.trials if axis.name in trial.params}
    rows = points(view)
    rows = rows[rows["trial"].isin(list(settings))]
    texts = [axis.text(setting) for setting in settings.values()]
    rows = rows.assign(x=list(settings.values()) if axis.numeric else texts, text=texts)
    x: dict[str, Any] = {"title": {"text": axis.title}, "showgrid": False}
    if axis.numeric:
        x |= {"tickvals": axis.ticks(), "ticktext": [axis.text(tick) for tick in axis.ticks()], **span(axis)}
    else:
        x |= {"type": "category", "categoryarray": axis.names, "range": [-0.5, len(axis.names) - 0.5]}
    traces, layout = _points(rows, view, palette, "Trial: {trial}", axis.title + ": {text}")
    title = f"{view.objective.short_title} by {axis.title.lower()}"
    return plotly_figure(traces, palette, title=title, height=height, xaxis=x, **layout)


def history_figure(view: SweepView, palette: Palette, *, planned: int) -> PlotlyFigure:
    """Every trial in its turn, and the best result so far.

    A click on a point returns the number of its trial.
    """
    rows = points(view)
    traces, layout = _points(rows.assign(x=rows["trial"]), view, palette, "Trial: {trial}")
    turns, errors = np.array(best_so_far(view.trials, view.objective)).reshape(-1, 2).T
    steps = {"type": "scatter", "mode": "lines", "x": turns, "y": errors, "hoverinfo": "skip"}
    steps |= {"line": {"shape": "hv", "color": palette.validation, "width": 2}}
    x = {"title": {"text": "Trial"}, "range": [-0.5, max(1, planned) - 0.5], "showgrid": False, "nticks": 8}
    title = "Best so far, after each trial"
    return plotly_figure([steps, *traces], palette, title=title, height=310, xaxis=x | {"tickformat": "d"}, **layout)


def best_so_far(trials: Sequence[Trial], objective: Objective) -> list[tuple[float, float]]:
    """(turn, error) wherever the best result changes, and at the last finished trial."""
    found: list[tuple[float, float]] = []
    for trial in trials:
        value = result_of(trial)
        if trial.state == "done" and value is not None:
            error = objective.error(value)
            found.append((float(trial.number), min(error, found[-1][1]) if found else error))
    inner = [b for a, b in pairwise(found) if a[1] != b[1]]
    return [*found[:1], *inner, *found[-1:]]


def importance_figure(importances: Sequence[Importance], titles: Mapping[str, str], palette: Palette) -> PlotlyFigure:
    """The share of the difference that each setting explains, with its 90 % interval.

    Bars that may be chance are grey and hatched.
    """
    signs = {True: (palette.accent, "", "hardly"), False: (palette.muted, "/", "may be")}
    ranked = sorted(importances, key=lambda found: -found.share)
    table = [
        (titles.get(found.name, found.name), 100 * found.share, 100 * found.low, 100 * found.high, *signs[found.clear])
        for found in ranked
    ]
    rows = pd.DataFrame(table, columns=["name", "value", "low", "high", "color", "pattern", "chance"])
    lines = ("{name} explains {value:.0f} %", "90 % interval: {low:.0f} to {high:.0f} %", "Chance: {chance}")
    x = fixed("Share of the difference explained (%)", range=[0, 101], dtick=25)
    title = "Which settings matter, with 90 % intervals"
    return interval_bars_figure(rows, palette, x=x, texts=hover(rows, *lines), title=title, height=310)


def points(view: SweepView) -> pd.DataFrame:
    """A row per trial: its error, and as low and high those of its best and worst seed."""
    rows = []
    for trial in view.trials:
        value = result_of(trial)
        seeds = [view.objective.error(seed) for seed in trial.values if value is not None] or [math.nan]
        error = math.nan if value is None else view.objective.error(value)
        signs = (outcome_text(trial, view.objective), trial.number in view.kept, trial.number == view.picked)
        rows.append((trial.number, trial.state, error, min(seeds), max(seeds), *signs))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"kept": bool, "picked": bool})


def span(axis: Axis) -> dict[str, Any]:
    """The type and the range of a Plotly axis, with some room at both ends."""
    ends = [axis.at(-ROOM), axis.at(1 + ROOM)]
    return {"type": "log", "range": np.log10(ends).tolist()} if axis.log else {"range": ends}


def _points(rows: pd.DataFrame, view: SweepView, palette: Palette, *lines: str) -> tuple[list[Trace], dict[str, Any]]:
    """The traces of `points` with a column x, and the layout of the results: up is better."""
    outcome, shown = view.outcome, rows[rows["error"].notna()]
    done = shown["state"] == "done"
    color = done.map({True: palette.accent, False: palette.muted}).where(shown["kept"], palette.line)
    seeds = {"array": shown["high"] - shown["error"], "arrayminus": shown["error"] - shown["low"]}
    seeds = {name: length.where(shown["kept"], 0) for name, length in seeds.items()}
    dots = {
        "x": shown["x"],
        "y": shown["error"],
        "error_y": seeds | {"color": palette.muted, "thickness": 1, "width": 0},
    }
    dots |= {"marker": {"color": color, "symbol": done.map({True: "circle", False: "diamond"}), "size": 8}}
    dots |= clickable(shown["trial"], hover(shown, *lines, view.objective.title + ": {result}"))
    lost = rows[rows["state"] == "diverged"]
    cross = {"symbol": "x", "size": 8, "color": lost["kept"].map({True: palette.wrong, False: palette.line})}
    crosses = {"x": lost["x"], "y": [outcome.at(-ROOM)] * len(lost), "marker": cross, "cliponaxis": False}
    crosses |= clickable(lost["trial"], hover(lost, *lines, "diverged"))
    chosen = shown[shown["picked"]]
    circle = {"color": palette.validation, "symbol": "circle-open", "size": 15, "line": {"width": 2.5}}
    ring = {"x": chosen["x"], "y": chosen["error"], "marker": circle, "hoverinfo": "skip"}
    places, texts = zip(*view.objective.ticks(outcome), strict=True)
    y = {"title": {"text": view.objective.title}, "showgrid": False, **span(outcome)}
    y |= {"tickvals": [outcome.at(place) for place in places], "ticktext": texts}
    traces = [{"type": "scatter", "mode": "markers"} | trace for trace in (dots, crosses, ring)]
    return traces, {"yaxis": y} | NEAREST
