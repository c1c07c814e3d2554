"""Run actions: star, rename and note runs, delete them and bring them back."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.access.decision import Action, allowed
from dashboard.access.runs import delete_run, restore_run, set_label
from dashboard.explore.state import page_state
from dashboard.session import state
from experiments.runs.run import Run, RunError, open_run
from experiments.runs.trash import deleted_runs

LISTED = 30  # of the deleted runs


def relabel(run_id: str) -> None:
    name, note = state.widget(f"name-{run_id}"), state.widget(f"note-{run_id}")
    attempt(lambda: set_label(open_run(run_id), name=name, note=note))
    st.rerun()  # all of the page: the table shows it too


def toggle(run_id: str) -> None:
    attempt(lambda: star(open_run(run_id)))
    st.rerun()


def star(run: Run) -> None:
    set_label(run, starred=not run.label().starred)


def delete(ids: Sequence[str]) -> None:
    """Moves runs aside; those that cannot be deleted stay, and it is said why."""
    gone = [run_id for run_id in ids if attempt(lambda run_id=run_id: delete_run(open_run(run_id)))]
    page_state.deleted_runs = tuple(gone)
    state.choose_runs(run_id for run_id in state.chosen_runs() if run_id not in gone)
    st.rerun()


def undo(ids: Sequence[str]) -> None:
    back = [run_id for run_id in ids if attempt(lambda run_id=run_id: restore_run(run_id))]
    page_state.deleted_runs = ()
    state.choose_runs([*state.chosen_runs(), *back])


def attempt(act: Callable[[], object]) -> bool:
    """Whether it could be done; else the page says why not."""
    try:
        act()
    except (RunError, OSError) as error:
        page_state.notice = str(error)  # a callback cannot draw
        return False
    return True


def render_notice() -> None:
    """What could not be done."""
    if page_state.notice:
        st.toast(page_state.notice, icon=":material/info:", duration="long")
        page_state.notice = ""


def render_deleted() -> None:
    """What was deleted last and the way back, and a list of all that can come back."""
    gone, deleted = page_state.deleted_runs, deleted_runs()
    if not deleted or allowed(Action.RUNS):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if gone:
            st.caption(f"{len(gone)} runs were deleted." if len(gone) > 1 else "The run was deleted.", width="content")
            st.button("Undo", icon=":material/undo:", on_click=undo, args=(gone,))
        with st.popover(
            f"Deleted runs, {len(deleted)}", icon=":material/delete:", type="tertiary", on_change="rerun"
        ) as box:
            for run in deleted[:LISTED] if box.open else ():
                st.button(
                    f"Restore {run.title}", key=f"restore-{run.id}", type="tertiary", on_click=undo, args=((run.id,),)
                )
