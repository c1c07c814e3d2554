"""Collected: how many drawings of each digit there are, whether they last, and which rows of their file are damaged."""

import streamlit as st

from dashboard.components.resources import damaged_drawings
from dataset import DataError
from dataset.digits import DIGIT_CLASSES
from dataset.drawings import count_by_digit, drawings_last
from dataset.drawings.exchange import export_csv


def render_counts() -> None:
    try:
        counts = count_by_digit()
    except (DataError, OSError) as error:
        st.error(f"The collected drawings cannot be counted: {error}")
        return
    cells = "".join(f"<td>{count:,}</td>" for count in counts)
    heads = "".join(f'<th scope="col">{digit}</th>' for digit in DIGIT_CLASSES)
    total = f"{counts.sum():,} drawing" + ("" if counts.sum() == 1 else "s")
    st.html(
        f'<table class="counts"><caption>Collected so far: {total}</caption><tr>{heads}</tr><tr>{cells}</tr></table>'
    )
    if counts.any() and not drawings_last():
        render_fleeting()


def render_fleeting() -> None:
    """Where the disk does not last, that is said, and the drawings are offered for keeping."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="fleeting"):
        st.caption("This server forgets drawings when it restarts.", width="content")
        st.download_button(
            "Keep a copy",
            export_csv,
            "drawings.csv",
            "text/csv",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            help="All drawings as a CSV file. `digits data import` brings them back; in a database they would stay.",
        )


def render_damage() -> None:
    try:
        rows, aside = damaged_drawings()
    except (DataError, OSError) as error:
        st.error(f"The collected drawings cannot be read: {error}")
        return
    if rows and aside:
        what = "1 damaged row was" if rows == 1 else f"{rows:,} damaged rows were"
        st.warning(f"{what} set aside in {aside}; all others are in use. Delete that file once you have looked at it.")
        st.download_button(
            "Download these rows",
            aside.read_bytes,
            aside.name,
            "text/csv",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
        )
