"""Confusions: which classes are taken for which, and the images of one such pair."""

import streamlit as st

from dashboard.charts.cells import CELL
from dashboard.charts.evaluation import MEASURES, confusion_figure
from dashboard.evaluate.evaluation import Evaluation
from dashboard.evaluate.sheets import render_paged
from dashboard.session import state
from dataset import Digits


@st.fragment
def render_confusions(found: Evaluation, digits: Digits) -> None:
    """A click on a cell, or a pick in the boxes, reruns this and nothing else."""
    st.subheader("Which classes are confused", anchor=False)
    picked = state.cell or found.commonest_mistake or (0, 0)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        render_matrix(found, digits.classes, picked)
    with right:
        render_cell(found, digits, picked)


def render_matrix(found: Evaluation, classes: tuple[str, ...], picked: tuple[int, int]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.segmented_control(
            "Cells show",
            list(MEASURES),
            default="count",
            required=True,
            format_func=MEASURES.get,
            key="evaluate-measure",
            persist_state="session",
            help="Counts of images; or their share of the row (of all that are that class: recall) or of the column "
            "(of all that were called that class: precision).",
        )
        muted = st.toggle(
            "Mute the diagonal",
            value=True,
            key="evaluate-muted",
            persist_state="session",
            help="Leaves the colours to the mistakes.",
        )
    # A pick in the boxes makes a new chart without a selection: else a click on the cell last clicked would be no news.
    key = f"confusion-{state.cells_picked_by_box}"
    st.vega_lite_chart(
        confusion_figure(
            found.confusion, classes, state.palette(), measure=measure, mute_diagonal=muted, picked=picked
        ),
        key=key,
        on_select=lambda: pick_clicked(key, classes),
        alt="Confusion matrix: true classes in rows, predicted ones in columns. The boxes beside it pick a cell too.",
    )


def render_cell(found: Evaluation, digits: Digits, picked: tuple[int, int]) -> None:
    true, predicted = picked
    with st.container(horizontal=True):
        for name, value in (("true", true), ("predicted", predicted)):
            state.set_widget(f"evaluate-{name}", value)
            st.selectbox(
                f"{name.capitalize()} class",
                range(len(digits.classes)),
                format_func=digits.classes.__getitem__,
                key=f"evaluate-{name}",
                on_change=pick_in_boxes,
            )
    rows = found.cell(true, predicted)
    names = digits.classes[true], digits.classes[predicted]
    share = f"{len(rows):,} of {found.confusion[true].sum():,} images of {names[0]} were taken for {names[1]}"
    st.markdown(f"**{share}**" if true != predicted else f"**{share}, rightly**")
    render_paged(rows, found, digits, key=f"cell-{true}-{predicted}", count=8)


def pick_clicked(key: str, classes: tuple[str, ...]) -> None:
    """A click on a cell; one beside the cells picks nothing."""
    for cell in state.widget(key)["selection"].get(CELL, []):
        state.cell = classes.index(cell["true"]), classes.index(cell["predicted"])


def pick_in_boxes() -> None:
    state.cell = state.widget("evaluate-true"), state.widget("evaluate-predicted")
    state.cells_picked_by_box += 1
