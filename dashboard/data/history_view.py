"""The History view: what was done to the drawings and when, and the way back to any version."""

import pandas as pd
import streamlit as st

from dashboard.access.decision import Action, allowed
from dashboard.access.drawings import return_to
from dashboard.data.actions import counted, render_outcome, take_back, tell
from dashboard.data.page import PART
from dashboard.data.state import page_state
from dashboard.session import state
from dataset import DataError
from dataset.drawings import drawings_history
from dataset.drawings.log import Change

HEAD, ROW, MOST = 38, 35, 480  # pixels of the table


def render() -> None:
    try:
        history = drawings_history()
    except (DataError, OSError) as error:
        st.error(str(error))
        return
    if not history:
        st.info("Nothing has happened yet. Whatever is drawn, imported, relabelled or deleted is listed here.")
        return
    st.caption(
        f"Nothing is ever lost: {counted(len(history), 'change')} so far, the newest first. After each there was a "
        "version of the drawings that you can look at and return to; a run names the one it was trained on."
    )
    if st.toggle("Leave out drawings that were stored one by one", key="changes-only", bind="query-params"):
        history = [entry for entry in history if entry.changes or len(entry.stored) > 1]
    render_table(history[::-1])


def render_table(history: list[Change]) -> None:
    """The entries, and what can be done with the one that is chosen."""
    table = pd.DataFrame(
        {
            "when": pd.to_datetime([entry.time for entry in history], utc=True, errors="coerce"),
            "what": [entry.action for entry in history],
            "drawings": [len(entry.ids) for entry in history],
            "version": [entry.version for entry in history],
        }
    )
    above = st.container()
    picked = st.dataframe(
        table,
        hide_index=True,
        height=min(MOST, HEAD + ROW * max(1, len(history))),
        key="history",
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "when": st.column_config.DatetimeColumn(
                "When", format="YYYY-MM-DD HH:mm:ss", timezone=st.context.timezone, width="medium"
            ),
            "what": st.column_config.TextColumn("What was done", width="large"),
            "drawings": st.column_config.NumberColumn("Drawings", format="localized", width="small"),
            "version": st.column_config.TextColumn(
                "Version", help="Its number, and 8 digits made of all that is in it"
            ),
        },
    )
    rows = picked.selection.rows
    chosen = history[rows[0]] if rows and rows[0] < len(history) else None
    with above:
        render_buttons(chosen)


def render_buttons(chosen: Change | None) -> None:
    if refusal := allowed(Action.EDIT):
        st.caption(f":material/lock: {refusal}")
        return
    none = chosen is None
    version, number = ("", 0) if chosen is None else (chosen.version, chosen.number)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Look at this version", icon=":material/visibility:", disabled=none, on_click=look_at, args=(version,)
        )
        st.button(
            "Return to it",
            icon=":material/history:",
            help="Labels and states become what they were after this change. That is a change itself, to be undone.",
            disabled=none,
            on_click=go_back,
            args=(version,),
        )
        st.button(
            "Take back this change",
            icon=":material/undo:",
            help="And no other: drawings that were changed again since stay as they are",
            disabled=none,
            on_click=take_back,
            args=(number,),
        )
        if page_state.outcome[0]:
            render_outcome()
        elif none:
            st.caption("Choose a line by the box at its left.", width="content")


def look_at(version: str) -> None:
    page_state.set_in_url("version", version)
    state.set_widget(PART, "Drawings")


def go_back(version: str) -> None:
    """Everything as it was in that version, which is shown no longer: it is the present."""
    tell(lambda: return_to(version), "Everything is as it was in that version.")
    page_state.set_in_url("version", "")
