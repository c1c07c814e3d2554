"""The map of a sweep, as Vega-Lite: the best result for each combination of two settings."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from dashboard.charts.axis import Axis, Cell, Result
from dashboard.charts.cells import cell_layers
from dashboard.charts.outcomes import best_of, outcome_text, result_of, values_of
from dashboard.charts.style import VEGA
from dashboard.theme import Palette

if TYPE_CHECKING:
    from experiments.sweeps import Trial

Figure: TypeAlias = dict[str, Any]  # for st.vega_lite_chart


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
    return {
        "data": map_cells(trials, across, down, result, kept=kept, picked=picked, turn=turn),
        "height": 330,
        "title": f"Best {result.title.lower()} in each cell",
        "encoding": {"x": x, "y": y},
        "layer": cell_layers(["across", "down", "turn"], fill, ink, tips, palette),
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


def _cell(cells: Iterable[Cell], value: Any) -> str:
    """The text of the first cell that holds a value; empty: none does."""
    return next((cell.text for cell in cells if value is not None and cell.holds(value)), "")
