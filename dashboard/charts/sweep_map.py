"""Sweep map: the best result for each combination of two settings."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from dashboard.charts.plotly_marks import DARK_FROM, cell_grid_figure, hover, signed_colors
from dashboard.charts.style import color_scale
from dashboard.charts.sweep_values import Axis, Cell, Objective, SweepView, best_of, outcome_text, result_of
from dashboard.theme import Palette

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

    from experiments.sweeps import Trial


def map_figure(view: SweepView, across: Axis, up: Axis, palette: Palette) -> PlotlyFigure:
    """The best result in each cell of two settings; high values of `up` are at the top.

    A click on a cell returns the number of its best trial, or nothing where it has none.
    """
    cells = map_cells(view, across, up)
    best = f"Best {view.objective.title.lower()}"
    lines = (across.title + ": {column}", up.title + ": {row}", best + ": {result}", "Trials: {trials}")

    def ink(cell: pd.Series[Any]) -> str:
        if cell["state"] == "diverged":
            return palette.wrong
        if cell["shade"] < 0:
            return palette.muted
        return palette.background if cell["shade"] > DARK_FROM else palette.text

    return cell_grid_figure(
        cells.assign(ink=cells.apply(ink, axis=1)),
        palette,
        across=across.title,
        down=up.title,
        angle=-35 if len(across.cells()) > 5 or not across.steps else 0,
        colors=signed_colors(palette.surface, color_scale(palette.sequential[1:])),
        texts=hover(cells, *lines),
        values=[None if best < 0 else best for best in cells["best"].tolist()],
        picked=cells.index[cells["picked"]].tolist(),
        title=f"{best} in each cell",
        height=420,
    )


def map_cells(view: SweepView, across: Axis, up: Axis) -> pd.DataFrame:
    """One row per cell, from the top left. Without a trial its best and shade are -1."""
    inside_of = by_cell((trial for trial in view.trials if trial.number in view.kept), across, up)
    table = []
    for row in reversed(up.cells()):
        for column in across.cells():
            inside = inside_of.get((column.text, row.text), [])
            best = best_of(inside, view.objective)
            value = result_of(best) if best else None
            table.append(
                {
                    "column": column.text,
                    "row": row.text,
                    "shade": -1.0 if value is None else view.outcome.place(view.objective.error(value)),
                    "state": best.state if best else "",
                    "text": cell_text(best, view.objective),
                    "result": outcome_text(best, view.objective) if best else "no trial",
                    "trials": len(inside),
                    "best": best.number if best else -1,
                    "picked": view.picked in {trial.number for trial in inside},
                }
            )
    return pd.DataFrame(table)


def by_cell(trials: Iterable[Trial], across: Axis, up: Axis) -> dict[tuple[str, str], list[Trial]]:
    """The trials of each cell, by its two texts.

    One on the border of two bins counts in the first of them.
    """
    inside: dict[tuple[str, str], list[Trial]] = {}
    columns, rows = across.cells(), up.cells()
    for trial in trials:
        column, row = _cell(columns, trial.params.get(across.name)), _cell(rows, trial.params.get(up.name))
        if column and row:
            inside.setdefault((column, row), []).append(trial)
    return inside


def cell_text(trial: Trial | None, objective: Objective) -> str:
    """A result that fits into a cell. A cross marks one that diverged."""
    if trial is None:
        return ""
    value = result_of(trial)
    if value is not None:
        return f"{100 * value:.1f}" if objective.is_accuracy else f"{value:.3g}"
    return {"diverged": "× diverged", "running": "running", "failed": "failed"}.get(trial.state, "stopped")


def _cell(cells: Iterable[Cell], value: Any) -> str:
    """The text of the first cell that holds a value; empty: none does."""
    return next((cell.text for cell in cells if value is not None and cell.holds(value)), "")
