"""The trials of a sweep: a table of all, and the picked one with its run."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.access.visibility import open_run
from dashboard.charts.sweep_values import STATES, Axis, SweepView, in_order, outcome_text, result_of, spread
from dashboard.charts.training import accuracy_figure, loss_figure
from dashboard.components.chart import render_chart
from dashboard.components.messages import error_text
from dashboard.components.plain_text import plain_text
from dashboard.explore.state import compare_in_runs, page_state
from dashboard.navigation import place
from dashboard.session import state
from experiments.runs.run import Run, RunError
from experiments.sweeps import SweepSpec, Trial
from experiments.sweeps.findings import Ties

COMPARED = 8  # runs that a button compares
ROW, SHOWN_ROWS = 35, 12  # pixels, and rows of the table


def render_trial(view: SweepView, kept: Sequence[Trial], spec: SweepSpec) -> None:
    """The picked trial: a box to pick another, its settings, its run and the curve of that."""
    ordered, picked = in_order(kept, view.objective), view.picked
    known = {trial.number: trial for trial in view.trials}
    numbers = [trial.number for trial in ordered]
    if picked is not None and picked not in numbers:
        numbers = [picked, *numbers]
    if not numbers:
        st.caption("No trial passes the filters.")
        return
    # The trial is part of the key: otherwise a browser that does not have a new best trial yet
    # would pick the old one.
    key = f"sweep-trial-{picked}"
    state.set_widget(key, picked)
    st.selectbox(
        "Trial",
        numbers,
        key=key,
        format_func=lambda number: f"{number}: {outcome_text(known[number], view.objective)}",
        on_change=lambda: page_state.pick_trial(state.widget(key)),
        help="The best first. A click on a cell of the map or on a point picks its trial too.",
    )
    trial = known[picked if picked is not None else numbers[0]]
    st.markdown(" · ".join(_setting_texts(trial, view.axes)))
    if not trial.runs:
        st.caption(plain_text(trial.reason) or "It has no run yet.")
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
        label = f"Compare the best {len(runs)} in Runs" if len(runs) > 1 else "Show it in Runs"
        options: dict[str, Any] = {"icon": ":material/compare_arrows:", "type": "tertiary"}
        if st.button(label, on_click=compare_in_runs, args=(runs,), **options):
            st.rerun()  # the whole page, because another view is shown
    if trial.state in ("failed", "diverged", "stopped") and trial.reason:
        st.caption(plain_text(trial.reason))
    try:
        _render_curve(open_run(run_id))
    except RunError as error:
        st.caption(error_text(error))


def _render_curve(run: Run) -> None:
    """The error of the run over its steps; if it diverged, the loss."""
    status, history = run.status(), run.history()
    total = max(1, status.total_steps)
    common: dict[str, Any] = {
        "total_steps": total,
        "changes": status.changes,
        "palette": state.palette(),
        "height": 240,
    }
    if status.state == "diverged":
        figure = loss_figure(history, loss=run.config.loss, log=True, **common)
    else:
        figure = accuracy_figure(history, log=False, **common)
    render_chart(figure, alt="The learning curve of the run of this trial, over its steps")


def _setting_texts(trial: Trial, axes: Sequence[Axis]) -> list[str]:
    values = {axis.title: axis.text(trial.params[axis.name]) for axis in axes if axis.name in trial.params}
    return [f"{plain_text(title)} **{plain_text(value)}**" for title, value in values.items()]


def render_table(trials: Sequence[Trial], tied: Ties, view: SweepView, spec: SweepSpec) -> None:
    """All trials that pass the filters, the best first; those that cannot be told from it tie."""
    st.subheader("Trials", anchor=False)
    ordered = in_order(trials, view.objective)
    table = _rows(ordered, tied, view, spec)

    def pick_row() -> None:
        for row in state.widget("sweep-table")["selection"]["rows"]:
            if row < len(ordered):
                page_state.pick_trial(ordered[row].number)

    column = st.column_config
    written = "%.1f %%" if view.objective.is_accuracy else "%.4f"
    deviation = "Standard deviation over the seeds of a setting."
    st.dataframe(
        table,
        key="sweep-table",
        hide_index=True,
        height=ROW * (min(len(table), SHOWN_ROWS) + 1) + 3,
        on_select=pick_row,
        selection_mode="single-row",
        column_config={
            "Trial": column.NumberColumn(width="small"),
            "Best": column.TextColumn(width="small", help=tied.test or None),
            view.objective.title: column.NumberColumn(format=written),
            "±": column.NumberColumn(format=written, help=deviation, width="small"),
            "Epochs": column.NumberColumn(format="%.1f", width="small"),
            "Time": column.NumberColumn(format="%.1f s", width="small"),
            "Run": column.LinkColumn(display_text="Open in Train", help="Opens in a new tab."),
        },
    )
    if len(tied.numbers) > 1:
        st.caption(f"{len(tied.numbers)} settings tie for the best: they are not ranked. {tied.test}")
    elif tied.test and len(tied.numbers) == 1 and len(ordered) > 1:
        st.caption(f"One setting is the best, and no other ties with it. {tied.test}")


def _rows(trials: Sequence[Trial], tied: Ties, view: SweepView, spec: SweepSpec) -> pd.DataFrame:
    """One row per trial, without columns that would be empty."""
    factor = 100 if view.objective.is_accuracy else 1
    rank = "tie" if len(tied.numbers) > 1 else "best"
    rows = []
    for trial in trials:
        value, deviation = result_of(trial), spread(trial.values)
        row: dict[str, object] = {"Trial": trial.number, "State": STATES[trial.state].capitalize()}
        row["Best"] = rank if trial.number in tied.numbers else ""
        row[view.objective.title] = None if value is None else factor * value
        if spec.seeds > 1:
            row["±"] = None if deviation is None or value is None else factor * deviation
        for axis in view.axes:
            setting = trial.params.get(axis.name)
            row[axis.title] = setting if axis.numeric or setting is None else axis.text(setting)
        row |= {"Epochs": trial.epochs, "Time": trial.seconds}
        row["Run"] = f"./train?run={trial.runs[0]}" if trial.runs else None
        rows.append(row)
    return pd.DataFrame(rows)
