"""Trials: the table of a sweep's trials, and the one that is picked with the run behind it."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from dashboard.charts.sweep_values import STATES, Axis, Objective, in_order, outcome_text, result_of, spread
from dashboard.charts.training import accuracy_figure, loss_figure
from dashboard.components.chart import render_chart
from dashboard.explore.state import VIEW, page_state
from dashboard.navigation import place
from dashboard.session import state
from experiments.runs.run import Run, RunError, open_run
from experiments.sweeps import SweepSpec, Trial
from experiments.sweeps.findings import Ties

COMPARED = 8  # runs that Runs shows side by side from here
ROW = 35  # pixels
SHOWN_ROWS = 12


def pick(number: int | None) -> None:
    """Which trial is shown by itself; a click on it again is news, because the turn counts."""
    page_state.sweep_trial = number
    page_state.sweep_picks += 1


def compare(runs: Sequence[str]) -> None:
    """Show these runs side by side. For a callback."""
    state.choose_runs(runs)
    state.set_widget(VIEW, "Runs")


def render_trial(
    trials: Sequence[Trial],
    kept: Sequence[Trial],
    picked: int | None,
    axes: Sequence[Axis],
    result: Objective,
    spec: SweepSpec,
) -> None:
    """The picked trial: a box to pick another, its settings, its run and how that learned."""
    ordered = in_order(kept, result)
    known = {trial.number: trial for trial in trials}
    numbers = [trial.number for trial in ordered]
    if picked is not None and picked not in numbers:
        numbers = [picked, *numbers]
    if not numbers:
        st.caption("No trial passes the filters.")
        return
    # The trial is in the key: a browser that has not yet heard of a better one does not pick the one before.
    key = f"sweep-trial-{picked}"
    state.set_widget(key, picked)
    st.selectbox(
        "Trial",
        numbers,
        key=key,
        format_func=lambda number: f"{number}: {outcome_text(known[number], result)}",
        on_change=lambda: pick(state.widget(key)),
        help="The best first. A click on a cell of the map or on a point picks its trial too.",
    )
    trial = known[picked if picked is not None else numbers[0]]
    st.markdown(" · ".join(setting_texts(trial, axes)))
    if not trial.runs:
        st.caption(trial.reason or "It has no run yet.")
        return
    run_id = trial.runs[0]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(trial.runs) > 1:
            run_id = st.selectbox(
                "Seed",
                trial.runs,
                key=f"sweep-seed-{trial.number}",
                format_func=lambda run: f"Seed {spec.base.seed + trial.runs.index(run)}",
                label_visibility="collapsed",
                width=130,
            )
        st.page_link(place("train"), label="Open in Train", query_params={"run": run_id})
        runs = [run for other in ordered[:COMPARED] for run in other.runs[:1]]
        if st.button(
            f"Compare the best {len(runs)} in Runs" if len(runs) > 1 else "See it in Runs",
            icon=":material/compare_arrows:",
            type="tertiary",
            on_click=compare,
            args=(runs,),
        ):
            st.rerun()  # of the whole page, not of what renews itself
    if trial.state in ("failed", "diverged") and trial.reason:
        st.caption(trial.reason)
    try:
        render_curve(open_run(run_id))
    except RunError as error:
        st.caption(str(error))


def render_curve(run: Run) -> None:
    """How its training went: the error where it learned, the loss where that ran away."""
    status, history = run.status(), run.history()
    total = max(1, status.total_steps)
    common = {"total_steps": total, "changes": status.changes, "palette": state.palette()}
    if status.state == "diverged":
        figure = loss_figure(history, loss=run.config.loss, log=True, height=240, **common)
    else:
        figure = accuracy_figure(history, log=False, height=240, **common)
    render_chart(figure, alt="How the run of this trial learned, over its steps")


def setting_texts(trial: Trial, axes: Sequence[Axis]) -> list[str]:
    return [f"{axis.title} **{axis.text(trial.params[axis.name])}**" for axis in axes if axis.name in trial.params]


def render_table(trials: Sequence[Trial], tied: Ties, axes: Sequence[Axis], result: Objective, spec: SweepSpec) -> None:
    """All trials that pass the filters, the best first. Those that cannot be told from the best are ties, not ranks."""
    st.subheader("Trials", anchor=False)
    ordered = in_order(trials, result)
    table = trial_rows(ordered, tied, axes, result, spec)

    def pick_row() -> None:
        for row in state.widget("sweep-table")["selection"]["rows"]:
            if row < len(ordered):
                pick(ordered[row].number)

    percent = result.is_accuracy
    number = "%.1f %%" if percent else "%.4f"
    st.dataframe(
        table,
        key="sweep-table",
        hide_index=True,
        height=ROW * (min(len(table), SHOWN_ROWS) + 1) + 3,
        on_select=pick_row,
        selection_mode="single-row",
        column_config={
            "Trial": st.column_config.NumberColumn(width="small"),
            "Best": st.column_config.TextColumn(width="small", help=tied.test or None),
            result.title: st.column_config.NumberColumn(format=number),
            "±": st.column_config.NumberColumn(
                format=number, help="Standard deviation over the seeds of a setting.", width="small"
            ),
            "Epochs": st.column_config.NumberColumn(format="%.1f", width="small"),
            "Time": st.column_config.NumberColumn(format="%.1f s", width="small"),
            "Run": st.column_config.LinkColumn(display_text="Open in Train", help="Opens in a tab of its own."),
        },
    )
    if len(tied.numbers) > 1:
        st.caption(f"{len(tied.numbers)} settings tie for the best: they are not ranked. {tied.test}")
    elif tied.test and len(tied.numbers) == 1 and len(ordered) > 1:
        st.caption(f"One setting is the best, and no other ties with it. {tied.test}")


def trial_rows(
    trials: Sequence[Trial], tied: Ties, axes: Sequence[Axis], result: Objective, spec: SweepSpec
) -> pd.DataFrame:
    """One row per trial, with the columns that say something."""
    factor = 100 if result.is_accuracy else 1
    rows = []
    for trial in trials:
        value, deviation = result_of(trial), spread(trial.values)
        row: dict[str, object] = {"Trial": trial.number, "State": STATES[trial.state].capitalize()}
        row["Best"] = best_text(trial, tied)
        row[result.title] = None if value is None else factor * value
        if spec.seeds > 1:
            row["±"] = None if deviation is None or value is None else factor * deviation
        for axis in axes:
            setting = trial.params.get(axis.name)
            row[axis.title] = setting if axis.numeric or setting is None else axis.text(setting)
        row |= {"Epochs": trial.epochs, "Time": trial.seconds}
        row["Run"] = f"./train?run={trial.runs[0]}" if trial.runs else None
        rows.append(row)
    return pd.DataFrame(rows)


def best_text(trial: Trial, tied: Ties) -> str:
    if trial.number not in tied.numbers:
        return ""
    return "tie" if len(tied.numbers) > 1 else "best"
