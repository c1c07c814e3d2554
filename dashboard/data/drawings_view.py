"""The Drawings view: all drawings as images, chosen by hand or by filter, and what can be done with them."""

from zlib import crc32

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.access.decision import Action, require
from dashboard.charts.digit_bars import digit_bars, missing_hint
from dashboard.charts.thumbnails import Thumbnail
from dashboard.components.image_sheet import render_selectable, selection
from dashboard.components.model_choice import choose_model
from dashboard.components.stored_drawings import render_damage, render_fleeting
from dashboard.data.actions import counted, render_actions
from dashboard.data.choosing import PAGE, SURPRISE, render_choice, show_all
from dashboard.data.details import local_time, render_details
from dashboard.data.history_view import go_back
from dashboard.data.page import PART
from dashboard.data.review import render_review, visible
from dashboard.data.state import ShownSheet, page_state
from dashboard.data.surprise import surprises
from dashboard.navigation import go_to, place
from dashboard.session import state
from dataset import DataError, Drawings, load_drawings
from dataset.digits import DIGIT_CLASSES
from dataset.drawings import drawings_history, drawings_last

SHEET = "sheet"
COUNT = 100  # thumbnails on a page


def render() -> None:
    page_state.sync_url("version")
    render_bench()


@st.fragment
def render_bench() -> None:
    """A click reruns this and nothing else."""
    try:
        if page_state.version:
            require(Action.LOOK_BACK)
        drawings = load_drawings(page_state.version or None, deleted=True)
    except (DataError, OSError) as error:
        st.error(str(error))
        if page_state.version:
            st.button("Show them as they are now", on_click=page_state.set_in_url, args=("version", ""))
        return
    if not visible(drawings).any():
        render_empty()
        return
    if page_state.version:
        render_version()
    else:
        render_review(drawings)
    left, right = st.columns([9, 3], gap="medium", vertical_alignment="center")
    with left:
        render_counts(drawings)
    with right:
        classifier = choose_model()
    choice = render_choice()
    surprise = None
    if choice.order == SURPRISE:
        if classifier.classes == DIGIT_CLASSES:
            surprise = surprises(classifier, drawings)
        else:
            st.warning("This model does not read digits, so nothing surprises it. Choose another one.")
    rows = choice.rows(drawings, surprise)
    rows = rows[visible(drawings)[rows]]
    ids = drawings.id[rows].tolist()
    picked = page_state.selected_among(ids)
    states = set(drawings.state[np.isin(drawings.id, picked)].tolist()) if picked else set()
    if not page_state.version:
        render_actions(picked, ids, states)
    sheet, side = st.columns([9, 3], gap="medium")
    with sheet:
        if len(rows):
            render_sheet(drawings, rows, ids, surprise)
        else:
            st.info("No drawing is like that.")
            st.button("Show all", key="show-all", icon=":material/filter_alt_off:", on_click=show_all)
    with side, st.container(key="drawing-details"):
        render_details(drawings, picked, classifier)
    render_damage()


def render_version() -> None:
    """An earlier version is shown, to look at."""
    entry = next(entry for entry in drawings_history() if entry.version == page_state.version)
    when = local_time(entry.time, st.context.timezone or "UTC")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.info(f"The drawings as they were on {when}, after: {entry.action}.", icon=":material/history:")
        st.button("Return to this version", on_click=go_back, args=(entry.version,))
        st.button("Show them as they are now", type="primary", on_click=page_state.set_in_url, args=("version", ""))


def render_counts(drawings: Drawings) -> None:
    """How many that count there are of each digit."""
    counts = np.bincount(drawings.kept.labels, minlength=10)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.html(digit_bars(counts, state.palette(), caption=f"{counted(int(counts.sum()))} in use"), width="content")
        with st.container(gap="xxsmall"):
            if hint := missing_hint(counts):
                st.caption(hint)
            if counts.any() and not page_state.version:
                st.page_link(place("draw"), label="Learn from them", icon=":material/school:")
    if not drawings_last():
        render_fleeting()


def render_sheet(drawings: Drawings, rows: NDArray[np.intp], ids: list[str], surprise: NDArray | None) -> None:
    """One page of thumbnails."""
    paper = st.container(key="drawing-sheet")  # the number of the page is known only when its widget is drawn, below
    with st.container(horizontal=True, vertical_alignment="center"):
        pages = -(-len(rows) // COUNT)
        number = st.pagination(pages, key=PAGE, bind="query-params") if pages > 1 else 1
        here = slice((number - 1) * COUNT, number * COUNT)
        shown = tuple(ids[here])
        range_text = f"{here.start + 1:,} to {here.start + len(shown):,} of {counted(len(rows))}"
        st.caption(f"{range_text}. Label × another answer of the network", width="content")
    turn = f"{crc32(' '.join(shown).encode()):08x}-{page_state.selection_turn}"
    if page_state.sheet.turn != turn:
        page_state.sheet = ShownSheet(turn, shown, tuple(page_state.selected_among(shown)))
    with paper:
        render_selectable(
            [thumbnail(drawings, row, surprise) for row in rows[here]],
            page_state.sheet.selected,
            turn=turn,
            title=range_text,
            key=SHEET,
            on_change=take_over,
        )


def thumbnail(drawings: Drawings, row: int, surprise: NDArray | None) -> Thumbnail:
    label, predicted, kind = int(drawings.digits.labels[row]), int(drawings.predicted[row]), str(drawings.state[row])
    notes = []
    if surprise is not None:
        notes.append(f"{surprise[row]:.1f}")
    if kind != "kept":
        notes.append(kind)
    if drawings.duplicate_of[row]:
        notes.append("double")
    return Thumbnail(
        str(drawings.id[row]),
        drawings.digits.images[row],
        str(label),
        "" if predicted in (-1, label) else str(predicted),
        tuple(notes),
        is_faint=kind != "kept",
    )


def take_over() -> None:
    """What the browser says is chosen on this page, beside what was chosen on others."""
    said, shown = selection(SHEET), page_state.sheet
    if said.turn == shown.turn:
        elsewhere = [identity for identity in page_state.selected if identity not in shown.ids]
        page_state.selected = (*elsewhere, *(identity for identity in said.ids if identity in shown.ids))


def render_empty() -> None:
    st.info(
        "There are no drawings yet. Draw some digits and say whether the network read them right: each one you judge "
        "is kept here, and the network can learn from it."
    )
    with st.container(horizontal=True):
        if st.button("Draw a digit", type="primary", icon=":material/draw:"):
            go_to("draw")
        if st.button(
            "Import a file", icon=":material/upload:", on_click=state.set_widget, args=(PART, "Import and export")
        ):
            st.rerun()  # all of the page, not this part of it alone
