"""Startup: work that a server does once, when its first page opens."""

from __future__ import annotations

import threading

import streamlit as st

from experiments.runs.leftovers import remove_all_leftovers


@st.cache_resource(show_spinner=False)
def remove_leftovers_once() -> None:
    """Remove the temporary files of killed processes. No page waits for it."""
    threading.Thread(target=remove_all_leftovers, name="leftovers", daemon=True).start()
