"""The Data page: what was collected, to look through and put right, and all that was ever done to it."""

from importlib import import_module

import streamlit as st

from dashboard.state import state

PART = "part"  # the widget's key, and the name in the address; a callback opens a part by setting it
PARTS = {
    "Drawings": "drawings_view",
    "Suspect labels": "suspects_view",
    "History": "history_view",
    "Import and export": "exchange_view",
}


def render() -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Look through the data", width="content", anchor=False)
        part = st.segmented_control(
            "Part",
            list(PARTS),
            default=next(iter(PARTS)),
            required=True,
            key=PART,
            label_visibility="collapsed",
            bind="query-params",
            wrap=True,
            on_change=state.forget_edit,
        )
    import_module(f"dashboard.data.{PARTS[part]}").render()
