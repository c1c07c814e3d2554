"""The Sweeps view: start a search over settings, watch it, and see which of them matter."""

import time

import streamlit as st

from dashboard.access.decision import Action, refusal_of
from dashboard.components.resources import STATE_ICONS
from dashboard.explore.new_sweep import render_new_sweep
from dashboard.explore.search_form import can_show
from dashboard.explore.state import page_state
from dashboard.explore.sweep_results import render_sweep
from dashboard.explore.sweep_settings import fill_from_sweep
from dashboard.explore.trash import remove_sweep, render_deleted_sweeps, render_notice
from dashboard.session import state
from experiments.sweeps import Sweep, SweepError, list_sweeps, open_sweep

LISTED = 20
OPEN = "sweep-list"


def render() -> None:
    page_state.sync_url("sweep")
    render_notice()
    shown = page_state.sweep
    if not shown:
        render_bar("New sweep", None)
        render_deleted_sweeps()
        render_new_sweep()
        return
    try:
        sweep = open_sweep(shown)
    except SweepError as error:
        render_bar("No such sweep", None, another=True)
        st.error(str(error))
        return
    render_bar(sweep.spec.name, sweep, another=True)
    render_sweep(sweep)


def render_bar(title: str, sweep: Sweep | None, *, another: bool = False) -> None:
    """What is shown, a list of the others, and the way to a new one."""
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(title, anchor=False, width="content")
        with st.container(horizontal=True, width="content"):
            known = list_sweeps()[:LISTED]
            if known:
                with st.popover("Sweeps", key=OPEN, on_change="rerun") as opened:
                    for other in known if opened.open else ():
                        render_entry(other)
            if sweep is not None and can_show(sweep.spec.search):
                st.button(
                    "Use settings again",
                    icon=":material/tune:",
                    on_click=begin_anew,
                    args=(sweep,),
                    type="tertiary",
                )
            if sweep is not None and not sweep.status().active and not refusal_of(Action.RUNS):
                about = "With all of its runs. You can restore it later."
                icon = ":material/delete:"
                st.button("Delete", icon=icon, type="tertiary", on_click=remove_sweep, args=(sweep,), help=about)
            if another:
                st.button("New sweep", icon=":material/add:", on_click=page_state.show_sweep, args=("",))


def render_entry(sweep: Sweep) -> None:
    status = sweep.status()
    made = time.strftime("%d %b %H:%M", time.localtime(sweep.created)).lstrip("0")
    st.button(
        f"{sweep.spec.name}, {made}, {status.state}",
        key=f"open-sweep-{sweep.id}",
        icon=STATE_ICONS[status.state],
        type="tertiary",
        on_click=open_listed,
        args=(sweep.id,),
    )


def open_listed(sweep_id: str) -> None:
    page_state.show_sweep(sweep_id)
    state.set_widget(OPEN, False)


def begin_anew(sweep: Sweep) -> None:
    """A new sweep, filled in as this one was."""
    fill_from_sweep(sweep)
    page_state.show_sweep("")
