"""Sweep charts: the figures of one sweep on the page, and what a click or a drag on them does."""

from collections.abc import Sequence

import streamlit as st

from dashboard.explore.filters import brushes, take_brush
from dashboard.explore.search_form import title_of
from dashboard.explore.trials import pick
from dashboard.plots.axis import Axis, Result
from dashboard.plots.outcomes import best_of, values_of
from dashboard.plots.parallel import parallel_figure
from dashboard.plots.sweep_map import CELL, by_cell, map_figure
from dashboard.plots.sweeps import TRIAL, Figure, history_figure, importance_figure, slice_figure
from dashboard.state import state
from experiments.findings import Importance
from experiments.sweeps import SweepStatus, Trial

MOST_SLICES = 4  # beside each other
CHANCE = "Grey: no more than chance could give; the red line is the most that chance gives in 95 of 100 cases."


def render_parallel(
    trials: Sequence[Trial], axes: Sequence[Axis], result: Result, kept: set[int], picked: int | None
) -> None:
    key = f"sweep-parallel-{state.sweep}-{state.sweep_brushes}"
    outcome_axis = result.axis(values_of(trials))
    st.vega_lite_chart(
        parallel_figure(
            trials,
            axes,
            result,
            state.palette(),
            kept=kept,
            picked=picked,
            brushes=brushes(state.sweep_filters, axes, outcome_axis),
        ),
        key=key,
        on_select=lambda: take_brush(key, axes, outcome_axis),
        alt="Parallel coordinates: a line per trial across its settings to its result. Filter sets the same by hand.",
    )


def render_map(
    trials: Sequence[Trial], axes: Sequence[Axis], result: Result, kept: set[int], picked: int | None
) -> None:
    """Two settings, the best result in each cell; with one searched setting there is no map."""
    if len(axes) < 2:
        figure = slice_figure(
            trials, axes[0], result, state.palette(), kept=kept, picked=picked, turn=state.sweep_picks
        )
        render_points(figure | {"height": 330}, "sweep-only", f"{result.title} against {axes[0].title.lower()}")
        return
    by_name = {axis.name: axis for axis in axes}
    across, down = axes[0], axes[1]
    if len(axes) > 2:
        with st.container(horizontal=True):
            across = by_name[choose_axis("Across", "sweep-across", list(by_name), 0)]
            others = [name for name in by_name if name != across.name]
            down = by_name[choose_axis("Up", "sweep-up", others, 0)]
    key = f"sweep-map-{across.name}-{down.name}"
    shown = [trial for trial in trials if trial.number in kept]

    def pick_cell() -> None:
        for cell in state.widget(key)["selection"].get(CELL, []):
            found = best_of(by_cell(shown, across, down).get((cell["across"], cell["down"]), []), result)
            if found:
                pick(found.number)

    st.vega_lite_chart(
        map_figure(trials, across, down, result, state.palette(), kept=kept, picked=picked, turn=state.sweep_picks),
        key=key,
        on_select=pick_cell,
        alt=f"Map of {across.title} and {down.title}: the best result of each cell. The box Trial picks one too.",
    )


def choose_axis(label: str, key: str, names: list[str], index: int) -> str:
    if state.widget(key) not in names:
        state.set_widget(key, names[index])
    return st.selectbox(label, names, key=key, format_func=title_of, persist_state="session", width=200)


def render_slices(
    trials: Sequence[Trial], axes: Sequence[Axis], result: Result, kept: set[int], picked: int | None
) -> None:
    if len(axes) < 2:
        return
    columns = len(axes) if len(axes) <= MOST_SLICES else MOST_SLICES - 1
    for start in range(0, len(axes), columns):
        for cell, axis in zip(st.columns(columns, gap="medium"), axes[start : start + columns], strict=False):
            figure = slice_figure(
                trials, axis, result, state.palette(), kept=kept, picked=picked, turn=state.sweep_picks
            )
            with cell:
                render_points(figure, f"sweep-slice-{axis.name}", f"{result.title} against {axis.title.lower()}")


def render_history(
    trials: Sequence[Trial], status: SweepStatus, result: Result, kept: set[int], picked: int | None
) -> None:
    planned = status.trials or max(10, -(-len(trials) // 10) * 10)
    figure = history_figure(
        trials, result, state.palette(), planned=planned, kept=kept, picked=picked, turn=state.sweep_picks
    )
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
