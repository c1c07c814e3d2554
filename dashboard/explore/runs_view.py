"""The Runs view: all runs in a table, and what tells the chosen ones apart."""

import streamlit as st

from dashboard.explore.chosen_runs import chosen_among
from dashboard.explore.page import VIEW
from dashboard.explore.run_actions import render_deleted, render_notice
from dashboard.explore.run_table import LOOK_SECONDS, render_table
from dashboard.navigation import go_to
from dashboard.session import state
from experiments.runs.table import RunRow, run_rows

LIVE_SECONDS = 1.0
READY = 3  # runs that a button chooses


def render() -> None:
    state.sync_url("runs")
    render_notice()
    rows = run_rows()
    if not rows:
        render_empty()
        render_deleted()
        wait_for_runs()
        return
    render_table(state.runs)
    render_deleted()
    chosen = chosen_among(rows)
    missing = len(state.chosen_runs()) - len(chosen)
    if missing:
        some = f"{missing} runs of this address are" if missing > 1 else "One run of this address is"
        st.warning(f"{some} not in this folder of runs.", icon=":material/info:")
    if not chosen:
        render_invitation(rows)
        return
    live = tuple(one.row.id for one in chosen if one.row.status.active)
    st.fragment(render_chosen, run_every=LIVE_SECONDS if live else None)(state.runs, live)


def render_chosen(drawn: str, live: tuple[str, ...]) -> None:
    """What the chosen runs differ in; anew every second while one of them trains."""
    from dashboard.explore.run_charts import choose_look, render_charts
    from dashboard.explore.run_keys import render_keys
    from dashboard.explore.two_runs import render_two

    rows = run_rows()
    chosen = chosen_among(rows)
    if state.runs != drawn or tuple(one.row.id for one in chosen if one.row.status.active) != live:
        st.rerun()
    keys, charts = st.columns([3, 9], gap="medium")
    with charts:
        look = choose_look(chosen)
        chosen = chosen_among(rows, mean=look.mean)
        render_charts(chosen, look)
    with keys:
        render_keys(chosen)
    if len(chosen) == 2:
        render_two(*chosen)


def render_invitation(rows: list[RunRow]) -> None:
    """Nothing is chosen: what a person may want to see first."""
    ended = [row for row in rows if row.best_loss is not None]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.write("Tick runs in the table to see their curves, results and settings side by side, or:")
        for label, some in (
            ("The best three", sorted(ended, key=lambda row: row.best_loss or 0)[:READY]),
            ("The newest three", ended[:READY]),
        ):
            if len(some) == READY:
                st.button(label, on_click=state.choose_runs, args=([row.id for row in some],))


@st.fragment(run_every=LOOK_SECONDS)
def wait_for_runs() -> None:
    """One may be started in a terminal."""
    if run_rows():
        st.rerun()


def render_empty() -> None:
    st.info("There are no runs yet. Every training is listed here: with two of them you can see what a setting does.")
    with st.container(horizontal=True):
        if st.button("Train a network", type="primary", icon=":material/show_chart:"):
            go_to("train")
        for view, label in (("Experiments", "Run a prepared experiment"), ("Sweeps", "Start a sweep")):
            st.button(label, key=f"open-{view}", on_click=state.set_widget, args=(VIEW, view))
