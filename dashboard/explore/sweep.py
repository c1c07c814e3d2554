"""One sweep: its state, its results, and charts in which a click picks a trial."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from dashboard.access.actions import resume_sweep, stop_sweep
from dashboard.access.decision import Action, refusal_of
from dashboard.access.visibility import open_run
from dashboard.charts.parallel import BRUSH, parallel_figure
from dashboard.charts.sweep_map import map_figure
from dashboard.charts.sweep_values import Axis, Objective, SweepView, best_of, setting_axis
from dashboard.charts.sweeps import history_figure, importance_figure, slice_figure
from dashboard.components.chart import Figure, render_chart
from dashboard.components.forms import named
from dashboard.components.messages import EXPECTED, error_text, errors_as_text
from dashboard.components.plain_text import plain_text
from dashboard.explore.state import page_state
from dashboard.explore.sweep_filters import brushes, filtered, render_filters, set_brushed
from dashboard.explore.sweep_form import is_whole, title_of
from dashboard.explore.trials import render_table, render_trial
from dashboard.session import state
from experiments.formats import duration
from experiments.runs.run import RunError
from experiments.sweeps import Sweep, SweepSpec, SweepStatus, Trial
from experiments.sweeps.findings import find_ties, sentence
from experiments.sweeps.importance import Importance, importances
from experiments.sweeps.space import Range

LIVE_SECONDS = 1.0
MOST_SLICES = 4  # side by side
FEW_WHOLE = 8  # whole numbers in a range that are steps of their own


def render_sweep(sweep: Sweep) -> None:
    """Draw a sweep, every second while it is active."""
    status = sweep.status()
    st.fragment(render_live, run_every=LIVE_SECONDS if status.active else None)(sweep, status.state)


def render_live(sweep: Sweep, drawn: str) -> None:
    """The sweep as it is now. A change of state draws the whole page."""
    try:
        status, trials, spec = sweep.status(), sweep.trials(), sweep.spec
    except FileNotFoundError:
        st.rerun()  # deleted in another tab, as the page will say
    except EXPECTED as error:
        st.error(error_text(error))
        return
    if status.state != drawn:
        st.rerun()
    _render_results(sweep, status, trials, spec)


def _render_results(sweep: Sweep, status: SweepStatus, trials: Sequence[Trial], spec: SweepSpec) -> None:
    objective, axes = Objective(spec.objective), _axes(spec)
    _render_state(sweep, status)
    _render_numbers(status, trials, objective)
    if not trials:
        st.caption("The first trials appear here in a moment." if status.active else "No trial was started.")
        return
    finding = st.container(key="sweep-finding")
    images = _validation_images(trials)
    kept = filtered(page_state.sweep_filters, trials, axes, objective)
    tied = find_ties(trials, objective=spec.objective, images=images)
    best = best_of(trials, objective)
    chosen = page_state.sweep_trial if any(trial.number == page_state.sweep_trial for trial in trials) else None
    picked = best.number if chosen is None and best else chosen
    render_filters(trials, len(kept), axes, objective)
    view = SweepView(trials, axes, objective, frozenset(trial.number for trial in kept), picked)
    _render_parallel(view)
    left, right = st.columns(2, gap="medium")
    with left:
        _render_map(view)
    with right:
        render_trial(view, kept, spec)
    _render_slices(view)
    left, right = st.columns(2, gap="medium")
    with left:
        planned = status.trials or max(10, -(-len(trials) // 10) * 10)
        figure = history_figure(view, state.palette(), planned=planned)
        _render_points(figure, "sweep-history", "The result of each trial in its order, and the best so far")
    render_table(kept, tied, view, spec)
    # Last, because the first computation of importances takes a second or two.
    shares = _importances_of(spec, f"{sweep.id} {sweep.created}", trials, ended=not status.active)
    with right:
        _render_importances(shares)
    with finding:
        found = sentence(spec.search, trials, shares, objective=spec.objective, images=images)
        several = f" {len(tied.numbers)} settings tie for the best." if len(tied.numbers) > 1 else ""
        st.markdown(f"**{plain_text(found + several)}**")


def _axes(spec: SweepSpec) -> list[Axis]:
    """An axis for each searched setting; a grid has steps on each."""
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


def _render_state(sweep: Sweep, status: SweepStatus) -> None:
    """The progress with Stop, or how the sweep ended with Resume, in the same place."""
    with st.container(key="sweep-state", horizontal=True, vertical_alignment="center"):
        if status.active:
            text = f"{_progress_text(sweep, status)} {error_text(status.reason)}".rstrip()
            st.progress(min(1.0, status.share), text, width="stretch")
            _render_action("Stop", stop_sweep, sweep, icon=":material/stop:", disabled=sweep.stop_requested)
            return
        reason = error_text(status.reason)
        match status.state:
            case "finished":
                st.success(f"Finished after {duration(status.seconds)}. {reason}", icon=":material/check:")
                return
            case "failed":
                st.error(reason, icon=":material/error:")
            case "interrupted":
                st.warning(f"Interrupted. {reason}", icon=":material/power_off:")
            case _:
                st.info(reason or "Stopped. Resume it to run the rest.", icon=":material/stop_circle:")
        _render_action("Resume", resume_sweep, sweep, icon=":material/play_arrow:", type="primary")


def _progress_text(sweep: Sweep, status: SweepStatus) -> str:
    if sweep.stop_requested:
        return "Stopping"
    if not status.running and not status.ended:
        return "Starting"
    of = f" of {status.trials:,}" if status.trials else ""
    left = f" · about {duration(round(status.seconds_left))} left" if status.seconds_left is not None else ""
    return f"{status.ended:,}{of} trials ended, {status.running} running{left}"


def _render_action(label: str, act: Callable[[Sweep], None], sweep: Sweep, **options: Any) -> None:
    if refusal := refusal_of(Action.STEER, of=sweep.id):
        options |= {"disabled": True, "help": str(refusal)}
    if st.button(label, key=f"{label}-sweep-{sweep.id}", **options):
        with errors_as_text():
            act(sweep)
            st.rerun()


def _render_numbers(status: SweepStatus, trials: Sequence[Trial], objective: Objective) -> None:
    best = status.best.value if status.best else None
    diverged = sum(trial.state == "diverged" for trial in trials)
    with st.container(key="run-numbers", horizontal=True):
        for name, value in (
            ("Best so far" if status.active else "Best", objective.text(best) if best is not None else "–"),
            ("Finished", f"{status.done:,}"),
            ("Running", f"{status.running:,}"),
            ("Stopped early", f"{status.pruned:,}"),
            ("Diverged", f"{diverged:,}"),
            ("Epochs in all", f"{status.epochs:,.0f}"),
        ):
            st.metric(name, value, width=100)


def _importances_of(spec: SweepSpec, which: str, trials: Sequence[Trial], *, ended: bool) -> tuple[Importance, ...]:
    """Computed again only after several more trials, because one trial changes little."""
    over = [trial for trial in trials if trial.over]
    count = len(over) if ended else len(over) - len(over) % max(4, len(over) // 4)
    return _importances(which, count, spec, over[:count])


@st.cache_data(max_entries=100, show_spinner=False)
def _importances(which: str, count: int, _spec: SweepSpec, _trials: Sequence[Trial]) -> tuple[Importance, ...]:
    return importances(_spec.search, _trials)


def _validation_images(trials: Sequence[Trial]) -> int:
    """The number of digits on which accuracies were measured; 0 if it is not known."""
    for run in (run for trial in trials for run in trial.runs):
        with suppress(RunError):
            if found := open_run(run).status().validation_images:
                return found
    return 0


def _render_parallel(view: SweepView) -> None:
    figure = parallel_figure(view, state.palette(), brushes=brushes(page_state.sweep_filters, view.axes, view.outcome))
    render_chart(
        figure,
        key=f"sweep-parallel-{page_state.sweep}-{page_state.sweep_brushes}",
        on_brush=lambda selection: set_brushed(selection.get(BRUSH, {}), view.axes, view.outcome),
        alt="Parallel coordinates: a line per trial across its settings to its result. Filter sets the same by hand.",
    )


def _render_map(view: SweepView) -> None:
    """The best result by two settings; with only one searched setting, a chart of that one."""
    axes, title = view.axes, view.objective.title
    if len(axes) < 2:
        figure = slice_figure(view, axes[0], state.palette(), height=420)
        _render_points(figure, "sweep-only", f"{title} against {axes[0].title.lower()}")
        return
    across, up = axes[0], axes[1]
    if len(axes) > 2:
        with st.container(horizontal=True):
            across = _choose_axis("Across", "sweep-across", axes)
            up = _choose_axis("Up", "sweep-up", [axis for axis in axes if axis is not across])
    figure = map_figure(view, across, up, state.palette())
    alt = f"Map of {across.title} and {up.title}: the best result of each cell"
    _render_points(figure, f"sweep-map-{across.name}-{up.name}", alt)


def _choose_axis(label: str, key: str, axes: Sequence[Axis]) -> Axis:
    names = {axis.name: axis for axis in axes}
    if state.widget(key) not in names:
        state.set_widget(key, axes[0].name)
    return names[st.selectbox(label, list(names), key=key, format_func=title_of, persist_state="session", width=200)]


def _render_slices(view: SweepView) -> None:
    axes, title = view.axes, view.objective.title
    if len(axes) < 2:
        return
    columns = len(axes) if len(axes) <= MOST_SLICES else MOST_SLICES - 1
    for start in range(0, len(axes), columns):
        for cell, axis in zip(st.columns(columns, gap="medium"), axes[start : start + columns], strict=False):
            figure = slice_figure(view, axis, state.palette())
            with cell:
                _render_points(figure, f"sweep-slice-{axis.name}", f"{title} against {axis.title.lower()}")


def _render_points(figure: Figure, key: str, alt: str) -> None:
    """A chart in which a click on a point picks its trial."""
    key = f"{key}-{page_state.sweep_picks}"  # a new chart forgets the last click
    render_chart(figure, key=key, on_click=page_state.pick_trial, alt=f"{alt}. The box Trial picks one too.")


def _render_importances(shares: Sequence[Importance]) -> None:
    if not shares:
        st.caption("This chart shows which settings matter, once eight trials have finished.")
        return
    titles: dict[str, Any] = {found.name: title_of(found.name) for found in shares}
    render_chart(
        importance_figure(shares, titles, state.palette()),
        key=f"sweep-importance-{len(shares)}",
        alt="Bars: how much of the difference between the trials each setting explains, with its interval",
    )
    if not all(found.clear for found in shares):
        st.caption(
            "Grey: this may be chance. Results would look this ordered in more than 5 of 100 sweeps even if no setting "
            "mattered."
        )
