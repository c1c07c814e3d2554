"""Review: drawings by visitors that wait for the owner, and which drawings a person gets to see."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.access.decision import is_owner
from dashboard.access.policy import sharing
from dashboard.data.actions import counted
from dashboard.data.choosing import show_all
from dashboard.session import state
from dataset import Drawings


def visible(drawings: Drawings) -> NDArray[np.bool_]:
    """The owner sees everything; a visitor what is in use, and of the rest what waits and is their own."""
    if is_owner():
        return np.ones(len(drawings.id), bool)
    mine = (drawings.state == "waiting") & (drawings.session == state.session_id)
    return (drawings.state == "kept") | mine


def render_review(drawings: Drawings) -> None:
    """How many wait, and the way to them; nothing where none does."""
    waiting = int(np.count_nonzero(drawings.state[visible(drawings)] == "waiting"))
    if not waiting or not sharing().is_shared:
        return
    waits = "waits" if waiting == 1 else "wait"
    with st.container(horizontal=True, vertical_alignment="center", key="review"):
        if is_owner():
            st.info(
                f"{counted(waiting)} by visitors {waits} for you: accept, or set aside.",
                icon=":material/rate_review:",
            )
            st.button("Look at them", type="primary", on_click=show_waiting)
        else:
            st.info(
                f"{counted(waiting)} of yours {waits} until the owner has looked.", icon=":material/hourglass_empty:"
            )


def show_waiting() -> None:
    show_all()
    state.set_widget("state", ["Waiting"])
