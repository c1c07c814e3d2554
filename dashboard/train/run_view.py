"""Run view: one run as it is now, live while it trains, and what a person can do with it."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dashboard.access import actions
from dashboard.access.decision import Action, refusal_of, toast_refusal
from dashboard.charts.training import accuracy_figure, loss_figure, rate_figure, schedule
from dashboard.components.chart import render_chart
from dashboard.components.forms import fill_training_form
from dashboard.navigation import place
from dashboard.session import state
from experiments.formats import duration
from experiments.jobs.launch import worker_limit
from experiments.runs.config import BOUNDS
from experiments.runs.run import Run, RunError, Status
from model.metrics import wilson_interval

LIVE_SECONDS = 0.5
SEEDS_HELP = "The same training with four more seeds: how much of the result is chance, as mean and band on Explore."
RESUMABLE = ("stopped", "interrupted", "failed")


def render_run(run: Run) -> None:
    """What one can do, then what renews itself: where the run is and its curves."""
    status = run.status()
    render_actions(run, status)
    every = LIVE_SECONDS if status.active else None
    st.fragment(render_live, run_every=every)(run, status.state)


def best(history: pd.DataFrame, n: int) -> str:
    """The validation score of the weights that the run stands for, with its 95 % Wilson interval."""
    losses = history["validation_loss"].dropna()
    if not len(losses):
        return ""
    row = history.loc[losses.idxmin()]
    low, high = wilson_interval(round(row["validation_accuracy"] * n), n)
    return (
        f"Lowest validation loss after epoch {row['epoch']:g}: {percent(row['validation_accuracy'])} of {n:,} "
        f"validation images read correctly (95\N{NO-BREAK SPACE}% interval: {percent(low)} to {percent(high)})."
    )


def render_actions(run: Run, status: Status) -> None:
    """Buttons for what is possible in this state; the first is what most people want next."""
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        if status.state == "running":
            action("Pause", actions.pause, run, icon=":material/pause:")
        if status.state == "paused" or status.state in RESUMABLE:
            action("Resume", actions.resume, run, icon=":material/play_arrow:", type="primary")
        if status.active:
            action("Stop", actions.stop, run, icon=":material/stop:")
        if status.state in ("running", "paused"):
            with st.popover("Change learning rate"):
                render_rate(run, status)
        if not status.active and run.model.exists():
            render_model_actions(run, status)
        if not status.active:
            st.button("Use settings again", icon=":material/tune:", on_click=fill_training_form, args=(run.config,))
            if st.button("Try 5 seeds", icon=":material/casino:", help=SEEDS_HELP, key=f"seeds-{run.id}"):
                compare_seeds(run)
        if st.button("Compare", icon=place("explore").icon, help="With other runs, on Explore."):
            state.choose_runs([*state.chosen_runs(), run.id])
            state.set_widget("view", "Runs")
            st.switch_page(place("explore"))


def compare_seeds(run: Run) -> None:
    """The same training with four more seeds, side by side on Explore."""
    try:
        state.choose_runs(other.id for other in actions.train_with_seeds(run))
    except (RunError, OSError) as error:
        st.error(str(error))
        return
    state.set_widget("view", "Runs")
    st.switch_page(place("explore"))


def render_model_actions(run: Run, status: Status) -> None:
    kind = "primary" if status.state == "finished" else "secondary"
    if state.chosen_model() == run.id:
        st.page_link(place("draw"), label="Try it on Draw")
        st.page_link(place("evaluate"), label="See it on Evaluate")
    else:
        st.button(
            "Use this model", type=kind, icon=":material/check_circle:", on_click=state.choose_model, args=(run.id,)
        )
    st.download_button(
        "Download",
        data=run.model.read_bytes,
        file_name=f"{run.id}.npz",
        mime="application/octet-stream",
        on_click="ignore",
        icon=":material/download:",
    )


def action(label: str, act: Callable[[Run], None], run: Run, **options: str) -> None:
    """A button that asks something of the run; what comes of it shows in the run's state."""
    refusal = refusal_of(Action.STEER, of=run.id)
    barred = {"disabled": True, "help": str(refusal)} if refusal else {}
    if st.button(label, key=f"{label}-{run.id}", **options, **barred):
        try:
            act(run)
        except (RunError, OSError) as error:
            st.error(str(error))
        else:
            st.rerun()


