"""The Runs view: all runs in a table, and the selected ones compared below it."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.access.visibility import run_rows
from dashboard.charts.run_curves import MOST, sign_image
from dashboard.components.forms import named
from dashboard.explore.compared_runs import compared_runs, group_names, name_in_group
from dashboard.explore.run_filter import filter_rows, render_fold, reset
from dashboard.explore.run_menu import toggle_star
from dashboard.explore.state import VIEW, page_state
from dashboard.explore.trash import render_deleted_runs, render_notice
from dashboard.navigation import go_to
from dashboard.session import state
from experiments.formats import count
from experiments.runs.config import BOUNDS, HELP, SHARES, RunConfig, differing, has_effect, setting_text
from experiments.runs.table import RunRow

LIVE_SECONDS = 1.0
POLL_SECONDS = 2.0  # until the table shows new runs and the progress of others
SUGGESTED = 3  # runs that a button selects
HEADING, ROW, SHOWN_ROWS = 38, 35, 8.5  # pixels, and rows; half a row shows that there are more
AT_MOST = 50  # compared runs: more do not fit into an address
TABLE, STAR = "runs-table", "runs-star"
INVISIBLE_DIGITS = "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}"
INVISIBLE = str.maketrans("01", INVISIBLE_DIGITS)
BEST_HELP = "After the epoch with the lowest validation loss, whose weights the run stores as its model."


def render() -> None:
    """Draw the view."""
    state.sync_url("runs")
    render_notice()
    rows = run_rows()
    if not rows:
        _render_empty()
        render_deleted_runs()
        _wait_for_runs()
        return
    _render_table(state.runs)
    render_deleted_runs()
    compared = compared_runs(rows)
    missing = len(state.chosen_runs()) - len(compared)
    if missing:
        some = f"{missing} runs of this address are" if missing > 1 else "One run of this address is"
        st.warning(f"{some} not in this folder of runs.", icon=":material/info:")
    if not compared:
        _render_suggestions(rows)
        return
    live = tuple(one.row.id for one in compared if one.row.status.active)
    st.fragment(_render_comparison, run_every=LIVE_SECONDS if live else None)(state.runs, live)


def _render_comparison(drawn: str, live: tuple[str, ...]) -> None:
    """Cards, charts and models of the compared runs, drawn every second while one trains."""
    from dashboard.explore.run_comparison import choose_look, render_charts, render_models
    from dashboard.explore.run_menu import render_cards

    rows = run_rows()
    compared = compared_runs(rows)
    if state.runs != drawn or tuple(one.row.id for one in compared if one.row.status.active) != live:
        st.rerun()
    cards, charts = st.columns([3, 9], gap="medium")
    with charts:
        look = choose_look(compared)
        compared = compared_runs(rows, mean=look.mean)
        render_charts(compared, look)
    with cards:
        render_cards(compared)
    if len(compared) == 2:
        render_models(*compared)


def _render_suggestions(rows: list[RunRow]) -> None:
    """Nothing is selected: buttons that select something."""
    ended = [row for row in rows if row.status.best_validation_loss is not None]
    best = sorted(ended, key=lambda row: row.status.best_validation_loss or 0)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.write("Tick runs in the table to compare their curves, results and settings, or select:")
        for label, some in (("The best three", best[:SUGGESTED]), ("The newest three", ended[:SUGGESTED])):
            if len(some) == SUGGESTED:
                st.button(label, on_click=state.choose_runs, args=([row.id for row in some],))


@st.fragment(run_every=POLL_SECONDS)
def _wait_for_runs() -> None:
    """Draw the page once a run was started elsewhere."""
    if run_rows():
        st.rerun()


def _render_empty() -> None:
    st.info("There are no runs yet. Every training is listed here: with two of them you can see what a setting does.")
    with st.container(horizontal=True):
        if st.button("Train a network", type="primary", icon=":material/show_chart:"):
            go_to("train")
        for view, label in (("Experiments", "Run a prepared experiment"), ("Sweeps", "Start a sweep")):
            st.button(label, key=f"open-{view}", on_click=state.set_widget, args=(VIEW, view))


@st.fragment(run_every=POLL_SECONDS)
def _render_table(drawn: str) -> None:
    """Search, filter and table. `drawn` are the selected runs that the rest of the page shows."""
    if state.runs != drawn:
        st.rerun()
    rows, selected = run_rows(), state.chosen_runs()
    listed = filter_rows(rows, always=selected)
    if not listed:
        st.info("No run passes the filters.", icon=":material/filter_list_off:")
        st.button("Show all runs", on_click=reset)
        return
    page_state.listed_runs = tuple(row.id for row in listed)
    ticked = [place for place, row in enumerate(listed) if row.id in selected]
    if list(state.widget(TABLE, {}).get("selection", {}).get("rows", [])) != ticked:
        state.set_widget(TABLE, {"selection": {"rows": ticked, "columns": [], "cells": []}})
    table, columns = _columns(listed, {one.row.id: one.color for one in compared_runs(rows)})
    st.dataframe(
        table,
        key=TABLE,
        height=round(HEADING + ROW * min(len(listed), SHOWN_ROWS)),
        hide_index=True,
        column_config=columns,
        on_select=_select_ticked,
        selection_mode="multi-row",
        placeholder="–",
        alt="All runs. The ticked ones are compared below.",
    )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        total = count(len(rows), "run")
        numbers = total if len(listed) == len(rows) else f"{len(listed):,} of {total}"
        st.caption(f"{numbers}. Tick runs to compare them; a click on a heading sorts.", width="content")
        render_fold(rows)


def _select_ticked() -> None:
    """Select the ticked runs; selected runs that are not listed stay selected."""
    listed = page_state.listed_runs
    ticked = [listed[place] for place in state.widget(TABLE)["selection"]["rows"] if place < len(listed)]
    wanted = [*(run_id for run_id in state.chosen_runs() if run_id not in listed), *ticked]
    if len(wanted) > AT_MOST:
        page_state.notice = (
            f"The first {AT_MOST} of {len(wanted)} runs are selected: more do not fit into the address of the page."
        )
    state.choose_runs(wanted[:AT_MOST])


def _columns(rows: Sequence[RunRow], colors: dict[str, int]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table and the format of its columns: results, and settings in which the runs differ."""
    column, groups, palette = st.column_config, group_names(rows), state.palette()
    signs = {run_id: sign_image(color, palette) for run_id, color in colors.items() if color < MOST}

    star = column.ButtonColumn("", width=40, type="tertiary", key=STAR, on_click=_toggle_clicked_star)
    statuses = [row.status for row in rows]
    best = _percents(status.best_validation_accuracy for status in statuses)
    losses = [status.best_validation_loss for status in statuses]
    last = _percents(status.validation_accuracy for status in statuses)
    shown: dict[str, tuple[Iterable[Any], Any]] = {
        "sign": ((signs.get(row.id, "") for row in rows), column.ImageColumn("", width=40)),
        "star": (_star_labels(rows), star),
        "name": ((name_in_group(row, groups) for row in rows), column.TextColumn("Name", width=150)),
        "best_accuracy": (best, _percent_column("Best accuracy", BEST_HELP)),
        "best_loss": (losses, _number_column("Best loss", "%.4f", "The lowest validation loss.")),
        "state": (map(_state_text, rows), column.TextColumn("State", width=100)),
    }
    if any(status.group for status in statuses):
        shown["group"] = (groups.get(row.status.group) for row in rows), column.TextColumn("Part of", width=150)
    for setting in differing(row.config for row in rows):
        shown[setting] = _setting_values(rows, setting), _setting_column(setting)
    shown |= {
        "best_epoch": ((status.best_epoch for status in statuses), _number_column("Best epoch", "%.4g")),
        "epochs_done": ((status.epoch for status in statuses), _number_column("Epochs", "%.4g")),
        "seconds": ((status.seconds for status in statuses), _number_column("Seconds", "%.1f")),
        "parameters": ((status.parameters for status in statuses), _number_column("Parameters", "localized")),
        "last_accuracy": (last, _percent_column("Last accuracy")),
        "last_loss": ((status.validation_loss for status in statuses), _number_column("Last loss", "%.4f")),
    }
    if any(row.label.note for row in rows):
        shown["note"] = (row.label.note for row in rows), column.TextColumn("Note", width=200)
    made = pd.to_datetime([status.created for status in statuses], unit="s", utc=True)
    shown["made"] = made, column.DatetimeColumn("Made", format="D MMM HH:mm:ss")
    table = pd.DataFrame({name: list(values) for name, (values, _) in shown.items()})
    return table, {name: config for name, (_, config) in shown.items()}


