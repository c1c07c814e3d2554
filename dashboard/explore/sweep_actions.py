"""Sweep actions: delete a sweep with its runs, and bring it back."""

import streamlit as st

from dashboard.access.decision import Action, allowed
from dashboard.access.searches import delete_sweep, restore_sweep
from dashboard.explore.state import page_state
from experiments.runs.trash import deleted_sweeps
from experiments.sweeps import Sweep, SweepError

LISTED = 20  # of the deleted sweeps


def render_delete(sweep: Sweep) -> None:
    """The button that deletes it; what is underway is stopped first."""
    if not sweep.status().active and not allowed(Action.RUNS):
        about = "With all of its runs. It can be brought back."
        st.button("Delete", icon=":material/delete:", type="tertiary", on_click=delete, args=(sweep,), help=about)


def delete(sweep: Sweep) -> None:
    try:
        page_state.deleted_sweep = delete_sweep(sweep).id
    except (SweepError, OSError) as error:
        page_state.notice = str(error)  # a callback cannot draw
    else:
        page_state.show_sweep("")


def restore(deleted: Sweep) -> None:
    try:
        page_state.show_sweep(restore_sweep(deleted).id)
    except (SweepError, OSError) as error:
        page_state.notice = str(error)
    else:
        page_state.deleted_sweep = ""


def render_deleted() -> None:
    """What was deleted last and the way back, and a list of all that can come back."""
    deleted = deleted_sweeps()
    if not deleted or allowed(Action.RUNS):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        for last in deleted:
            if last.id == page_state.deleted_sweep:
                st.caption(f"The sweep {last.spec.name} was deleted with its runs.", width="content")
                st.button("Undo", icon=":material/undo:", on_click=restore, args=(last,))
        with st.popover(
            f"Deleted sweeps, {len(deleted)}", icon=":material/delete:", type="tertiary", on_change="rerun"
        ) as box:
            for sweep in deleted[:LISTED] if box.open else ():
                name = f"Restore {sweep.spec.name}"
                st.button(name, key=f"restore-{sweep.id}", type="tertiary", on_click=restore, args=(sweep,))
