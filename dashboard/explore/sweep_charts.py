"""Sweep charts: the figures of one sweep on the page, and what a click or a drag on them does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.charts.axis import Axis, Result
from dashboard.charts.cells import CELL
from dashboard.charts.outcomes import best_of, values_of
from dashboard.charts.parallel import parallel_figure
from dashboard.charts.sweep_map import by_cell, map_figure
from dashboard.charts.sweeps import TRIAL, Figure, history_figure, importance_figure, slice_figure
from dashboard.explore.filters import brushes, take_brush
from dashboard.explore.search_form import title_of
from dashboard.explore.state import page_state
from dashboard.explore.trials import pick
from dashboard.session import state
from experiments.sweeps import SweepStatus, Trial
from experiments.sweeps.importance import Importance

MOST_SLICES = 4  # beside each other
CHANCE = "Grey: may be chance. If nothing mattered, results would look so ordered in more than 5 of 100 sweeps."


@dataclass(frozen=True)
class Shown:
    """What all charts show: the trials, which of them pass the filters, and the one that is picked."""

    trials: Sequence[Trial]
    axes: Sequence[Axis]
    result: Result
    kept: frozenset[int]
    picked: int | None

    @property
    def choices(self) -> dict[str, Any]:
        """What people chose, as the figures take it."""
        return {"kept": self.kept, "picked": self.picked, "turn": page_state.sweep_picks}


def render_parallel(shown: Shown) -> None:
    key = f"sweep-parallel-{page_state.sweep}-{page_state.sweep_brushes}"
    outcome = shown.result.axis(values_of(shown.trials))
    figure = parallel_figure(
        shown.trials,
        shown.axes,
        shown.result,
        state.palette(),
        kept=shown.kept,
        picked=shown.picked,
        brushes=brushes(page_state.sweep_filters, shown.axes, outcome),
    )
    st.vega_lite_chart(
        figure,
        key=key,
        on_select=lambda: take_brush(key, shown.axes, outcome),
        alt="Parallel coordinates: a line per trial across its settings to its result. Filter sets the same by hand.",
    )


def render_map(shown: Shown) -> None:
    """Two settings, the best result in each cell; with one searched setting there is no map."""
    axes, result = shown.axes, shown.result
    if len(axes) < 2:
        figure = slice_figure(shown.trials, axes[0], result, state.palette(), **shown.choices)
        render_points(figure | {"height": 330}, "sweep-only", f"{result.title} against {axes[0].title.lower()}")
        return
    across, up = axes[0], axes[1]
    if len(axes) > 2:
        with st.container(horizontal=True):
            across = choose_axis("Across", "sweep-across", axes)
            up = choose_axis("Up", "sweep-up", [axis for axis in axes if axis is not across])
    key = f"sweep-map-{across.name}-{up.name}"
    cells = by_cell((trial for trial in shown.trials if trial.number in shown.kept), across, up)

    def pick_cell() -> None:
        for cell in state.widget(key)["selection"].get(CELL, []):
            found = best_of(cells.get((cell["across"], cell["down"]), []), result)
            if found:
                pick(found.number)

    st.vega_lite_chart(
        map_figure(shown.trials, across, up, result, state.palette(), **shown.choices),
        key=key,
        on_select=pick_cell,
        alt=f"Map of {across.title} and {up.title}: the best result of each cell. The box Trial picks one too.",
    )


def choose_axis(label: str, key: str, axes: Sequence[Axis]) -> Axis:
    names = {axis.name: axis for axis in axes}
    if state.widget(key) not in names:
        state.set_widget(key, axes[0].name)
    return names[st.selectbox(label, names, key=key, format_func=title_of, persist_state="session", width=200)]


def render_slices(shown: Shown) -> None:
    axes, result = shown.axes, shown.result
    if len(axes) < 2:
        return
    columns = len(axes) if len(axes) <= MOST_SLICES else MOST_SLICES - 1
    for start in range(0, len(axes), columns):
        for cell, axis in zip(st.columns(columns, gap="medium"), axes[start : start + columns], strict=False):
            figure = slice_figure(shown.trials, axis, result, state.palette(), **shown.choices)
            with cell:
                render_points(figure, f"sweep-slice-{axis.name}", f"{result.title} against {axis.title.lower()}")


def render_history(shown: Shown, status: SweepStatus) -> None:
    planned = status.trials or max(10, -(-len(shown.trials) // 10) * 10)
    figure = history_figure(shown.trials, shown.result, state.palette(), planned=planned, **shown.choices)
    render_points(figure, "sweep-history", "The result of each trial in its turn, and the best so far")


def render_points(figure: Figure, key: str, alt: str) -> None:
    """A chart of which every point is a trial."""

    def pick_point() -> None:
        for point in state.widget(key)["selection"].get(TRIAL, []):
            pick(int(point["trial"]))

    st.vega_lite_chart(figure, key=key, on_select=pick_point, alt=f"{alt}. The box Trial picks one too.")


def render_importances(shares: Sequence[Importance]) -> None:
    if not shares:
        st.caption("Which settings matter shows here after eight finished trials.")
        return
    titles = {found.name: title_of(found.name) for found in shares}
    st.vega_lite_chart(
        importance_figure(shares, titles, state.palette()),
        key=f"sweep-importance-{len(shares)}",
        alt="Bars: how much of the difference between the trials each setting explains, with its interval",
    )
    if not all(found.clear for found in shares):
        st.caption(CHANCE)
