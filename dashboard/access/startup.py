"""Startup: work that a server does when its first page opens, and again from time to time."""

from __future__ import annotations

import threading

import streamlit as st

from dashboard.access.policy import read_policy
from dataset.drawings.retention import erase_expired
from experiments.fine_tuning import remove_undecided
from experiments.runs.leftovers import remove_all_leftovers
from experiments.runs.trash import empty_trash


@st.cache_resource(show_spinner=False)
def remove_leftovers_once() -> None:
    """Remove the temporary files of killed processes. No page waits for it."""
    threading.Thread(target=remove_all_leftovers, name="leftovers", daemon=True).start()


@st.cache_resource(ttl=3600, show_spinner=False)
def remove_undecided_hourly() -> None:
    """Remove fine-tunings that nobody has accepted for a day. No page waits for it."""
    threading.Thread(target=remove_undecided, name="undecided fine-tunings", daemon=True).start()


def erase_expired_hourly() -> None:
    """Erase the drawings of visitors that are older than the owner wants. No page waits for it."""
    if days := read_policy().settings.retention_days:
        _start_erasing(days)


@st.cache_resource(ttl=3600, show_spinner=False)
def _start_erasing(days: int) -> None:
    threading.Thread(target=erase_expired, args=(days,), name="retention", daemon=True).start()


@st.cache_resource(ttl=3600, show_spinner=False)
def empty_trash_hourly() -> None:
    """Remove what was deleted 30 days ago. No page waits for it."""
    threading.Thread(target=empty_trash, name="trash", daemon=True).start()
