"""The right side of Train: one run, live while it trains, and a list to open another."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.access import actions
from dashboard.access.decision import Action, refusal_of, toast_refusal
from dashboard.access.visibility import run_rows
from dashboard.charts.training import accuracy_figure, loss_figure, rate_figure, schedule
from dashboard.components.chart import render_chart
from dashboard.components.downloads import render_download
from dashboard.components.forms import fill_training_form
from dashboard.components.messages import error_text, errors_as_text
from dashboard.components.plain_text import plain_text
from dashboard.components.resources import STATE_ICONS
from dashboard.navigation import place
from dashboard.session import state
from dashboard.train.refresh import is_outdated, refresh_seconds
from experiments.formats import MISSING, duration, loss, percent
from experiments.jobs.launch import worker_limit
from experiments.runs.config import BOUNDS
from experiments.runs.run import Run, Status
from model.metrics import wilson_interval

LISTED = 30  # runs
LIST_REFRESHES = 4  # of the run for each one of the list, which takes 2 s if few people watch
LIST = "run-list"  # key of the list
SEEDS_HELP = "The same training with four more seeds shows how much of the result is chance, on Explore."
RESUMABLE = ("stopped", "interrupted", "failed")


def render_run_list(shown: str) -> None:
    """The title of the run with the id `shown`, and a list to open another."""
    st.fragment(_render_list, run_every=LIST_REFRESHES * refresh_seconds())(shown)


def _render_list(shown: str) -> None:
    if state.shown_run() != shown:
        st.rerun()
    runs = listed_runs()
    active = sum(status.active for _, status in runs)
    title = next((run.title for run, _ in runs if run.id == shown), "No run is open")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(plain_text(title), anchor=False, width="content")
        label = f"Runs, {active} active" if active else "Runs"
        with st.popover(label, key=LIST, on_change="rerun", disabled=not runs) as opened:
            for run, status in runs if opened.open else ():
                st.button(
                    f"{plain_text(run.title)}, {status.state}",
                    key=f"open-{run.id}",
                    icon=STATE_ICONS[status.state],
                    type="tertiary",
                    on_click=_show_run,
                    args=(run.id,),
                )


def _show_run(run_id: str) -> None:
    state.show_run(run_id)
    state.set_widget(LIST, False)


def listed_runs() -> list[tuple[Run, Status]]:
    """The newest runs and the shown one, the active ones first. Explore lists those of sweeps."""
    shown = state.shown_run()
    rows = [row for row in run_rows() if row.id == shown or not row.status.group]
    rows = rows[:LISTED] + [row for row in rows[LISTED:] if row.id == shown]
    return sorted(((row.run, row.status) for row in rows), key=lambda pair: not pair[1].active)


def render_run(run: Run) -> None:
    """Buttons, then a fragment with the state and the curves."""
    status = run.status()
    _render_buttons(run, status)
    every = refresh_seconds()
    st.fragment(_render_live, run_every=every if status.active else None)(run, status.state, every)


def _render_buttons(run: Run, status: Status) -> None:
    """Buttons for what is possible in this state; the first is what most people want next."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if status.state == "running":
            _request_button("Pause", actions.pause, run, icon=":material/pause:")
        if status.state == "paused" or status.state in RESUMABLE:
            _request_button("Resume", actions.resume, run, icon=":material/play_arrow:", type="primary")
        if status.active:
            _request_button("Stop", actions.stop, run, icon=":material/stop:")
        if status.state in ("running", "paused"):
            with st.popover("Change learning rate"):
                _render_rate(run, status)
        if not status.active and run.model.exists():
            _render_model_buttons(run, status)
        if not status.active:
            st.button("Use settings again", icon=":material/tune:", on_click=fill_training_form, args=(run.config,))
            if st.button("Try 5 seeds", icon=":material/casino:", help=SEEDS_HELP, key=f"seeds-{run.id}"):
                with errors_as_text():
                    _compare([other.id for other in actions.train_with_seeds(run)])
        if st.button("Compare", icon=place("explore").icon, help="With other runs, on Explore."):
            _compare([*state.chosen_runs(), run.id])


def _compare(ids: list[str]) -> None:
    """Show these runs side by side on Explore."""
    state.choose_runs(ids)
    state.set_widget("view", "Runs")
    st.switch_page(place("explore"))


def _render_model_buttons(run: Run, status: Status) -> None:
    if state.chosen_model() == run.id:
        st.page_link(place("draw"), label="Try it on Draw")
        st.page_link(place("evaluate"), label="See it on Evaluate")
    else:
        st.button(
            "Use this model",
            type="primary" if status.state == "finished" else "secondary",
            icon=":material/check_circle:",
            on_click=state.choose_model,
            args=(run.id,),
        )
    render_download("Download", run.model.read_bytes, f"{run.id}.npz")


def _request_button(label: str, request: Callable[[Run], None], run: Run, **options: Any) -> None:
    """A button that requests something of the run."""
    if refusal := refusal_of(Action.STEER, of=run.id):
        options |= {"disabled": True, "help": str(refusal)}
    if st.button(label, key=f"{label}-{run.id}", **options):
        with errors_as_text():
            request(run)
            st.rerun()


