"""Deleting runs and sweeps, and restoring them."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.access.actions import delete_run, delete_sweep, restore_run, restore_sweep
from dashboard.access.decision import Action, refusal_of
from dashboard.access.visibility import open_run
from dashboard.components.messages import EXPECTED, error_text
from dashboard.components.plain_text import plain_text
from dashboard.explore.state import page_state
from dashboard.session import state
from experiments.runs.trash import deleted_runs, deleted_sweeps
from experiments.sweeps import Sweep

LISTED = 30  # deleted runs or sweeps


def attempt(act: Callable[..., object], *values: object) -> bool:
    """Whether the action worked; if not, the page shows why when it is drawn next."""
    try:
        act(*values)
    except EXPECTED as error:
        page_state.notice = str(error)  # a callback cannot draw
        return False
    return True


def render_notice() -> None:
    """Show why an action did not work."""
    if page_state.notice:
        st.toast(error_text(page_state.notice), icon=":material/info:", duration="long")
        page_state.notice = ""


def delete_runs(ids: Sequence[str]) -> None:
    """Delete runs. Callback; runs that cannot be deleted stay, and a message says why."""
    gone = [run_id for run_id in ids if attempt(lambda one: delete_run(open_run(one)), run_id)]
    page_state.deleted_runs = tuple(gone)
    state.choose_runs(run_id for run_id in state.chosen_runs() if run_id not in gone)
    st.rerun()


def _restore_runs(ids: Sequence[str]) -> None:
    back = [run_id for run_id in ids if attempt(restore_run, run_id)]
    page_state.deleted_runs = ()
    state.choose_runs([*state.chosen_runs(), *back])


def remove_sweep(sweep: Sweep) -> None:
    """Delete a sweep with its runs. Callback."""

    def act() -> None:
        page_state.deleted_sweep = delete_sweep(sweep).id
        page_state.show_sweep("")

    attempt(act)


def _restore_sweep(deleted: Sweep) -> None:
    def act() -> None:
        page_state.show_sweep(restore_sweep(deleted).id)
        page_state.deleted_sweep = ""

    attempt(act)


def render_deleted_runs() -> None:
    """Undo for the runs deleted last, and a list of all deleted runs to restore."""
    gone = page_state.deleted_runs
    text = "" if not gone else f"{len(gone)} runs were deleted." if len(gone) > 1 else "The run was deleted."
    listed = [(run.id, plain_text(run.title), (run.id,)) for run in deleted_runs()]
    _render_deleted("runs", text, gone, listed, _restore_runs)


def render_deleted_sweeps() -> None:
    """Undo for the sweep deleted last, and a list of all deleted sweeps to restore."""
    deleted = deleted_sweeps()
    last = next((sweep for sweep in deleted if sweep.id == page_state.deleted_sweep), None)
    text = f"The sweep {plain_text(last.spec.name)} was deleted with its runs." if last else ""
    _render_deleted("sweeps", text, last, [(one.id, plain_text(one.spec.name), one) for one in deleted], _restore_sweep)


def _render_deleted(
    noun: str, text: str, last: object, deleted: Sequence[tuple[str, str, object]], restore: Callable[..., None]
) -> None:
    """`deleted` holds ids, titles and arguments of `restore`; `last` is the argument of Undo."""
    if not deleted or refusal_of(Action.RUNS):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if text:
            st.caption(text, width="content")
            st.button("Undo", icon=":material/undo:", on_click=restore, args=(last,))
        label = f"Deleted {noun}, {len(deleted)}"
        with st.popover(label, icon=":material/delete:", type="tertiary", on_change="rerun") as box:
            for identity, title, target in deleted[:LISTED] if box.open else ():
                key = f"restore-{identity}"
                st.button(f"Restore {title}", key=key, type="tertiary", on_click=restore, args=(target,))
