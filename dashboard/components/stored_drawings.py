"""Stored drawings: how many of each digit there are, whether they last, and damaged rows."""

import streamlit as st

from dashboard.access.decision import is_owner
from dashboard.components.downloads import render_download
from dashboard.components.messages import errors_as_text
from dashboard.components.resources import damaged_drawings
from dataset.digits import DIGIT_CLASSES
from dataset.drawings import count_by_digit, drawings_last
from dataset.drawings.exchange import export_csv
from experiments.formats import count


def render_counts() -> None:
    """The number of drawings of each digit, with a backup if the disk does not last."""
    with errors_as_text("The stored drawings cannot be counted: "):
        counts = count_by_digit()
        cells = "".join(f"<td>{number:,}</td>" for number in counts)
        heads = "".join(f'<th scope="col">{digit}</th>' for digit in DIGIT_CLASSES)
        caption = f"<caption>Collected so far: {count(int(counts.sum()), 'drawing')}</caption>"
        st.html(f'<table class="counts">{caption}<tr>{heads}</tr><tr>{cells}</tr></table>')
        if counts.any() and not drawings_last():
            render_backup_offer()


def render_backup_offer() -> None:
    """A download of all drawings, for a server whose disk does not last."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="fleeting"):
        st.caption("This server forgets drawings when it restarts.", width="content")
        render_download(
            "Download a copy",
            export_csv,
            "drawings.csv",
            "text/csv",
            type="tertiary",
            help="All drawings as a CSV file. `digits data import` restores them; a database would not lose them.",
        )


def render_damaged_rows() -> None:
    """Tell the owner about damaged rows in the file of drawings, and offer their download."""
    if not is_owner():
        return
    with errors_as_text("The stored drawings cannot be read: "):
        rows, file = damaged_drawings()
        if not rows or not file:
            return
        what = "1 damaged row was" if rows == 1 else f"{rows:,} damaged rows were"
        st.warning(f"{what} moved to {file}. All others are in use. To remove this warning, delete that file.")
        render_download("Download these rows", file.read_bytes, file.name, "text/csv", type="tertiary")
