"""Run table: all runs, for a person to choose those that are compared below it."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.charts.run_curves import MOST, sign_image
from dashboard.components.forms import named
from dashboard.explore.chosen_runs import chosen_among, group_names, name_in_group
from dashboard.explore.run_actions import toggle
from dashboard.explore.run_filter import choose_rows, render_fold, reset
from dashboard.explore.state import page_state
from dashboard.session import state
from dashboard.theme import Palette
from experiments.runs.config import BOUNDS, HELP, RunConfig
from experiments.runs.settings import SHARES, differing, in_words, takes_part
from experiments.runs.table import RunRow, run_rows

LOOK_SECONDS = 2.0  # until a run that was started elsewhere is here, and what a live one has learnt
HEAD, ROW, SHOWN = 38, 35, 8.5  # pixels of the heading and of a row, and rows that are seen: half a one says more
AT_MOST = 50  # chosen runs: more do not fit into an address
TABLE, STAR = "runs-table", "runs-star"
BEST_HELP = "After the epoch with the lowest validation loss: that of the model which the run keeps."


@st.fragment(run_every=LOOK_SECONDS)
def render_table(drawn: str) -> None:
    """Search, filter and table. `drawn` are the chosen runs that the rest of the page shows."""
    if state.runs != drawn:
        st.rerun()
    rows, places = run_rows(), state.chosen_runs()
    listed = choose_rows(rows, always=places)
    if not listed:
        st.info("No run matches.", icon=":material/filter_list_off:")
        st.button("Show all runs", on_click=reset)
        return
    page_state.listed_runs = tuple(row.id for row in listed)
    ticked = [place for place, row in enumerate(listed) if row.id in places]
    if list(state.widget(TABLE, {}).get("selection", {}).get("rows", [])) != ticked:
        state.set_widget(TABLE, {"selection": {"rows": ticked, "columns": [], "cells": []}})
    colors = {one.row.id: one.place for one in chosen_among(rows)}
    table, columns = run_columns(listed, colors, state.palette())
    st.dataframe(
        table,
        key=TABLE,
        height=round(HEAD + ROW * min(len(listed), SHOWN)),
        hide_index=True,
        column_config=columns,
        on_select=choose_ticked,
        selection_mode="multi-row",
        placeholder="–",
        alt="All runs. The ticked ones are compared below.",
    )
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        text = f"{counted(len(listed), len(rows))} Tick runs to compare them; a click on a heading sorts."
        st.caption(text, width="content")
        render_fold(rows)


def counted(listed: int, total: int) -> str:
    return f"{total:,} runs." if listed == total else f"{listed:,} of {total:,} runs."


def choose_ticked() -> None:
    """What is chosen and not listed stays chosen."""
    listed = page_state.listed_runs
    ticked = [listed[place] for place in state.widget(TABLE)["selection"]["rows"] if place < len(listed)]
    unseen = [run_id for run_id in state.chosen_runs() if run_id not in listed]
    wanted = [*unseen, *ticked]
    if len(wanted) > AT_MOST:
        page_state.notice = (
            f"The first {AT_MOST} of {len(wanted)} runs are selected: more do not fit into the address of the page."
        )
    state.choose_runs(wanted[:AT_MOST])


def toggle_star() -> None:
    toggle(page_state.listed_runs[state.widget(STAR)["row"]])


def run_columns(
    rows: Sequence[RunRow], places: dict[str, int], palette: Palette
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The table and how its columns are written: what came out, then only the settings in which these runs differ."""
    column, groups = st.column_config, group_names(rows)
    signs = {run_id: sign_image(place, palette) for run_id, place in places.items() if place < MOST}
    shown: dict[str, tuple[list[Any], Any]] = {
        "sign": ([signs.get(row.id, "") for row in rows], column.ImageColumn("", width=40)),
        "star": (
            ["★" if row.starred else "☆" for row in rows],
            column.ButtonColumn("", width=40, type="tertiary", key=STAR, on_click=toggle_star),
        ),
        "name": ([name_in_group(row, groups) for row in rows], column.TextColumn("Name", width=150)),
        "best_accuracy": (percents(row.best_accuracy for row in rows), percent_column("Best accuracy", BEST_HELP)),
        "best_loss": (
            [row.best_loss for row in rows],
            column.NumberColumn("Best loss", format="%.4f", help="The lowest validation loss."),
        ),
        "state": ([state_text(row) for row in rows], column.TextColumn("State", width=100)),
    }
    if any(row.group for row in rows):
        shown["group"] = ([groups.get(row.group) for row in rows], column.TextColumn("Part of", width=150))
    for setting in differing(row.config for row in rows):
        shown[setting] = setting_values(rows, setting), setting_column(setting)
    shown |= {
        "best_epoch": ([row.best_epoch for row in rows], column.NumberColumn("Best epoch", format="%.4g")),
        "epochs_done": ([row.epochs for row in rows], column.NumberColumn("Epochs", format="%.4g")),
        "seconds": ([row.seconds for row in rows], column.NumberColumn("Seconds", format="%.1f")),
        "parameters": ([row.parameters for row in rows], column.NumberColumn("Parameters", format="localized")),
        "last_accuracy": (percents(row.last_accuracy for row in rows), percent_column("Last accuracy")),
        "last_loss": ([row.last_loss for row in rows], column.NumberColumn("Last loss", format="%.4f")),
    }
    if any(row.note for row in rows):
        shown["note"] = ([row.note for row in rows], column.TextColumn("Note", width=200))
    made = pd.to_datetime([row.created for row in rows], unit="s", utc=True)
    shown["made"] = (made, column.DatetimeColumn("Made", format="D MMM HH:mm:ss"))
    table = pd.DataFrame({name: values for name, (values, _) in shown.items()})
    return table, {name: config for name, (_, config) in shown.items()}


def setting_values(rows: Sequence[RunRow], setting: str) -> list[Any]:
    """Numbers where they are, so that they sort; a setting that takes no part has no value."""
    if setting in BOUNDS:
        unit = 100 if setting in SHARES else 1
        return [unit * getattr(row.config, setting) if takes_part(row.config, setting) else None for row in rows]
    return [in_words(row.config, setting) for row in rows]


def setting_column(setting: str) -> Any:
    if setting in BOUNDS:
        whole = isinstance(getattr(RunConfig, setting), int)
        written = "%.3g %%" if setting in SHARES else "localized" if whole else "%.4g"
        return st.column_config.NumberColumn(named(setting), format=written, help=HELP[setting])
    return st.column_config.TextColumn(named(setting), help=HELP[setting])


def percent_column(title: str, explanation: str | None = None) -> Any:
    return st.column_config.NumberColumn(title, format="%.1f %%", help=explanation)


def percents(shares: Iterable[float | None]) -> list[float | None]:
    return [None if share is None else 100 * share for share in shares]


def state_text(row: RunRow) -> str:
    text = row.state.capitalize()
    return f"{text}, {100 * row.status.progress:.0f} %" if row.state in ("running", "paused") else text