def render_rate(run: Run, status: Status) -> None:
    """A learning rate to hold from the next step on, or the way back to the schedule."""
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
        # Read in the callback: a click right after typing comes together with the number.
        set_rate = toast_refusal(actions.set_learning_rate)
        st.button("Set", on_click=lambda: set_rate(run, state.widget(key)), type="primary")
        st.button("Back to the schedule", on_click=set_rate, args=(run, None))


def render_live(run: Run, drawn: str) -> None:
    """Draws itself anew twice a second; when the state is no longer the drawn one, the whole page."""
    try:
        status, history = run.status(), run.history()
    except RunError as error:
        st.error(str(error))
        return
    if status.state != drawn:
        st.rerun()
    with st.container(key="run-state"):
        if status.active:
            st.progress(status.progress, progress_text(status, run.requests().action))
        else:
            render_outcome(status, best(history, status.validation_images))
    with st.container(key="run-numbers", horizontal=True, vertical_alignment="center"):
        for name, value, number in (
            ("Validation accuracy", status.validation_accuracy, percent),
            ("Training accuracy", status.train_accuracy, percent),
            ("Validation loss", status.validation_loss, decimals),
            ("Training loss", status.train_loss, decimals),
        ):
            st.metric(name, "–" if value is None else number(value), width=130)
        log = st.toggle("Logarithmic axes", key="train-log", persist_state="session")
    render_charts(run, status, history, log=log)


def render_outcome(status: Status, score: str) -> None:
    """How it ended, in a sentence with its cure."""
    if status.state == "finished":
        st.success(f"Finished after {duration(status.seconds)}. {status.reason} {score}", icon=":material/check:")
    elif status.state in ("diverged", "failed"):
        st.error(status.reason, icon=":material/error:")
    elif status.state == "interrupted":
        place = f"Interrupted at step {status.step:,} of {status.total_steps:,}."
        st.warning(f"{place} {status.reason} {score}", icon=":material/power_off:")
    else:
        place = f"Stopped at step {status.step:,} of {status.total_steps:,}; the run can be resumed."
        st.info(f"{place if status.total_steps else status.reason} {score}", icon=":material/stop_circle:")


def render_charts(run: Run, status: Status, history: pd.DataFrame, *, log: bool) -> None:
    total = max(1, status.total_steps)
    common = {"total_steps": total, "log": log, "changes": status.changes, "palette": state.palette()}
    left, right = st.columns(2)
    with left:
        alt = "Loss of training and validation over the steps of the run"
        render_chart(loss_figure(history, loss=run.config.loss, **common), alt=alt)
    with right:
        alt = "Accuracy of training and validation over the steps of the run"
        render_chart(accuracy_figure(history, **common), alt=alt)
    planned = schedule(lambda step: run.config.scheduled_rate(step, max(1, status.images)), total)
    render_chart(
        rate_figure(planned, history, total_steps=total, palette=state.palette()),
        alt="The learning rate over the steps of the run, as planned and as used",
    )


def progress_text(status: Status, asked: str) -> str:
    """One line: where it is, how fast, how long still; or what was asked of it a moment ago."""
    if asked == "stop":
        return "Stopping"
    if asked == "pause" and status.state == "running":
        return "Pausing"
    if status.state == "queued":
        if status.place is None:
            return "Starting"
        return f"Waiting for its turn: place {status.place} in the queue, {worker_limit()} at a time on this machine"
    parts = [
        f"{status.state.capitalize()}, epoch {status.epoch:.1f}",
        f"step {status.step:,} of {status.total_steps:,}",
    ]
    if status.images_per_second:
        parts.append(f"{status.images_per_second:,.0f} images/s")
    if status.state == "running" and status.seconds_left is not None:
        parts.append(f"{duration(status.seconds_left)} left")
    return " · ".join(parts)


def decimals(loss: float) -> str:
    return f"{loss:.4f}" if loss >= 0.001 else f"{loss:.1e}"


def percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"
