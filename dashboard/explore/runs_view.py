"""The Runs view: all runs in a table, and what tells the chosen ones apart."""

import streamlit as st

from dashboard.state import state


def render() -> None:
    state.keep_url("runs")
    st.caption("All runs, side by side.")
