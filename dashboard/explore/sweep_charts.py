"""Sweep charts: the figures of one sweep on the page, and what a click or a drag on them does."""

from collections.abc import Sequence

import streamlit as st

from dashboard.charts.parallel import BRUSH, parallel_figure
from dashboard.charts.sweep_map import map_figure
from dashboard.charts.sweep_values import Axis, SweepView
from dashboard.charts.sweeps import history_figure, importance_figure, slice_figure
from dashboard.components.chart import Figure, render_chart
from dashboard.explore.filters import brushes, take_brush
from dashboard.explore.search_form import title_of
from dashboard.explore.state import page_state
from dashboard.explore.trials import pick
from dashboard.session import state
from experiments.sweeps import SweepStatus
from experiments.sweeps.importance import Importance

MOST_SLICES = 4  # beside each other
CHANCE = "Grey: may be chance. If nothing mattered, results would look so ordered in more than 5 of 100 sweeps."


def render_parallel(view: SweepView) -> None:
    key = f"sweep-parallel-{page_state.sweep}-{page_state.sweep_brushes}"
    figure = parallel_figure(view, state.palette(), brushes=brushes(page_state.sweep_filters, view.axes, view.outcome))
    render_chart(
        figure,
        key=key,
        on_brush=lambda selection: take_brush(selection.get(BRUSH, {}), view.axes, view.outcome),
        alt="Parallel coordinates: a line per trial across its settings to its result. Filter sets the same by hand.",
    )


def render_map(view: SweepView) -> None:
    """Two settings, the best result in each cell; with one searched setting there is no map."""
    axes, title = view.axes, view.objective.title
    if len(axes) < 2:
        figure = slice_figure(view, axes[0], state.palette(), height=420)
        render_points(figure, "sweep-only", f"{title} against {axes[0].title.lower()}")
        return
    across, up = axes[0], axes[1]
    if len(axes) > 2:
        with st.container(horizontal=True):
            across = choose_axis("Across", "sweep-across", axes)
            up = choose_axis("Up", "sweep-up", [axis for axis in axes if axis is not across])
    figure = map_figure(view, across, up, state.palette())
    alt = f"Map of {across.title} and {up.title}: the best result of each cell"
    render_points(figure, f"sweep-map-{across.name}-{up.name}", alt)


def choose_axis(label: str, key: str, axes: Sequence[Axis]) -> Axis:
    names = {axis.name: axis for axis in axes}
    if state.widget(key) not in names:
        state.set_widget(key, axes[0].name)
    return names[st.selectbox(label, names, key=key, format_func=title_of, persist_state="session", width=200)]


def render_slices(view: SweepView) -> None:
    axes, title = view.axes, view.objective.title
    if len(axes) < 2:
        return
    columns = len(axes) if len(axes) <= MOST_SLICES else MOST_SLICES - 1
    for start in range(0, len(axes), columns):
        for cell, axis in zip(st.columns(columns, gap="medium"), axes[start : start + columns], strict=False):
            figure = slice_figure(view, axis, state.palette())
            with cell:
                render_points(figure, f"sweep-slice-{axis.name}", f"{title} against {axis.title.lower()}")


def render_history(view: SweepView, status: SweepStatus) -> None:
    planned = status.trials or max(10, -(-len(view.trials) // 10) * 10)
    figure = history_figure(view, state.palette(), planned=planned)
    render_points(figure, "sweep-history", "The result of each trial in its turn, and the best so far")


def render_points(figure: Figure, key: str, alt: str) -> None:
    """A chart of which every point is a trial."""

    key = f"{key}-{page_state.sweep_picks}"  # a new chart forgets the last click
    render_chart(figure, key=key, on_click=pick, alt=f"{alt}. The box Trial picks one too.")


def render_importances(shares: Sequence[Importance]) -> None:
    if not shares:
        st.caption("Which settings matter shows here after eight finished trials.")
        return
    titles = {found.name: title_of(found.name) for found in shares}
    render_chart(
        importance_figure(shares, titles, state.palette()),
        key=f"sweep-importance-{len(shares)}",
        alt="Bars: how much of the difference between the trials each setting explains, with its interval",
    )
    if not all(found.clear for found in shares):
        st.caption(CHANCE)
