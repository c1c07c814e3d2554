"""Sweep results: one sweep as it is now, live while it goes, in charts that drive each other."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard.explore.filters import brushes, kept_by, render_filters, take_brush
from dashboard.explore.search_form import is_whole, title_of
from dashboard.explore.trials import pick, render_table, render_trial
from dashboard.forms import named
from dashboard.plots.axis import Axis, Result, setting_axis
from dashboard.plots.sweeps import (
    CELL,
    TRIAL,
    Figure,
    best_of,
    by_cell,
    history_figure,
    importance_figure,
    map_figure,
    parallel_figure,
    slice_figure,
    values_of,
)
from dashboard.state import state
from experiments.cost import duration
from experiments.findings import Importance, importances, sentence, ties
from experiments.runs import RunError, open_run
from experiments.search import Range
from experiments.sweeps import Sweep, SweepError, SweepSpec, SweepStatus, Trial

LIVE_SECONDS = 1.0
MOST_SLICES = 4  # beside each other
FEW_WHOLE = 8  # whole numbers in a range that are steps of their own
CHANCE = "Grey: no more than chance could give; the red line is the most that chance gives in 95 of 100 cases."


def render_sweep(sweep: Sweep) -> None:
    """What one can do, then what renews itself."""
    status = sweep.status()
    every = LIVE_SECONDS if status.active else None
    st.fragment(render_live, run_every=every)(sweep, status.state)


def render_live(sweep: Sweep, drawn: str) -> None:
    """Draws itself anew every second; when the state is no longer the drawn one, the whole page."""
    try:
        status, trials, spec = sweep.status(), sweep.trials(), sweep.spec
    except (SweepError, OSError) as error:
        st.error(str(error))
        return
    if status.state != drawn:
        st.rerun()
    result = Result(spec.objective)
    axes = axes_of(spec)
    render_state(sweep, status)
    render_numbers(status, trials, result)
    if not trials:
        st.caption("The first trials appear here in a moment." if status.active else "No trial was begun.")
        return
    finding = st.container(key="sweep-finding")
    images = validation_images(trials)
    kept = kept_by(state.sweep_filters, trials, axes, result)
    tied = ties(trials, objective=spec.objective, images=images)
    best = best_of(trials, result)
    chosen = state.sweep_trial if any(trial.number == state.sweep_trial for trial in trials) else None
    picked = best.number if chosen is None and best else chosen
    render_filters(trials, len(kept), axes, result)
    numbers = {trial.number for trial in kept}
    render_parallel(trials, axes, result, numbers, picked)
    left, right = st.columns(2, gap="medium")
    with left:
        render_map(trials, axes, result, numbers, picked)
    with right:
        render_trial(trials, kept, picked, axes, result, spec)
    render_slices(trials, axes, result, numbers, picked)
    left, right = st.columns(2, gap="medium")
    with left:
        render_history(trials, status, result, numbers, picked)
    render_table(kept, tied, axes, result, spec)
    # Last, because the first reckoning of what matters takes a second or two: nothing else waits for it.
    shares = importances_of(spec, f"{sweep.id} {sweep.created}", trials, ended=not status.active)
    with right:
        render_importances(shares)
    with finding:
        found = sentence(spec.search, trials, shares, objective=spec.objective, images=images)
        several = f" {len(tied.numbers)} settings tie for the best." if len(tied.numbers) > 1 else ""
        st.markdown(f"**{found}{several}**")


def axes_of(spec: SweepSpec) -> list[Axis]:
    """One for each searched setting; a grid has steps on each."""
    found = []
    for name, values in spec.search.items():
        steps: tuple[float, ...] = ()
        if isinstance(values, Range):
            if spec.sampler == "grid":
                steps = values.values(name)
            elif is_whole(name) and values.high - values.low < FEW_WHOLE:
                steps = tuple(range(int(values.low), int(values.high) + 1))
        found.append(setting_axis(name, title_of(name), values, steps=steps, named=named))
    return found


def render_state(sweep: Sweep, status: SweepStatus) -> None:
    """How far it is and how to stop it, or how it ended and how to go on, in the same place."""
    with st.container(key="sweep-state", horizontal=True, vertical_alignment="center"):
        if status.active:
            st.progress(min(1.0, status.share), progress_text(sweep, status), width="stretch")
            action("Stop", Sweep.stop, sweep, icon=":material/stop:", disabled=sweep.stopping)
            return
        outcome(status)
        if status.state in ("stopped", "interrupted", "failed"):
            action("Resume", Sweep.resume, sweep, icon=":material/play_arrow:", type="primary")


def outcome(status: SweepStatus) -> None:
    if status.state == "finished":
        st.success(f"Finished after {duration(status.seconds)}. {status.reason}", icon=":material/check:")
    elif status.state == "failed":
        st.error(status.reason, icon=":material/error:")
    elif status.state == "interrupted":
        st.warning(f"Interrupted. {status.reason}", icon=":material/power_off:")
    else:
        st.info(status.reason or "Stopped; resume it to go on where it was.", icon=":material/stop_circle:")


def progress_text(sweep: Sweep, status: SweepStatus) -> str:
    if sweep.stopping:
        return "Stopping"
    if not status.running and not status.ended:
        return "Starting"
    of = f" of {status.trials:,}" if status.trials else ""
    left = f" · about {duration(round(status.seconds_left))} left" if status.seconds_left is not None else ""
    return f"{status.ended:,}{of} trials over, {status.running} running{left}"


def action(label: str, act: Callable[[Sweep], None], sweep: Sweep, **options: Any) -> None:
    if st.button(label, key=f"{label}-sweep-{sweep.id}", **options):
        try:
            act(sweep)
        except (SweepError, OSError) as error:
            st.error(str(error))
        else:
            st.rerun()


def render_numbers(status: SweepStatus, trials: Sequence[Trial], result: Result) -> None:
    best = status.best.value if status.best else None
    diverged = sum(trial.state == "diverged" for trial in trials)
    with st.container(key="run-numbers", horizontal=True):
        for name, value in (
            ("Best so far" if status.active else "Best", result.text(best) if best is not None else "–"),
            ("Finished", f"{status.done:,}"),
            ("Running", f"{status.running:,}"),
            ("Stopped early", f"{status.pruned:,}"),
            ("Diverged", f"{diverged:,}"),
            ("Epochs in all", f"{status.epochs:,.0f}"),
        ):
            st.metric(name, value, width=100)


def importances_of(spec: SweepSpec, which: str, trials: Sequence[Trial], *, ended: bool) -> tuple[Importance, ...]:
    """Reckoned anew now and then only, because one trial changes little."""
    over = [trial for trial in trials if trial.over]
    count = len(over) if ended else len(over) - len(over) % max(4, len(over) // 4)
    return _importances(which, count, spec, over[:count])


@st.cache_data(max_entries=100, show_spinner=False)
def _importances(which: str, count: int, _spec: SweepSpec, _trials: Sequence[Trial]) -> tuple[Importance, ...]:
    return importances(_spec.search, _trials)


def validation_images(trials: Sequence[Trial]) -> int:
    """On how many digits an accuracy was counted; 0: not known."""
    for trial in trials:
        for run in trial.runs:
            try:
                found = open_run(run).status().validation_images
            except RunError:
                continue
            if found:
                return found
    return 0


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