def _star_labels(rows: Sequence[RunRow]) -> list[str]:
    """A star for each run, and after it in invisible characters the number of the run.

    A click tells the place of its row and this text. Places change when a run is added while the
    pointer is on the table; the number always means the same run.
    """
    numbers = page_state.run_numbers
    for row in rows:
        numbers.setdefault(row.id, len(numbers))
    return [("★" if row.label.starred else "☆") + invisible(numbers[row.id]) for row in rows]


def _toggle_clicked_star() -> None:
    clicked = visible(state.widget(STAR)["label"])
    run_id = next((run_id for run_id, number in page_state.run_numbers.items() if number == clicked), None)
    if run_id is not None:
        toggle_star(run_id)


def invisible(number: int) -> str:
    """The number in invisible characters, which sort like numbers."""
    return f"{number:020b}".translate(INVISIBLE)


def visible(label: str) -> int:
    """The number in a label that ends with `invisible(number)`; -1 if it does not."""
    digits = [str(INVISIBLE_DIGITS.index(sign)) for sign in label if sign in INVISIBLE_DIGITS]
    return int("".join(digits), 2) if digits else -1


def _setting_values(rows: Sequence[RunRow], setting: str) -> list[Any]:
    """Numbers as numbers, so that they sort; None for a setting that has no effect."""
    if setting in BOUNDS:
        unit = 100 if setting in SHARES else 1
        return [unit * getattr(row.config, setting) if has_effect(row.config, setting) else None for row in rows]
    return [setting_text(row.config, setting) for row in rows]


def _setting_column(setting: str) -> Any:
    if setting in BOUNDS:
        whole = isinstance(getattr(RunConfig, setting), int)
        written = "%.3g %%" if setting in SHARES else "localized" if whole else "%.4g"
        return _number_column(named(setting), written, HELP[setting])
    return st.column_config.TextColumn(named(setting), help=HELP[setting])


def _number_column(title: str, written: str, explanation: str | None = None) -> Any:
    return st.column_config.NumberColumn(title, format=written, help=explanation)


def _percent_column(title: str, explanation: str | None = None) -> Any:
    return _number_column(title, "%.1f %%", explanation)


def _percents(shares: Iterable[float | None]) -> list[float | None]:
    return [None if share is None else 100 * share for share in shares]


def _state_text(row: RunRow) -> str:
    text = row.status.state.capitalize()
    return f"{text}, {100 * row.status.progress:.0f} %" if row.status.state in ("running", "paused") else text
