"""The History view: all changes of the drawings, and the way back to any version."""

from typing import Any

import pandas as pd
import streamlit as st

from dashboard.access.actions import return_to
from dashboard.access.decision import Action
from dashboard.components.messages import errors_as_text, is_refused
from dashboard.data.edits import apply_change, render_outcome, undo
from dashboard.data.state import VIEW, page_state
from dashboard.session import state
from dataset.drawings import drawings_history
from dataset.drawings.log import Change
from experiments.formats import count

HEADING, ROW, HEIGHT = 38, 35, 480  # pixels: of the table's heading, of a row, and of the table at most


def render() -> None:
    """Draw the view."""
    with errors_as_text():
        history = drawings_history()
        if not history:
            st.info("There are no changes yet. Every drawing, import, edit and deletion is listed here.")
            return
        st.caption(
            f"Nothing is ever lost: {count(len(history), 'change')} so far, the newest first. Each change made a "
            "version of the drawings. You can look at any version and return to it, and a run names the version that "
            "it was trained on."
        )
        if st.toggle("Hide drawings that were stored one by one", key="changes-only", bind="query-params"):
            history = [entry for entry in history if entry.changes or len(entry.stored) > 1]
        _render_table(history[::-1])


def _render_table(history: list[Change]) -> None:
    """The changes in a table, and buttons for the selected one above it."""
    table = pd.DataFrame(
        {
            "when": pd.to_datetime([entry.time for entry in history], utc=True, errors="coerce"),
            "what": [entry.action for entry in history],
            "drawings": [len(entry.ids) for entry in history],
            "version": [entry.version for entry in history],
        }
    )
    column, zone = st.column_config, st.context.timezone
    columns = {
        "when": column.DatetimeColumn("Time", format="YYYY-MM-DD HH:mm:ss", timezone=zone, width="medium"),
        "what": column.TextColumn("Change", width="large"),
        "drawings": column.NumberColumn("Drawings", format="localized", width="small"),
        "version": column.TextColumn("Version", help="Its number, and 8 digits computed from all of its drawings."),
    }
    above = st.container()
    picked = st.dataframe(
        table,
        hide_index=True,
        height=min(HEIGHT, HEADING + ROW * max(1, len(history))),
        key="history",
        on_select="rerun",
        selection_mode="single-row",
        column_config=columns,
    )
    rows = picked.selection.rows
    with above:
        _render_buttons(history[rows[0]] if rows and rows[0] < len(history) else None)


def _render_buttons(change: Change | None) -> None:
    if is_refused(Action.EDIT):
        return
    version, number = (change.version, change.number) if change else ("", 0)
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, icon, act, argument, explanation in (
            ("Look at this version", "visibility", look_at, version, None),
            ("Return to it", "history", go_back, version, "Restores all labels and states. You can undo that."),
            ("Undo this change", "undo", undo, number, "Drawings that were changed again later stay as they are."),
        ):
            options: dict[str, Any] = {"icon": f":material/{icon}:", "help": explanation, "disabled": not change}
            st.button(label, on_click=act, args=(argument,), **options)
        if page_state.outcome[0]:
            render_outcome()
        elif not change:
            st.caption("Select a line with the box at its left.", width="content")


def look_at(version: str) -> None:
    """Show the drawings of this version."""
    page_state.set_in_url("version", version)
    state.set_widget(VIEW, "Drawings")


def go_back(version: str) -> None:
    """Restore this version, and show the present drawings."""
    apply_change(lambda: return_to(version), "The drawings already are as in that version.")
    page_state.set_in_url("version", "")