def _render_rate(run: Run, status: Status) -> None:
    """Fields to hold a learning rate from the next step on, or to return to the schedule."""
    bounds, key = BOUNDS["learning_rate"], f"rate-{run.id}"
    st.number_input(
        "Hold this learning rate",
        min_value=bounds.low,
        max_value=bounds.high,
        value=float(f"{status.learning_rate or run.config.learning_rate:.2g}"),
        format="%g",
        step=0.001,
        key=key,
        help="From the next step on, and marked on the curves.",
    )
    with st.container(horizontal=True):
        # The callback reads the field, because a click right after typing arrives with the number.
        set_rate = toast_refusal(actions.set_learning_rate)
        st.button("Set", on_click=lambda: set_rate(run, state.widget(key)), type="primary")
        st.button("Back to the schedule", on_click=set_rate, args=(run, None))


def _render_live(run: Run, drawn_state: str, every: float) -> None:
    """State, numbers and curves. When the state changes, the whole page is drawn again."""
    with errors_as_text():
        status, history = run.status(), run.history()
        if status.state != drawn_state or (status.active and is_outdated(every)):
            st.rerun()
        with st.container(key="run-state"):
            if status.active:
                progress = _progress_text(status, run.requests().action)
                st.progress(status.progress, f"{progress} {error_text(status.reason)}".rstrip())
            else:
                _render_outcome(status, _best_score(history, status.validation_images))
        with st.container(key="run-numbers", horizontal=True, vertical_alignment="center"):
            for name, value, text in (
                ("Validation accuracy", status.validation_accuracy, percent),
                ("Training accuracy", status.train_accuracy, percent),
                ("Validation loss", status.validation_loss, loss),
                ("Training loss", status.train_loss, loss),
            ):
                st.metric(name, MISSING if value is None else text(value), width=130)
            log = st.toggle("Logarithmic axes", key="train-log", persist_state="session")
        _render_charts(run, status, history, log=log)


def _best_score(history: pd.DataFrame, images: int) -> str:
    """The validation accuracy at the lowest validation loss, with its 95 % Wilson interval."""
    known = history.dropna(subset="validation_loss")
    if not len(known):
        return ""
    row = known.sort_values("validation_loss", kind="stable").iloc[0]
    low, high = wilson_interval(round(row["validation_accuracy"] * images), images)
    return (
        f"Lowest validation loss after epoch {row['epoch']:g}: {percent(row['validation_accuracy'])} of {images:,} "
        f"validation images read correctly (95\N{NO-BREAK SPACE}% interval: {percent(low)} to {percent(high)})."
    )


def _render_outcome(status: Status, score: str) -> None:
    """How the run ended, in a sentence that says what to do."""
    reason, step = error_text(status.reason), f"at step {status.step:,} of {status.total_steps:,}"
    if status.state == "finished":
        st.success(f"Finished after {duration(status.seconds)}. {reason} {score}", icon=":material/check:")
    elif status.state in ("diverged", "failed"):
        st.error(reason, icon=":material/error:")
    elif status.state == "interrupted":
        st.warning(f"Interrupted {step}. {reason} {score}", icon=":material/power_off:")
    else:
        stopped = f"Stopped {step}; the run can be resumed." if status.total_steps else reason
        st.info(f"{stopped} {score}", icon=":material/stop_circle:")


def _render_charts(run: Run, status: Status, history: pd.DataFrame, *, log: bool) -> None:
    total, palette = max(1, status.total_steps), state.palette()
    common: dict[str, Any] = {"total_steps": total, "log": log, "changes": status.changes, "palette": palette}
    left, right = st.columns(2)
    with left:
        alt = "Loss of training and validation over the steps of the run"
        render_chart(loss_figure(history, loss=run.config.loss, **common), alt=alt)
    with right:
        alt = "Accuracy of training and validation over the steps of the run"
        render_chart(accuracy_figure(history, **common), alt=alt)
    planned = schedule(lambda step: run.config.scheduled_rate(step, max(1, status.images)), total)
    alt = "The learning rate over the steps of the run, as planned and as used"
    render_chart(rate_figure(planned, history, total_steps=total, palette=palette), alt=alt)


def _progress_text(status: Status, requested: str) -> str:
    """One line: a request that is not yet carried out, or step, speed and time left."""
    if requested == "stop":
        return "Stopping"
    if requested == "pause" and status.state == "running":
        return "Pausing"
    if status.state == "queued":
        if status.place is None:
            return "Starting"
        return f"Waiting: place {status.place} in the queue, {worker_limit()} at a time on this machine"
    parts = [
        f"{status.state.capitalize()}, epoch {status.epoch:.1f}",
        f"step {status.step:,} of {status.total_steps:,}",
    ]
    if status.images_per_second:
        parts.append(f"{status.images_per_second:,.0f} images/s")
    if status.state == "running" and status.seconds_left is not None:
        parts.append(f"{duration(status.seconds_left)} left")
    return " · ".join(parts)
