"""Sweep results: one sweep as it is now, live while it goes, in charts that drive each other."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard.access.actions import resume_sweep, stop_sweep
from dashboard.access.decision import Action, refusal_of
from dashboard.charts.sweep_values import Axis, Objective, SweepView, best_of, setting_axis
from dashboard.components.forms import named
from dashboard.explore.filters import kept_by, render_filters
from dashboard.explore.search_form import is_whole, title_of
from dashboard.explore.state import page_state
from dashboard.explore.sweep_charts import (
    render_history,
    render_importances,
    render_map,
    render_parallel,
    render_slices,
)
from dashboard.explore.trials import render_table, render_trial
from experiments.formats import duration
from experiments.runs.run import RunError, open_run
from experiments.sweeps import Sweep, SweepError, SweepSpec, SweepStatus, Trial
from experiments.sweeps.findings import find_ties, sentence
from experiments.sweeps.importance import Importance, importances
from experiments.sweeps.space import Range

LIVE_SECONDS = 1.0
FEW_WHOLE = 8  # whole numbers in a range that are steps of their own


def render_sweep(sweep: Sweep) -> None:
    """What one can do, then what renews itself."""
    status = sweep.status()
    every = LIVE_SECONDS if status.active else None
    st.fragment(render_live, run_every=every)(sweep, status.state)


def render_live(sweep: Sweep, drawn: str) -> None:
    """Draws itself anew every second; when the state is no longer the drawn one, the whole page."""
    try:
        status, trials, spec = sweep.status(), sweep.trials(), sweep.spec
    except FileNotFoundError:
        st.rerun()  # it was deleted in another tab, and the page says so
    except (SweepError, OSError) as error:
        st.error(str(error))
        return
    if status.state != drawn:
        st.rerun()
    result = Objective(spec.objective)
    axes = axes_of(spec)
    render_state(sweep, status)
    render_numbers(status, trials, result)
    if not trials:
        st.caption("The first trials appear here in a moment." if status.active else "No trial was begun.")
        return
    finding = st.container(key="sweep-finding")
    images = validation_images(trials)
    kept = kept_by(page_state.sweep_filters, trials, axes, result)
    tied = find_ties(trials, objective=spec.objective, images=images)
    best = best_of(trials, result)
    chosen = page_state.sweep_trial if any(trial.number == page_state.sweep_trial for trial in trials) else None
    picked = best.number if chosen is None and best else chosen
    render_filters(trials, len(kept), axes, result)
    view = SweepView(trials, axes, result, frozenset(trial.number for trial in kept), picked)
    render_parallel(view)
    left, right = st.columns(2, gap="medium")
    with left:
        render_map(view)
    with right:
        render_trial(trials, kept, picked, axes, result, spec)
    render_slices(view)
    left, right = st.columns(2, gap="medium")
    with left:
        render_history(view, status)
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
            action("Stop", stop_sweep, sweep, icon=":material/stop:", disabled=sweep.stop_requested)
            return
        outcome(status)
        if status.state in ("stopped", "interrupted", "failed"):
            action("Resume", resume_sweep, sweep, icon=":material/play_arrow:", type="primary")


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
    if sweep.stop_requested:
        return "Stopping"
    if not status.running and not status.ended:
        return "Starting"
    of = f" of {status.trials:,}" if status.trials else ""
    left = f" · about {duration(round(status.seconds_left))} left" if status.seconds_left is not None else ""
    return f"{status.ended:,}{of} trials over, {status.running} running{left}"


def action(label: str, act: Callable[[Sweep], None], sweep: Sweep, **options: Any) -> None:
    if refusal := refusal_of(Action.STEER, of=sweep.id):
        options |= {"disabled": True, "help": str(refusal)}
    if st.button(label, key=f"{label}-sweep-{sweep.id}", **options):
        try:
            act(sweep)
        except (SweepError, OSError) as error:
            st.error(str(error))
        else:
            st.rerun()


def render_numbers(status: SweepStatus, trials: Sequence[Trial], result: Objective) -> None:
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
