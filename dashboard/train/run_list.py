"""Run list: the newest runs, those that are active first, for a person to open one."""

import streamlit as st

from dashboard.components.resources import STATE_ICONS
from dashboard.session import state
from experiments.runs.run import Run, Status
from experiments.runs.table import run_rows

LISTED = 30
LOOK_SECONDS = 2.0  # until a run that was started in a terminal is here
OPEN = "run-list"


@st.fragment(run_every=LOOK_SECONDS)
def render_run_list(drawn: str) -> None:
    """What is shown, and a list to show another. `drawn` is the run that the rest of the page shows."""
    if state.shown_run() != drawn:
        st.rerun()
    runs = newest_runs()
    active = sum(status.active for _, status in runs)
    shown = next((run.title for run, _ in runs if run.id == drawn), "No run is open")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(shown, anchor=False, width="content")
        label = f"Runs, {active} active" if active else "Runs"
        with st.popover(label, key=OPEN, on_change="rerun", disabled=not runs) as opened:
            for run, status in runs if opened.open else ():
                st.button(
                    f"{run.title}, {status.state}",
                    key=f"open-{run.id}",
                    icon=STATE_ICONS[status.state],
                    type="tertiary",
                    on_click=open_run,
                    args=(run.id,),
                )


def open_run(run_id: str) -> None:
    state.show_run(run_id)
    state.set_widget(OPEN, False)


def newest_runs() -> list[tuple[Run, Status]]:
    """The newest runs and the one that is shown, the active ones first; those of sweeps, which are many, on Explore."""
    shown = [row for row in run_rows() if row.id == state.shown_run() or not row.group]
    rows = shown[:LISTED] + [row for row in shown[LISTED:] if row.id == state.shown_run()]
    found = [(row.run, row.status) for row in rows]
    return sorted(found, key=lambda pair: not pair[1].active)  # stable: the newest first in each half
