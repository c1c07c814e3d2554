"""Images behind the score: by cell of the confusion matrix, a sample, the worst mistakes."""

from collections.abc import Sequence

import streamlit as st

from dashboard.charts.confusion import MEASURES, confusion_figure
from dashboard.charts.images import Tile, image_sheet
from dashboard.components.chart import render_chart
from dashboard.components.evaluation import Evaluation
from dashboard.components.image_sheet import render_tiles
from dashboard.evaluate.state import page_state
from dashboard.session import state
from dataset import Digits
from experiments.formats import probability
from model.arrays import Integers

SHEET = 25  # images


@st.fragment
def render_confusions(found: Evaluation, digits: Digits) -> None:
    """The confusion matrix, next to the images of one cell.

    A click or a choice reruns only this part of the page.
    """
    st.subheader("Which classes are confused", anchor=False)
    picked = page_state.cell or found.most_frequent_mistake or (0, 0)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _render_matrix(found, digits.classes, picked)
    with right:
        _render_cell(found, digits, picked)


def _render_matrix(found: Evaluation, classes: tuple[str, ...], picked: tuple[int, int]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.segmented_control(
            "Cells show",
            list(MEASURES),
            default="count",
            required=True,
            format_func=MEASURES.__getitem__,
            key="evaluate-measure",
            persist_state="session",
            help="Counts of images, or their share of the row (of all images of that class: recall) or of the column "
            "(of all images that the model put into that class: precision).",
        )
        muted = st.toggle(
            "Mute the diagonal",
            value=True,
            key="evaluate-muted",
            persist_state="session",
            help="Colours only the mistakes.",
        )
    figure = confusion_figure(
        found.confusion, classes, state.palette(), measure=measure, mute_diagonal=muted, picked=picked
    )
    alt = "Confusion matrix: true classes in rows, predicted ones in columns. The boxes next to it pick a cell too."
    # Each choice makes a new chart without a selection. Otherwise a click on the cell that was
    # clicked last would not count as a change.
    render_chart(figure, key=f"confusion-{page_state.cells_picked}", alt=alt, on_click=_pick)


def _render_cell(found: Evaluation, digits: Digits, picked: tuple[int, int]) -> None:
    true, predicted = picked
    with st.container(horizontal=True):
        for name, value in (("true", true), ("predicted", predicted)):
            state.set_widget(f"evaluate-{name}", value)
            st.selectbox(
                f"{name.capitalize()} class",
                range(len(digits.classes)),
                format_func=digits.classes.__getitem__,
                key=f"evaluate-{name}",
                on_change=_pick_in_boxes,
            )
    rows = found.cell(true, predicted)
    names = digits.classes[true], digits.classes[predicted]
    text = f"{len(rows):,} of {found.confusion[true].sum():,} images of {names[0]} were classified as {names[1]}"
    st.markdown(f"**{text}**" if true != predicted else f"**{text}, correctly**")
    _render_images(rows, found, digits, key=f"cell-{true}-{predicted}", count=8)


def _pick_in_boxes() -> None:
    _pick((state.widget("evaluate-true"), state.widget("evaluate-predicted")))


def _pick(cell: Sequence[int]) -> None:
    """Shows the images of a cell (true class, predicted class), as numbers."""
    page_state.cell = cell[0], cell[1]
    page_state.cells_picked += 1


@st.fragment
def render_sample(found: Evaluation, digits: Digits) -> None:
    """Images drawn at random, with a button that draws others."""
    rows = found.sample(SHEET, page_state.sample_seed)
    if found.total > SHEET:
        st.subheader(f"{SHEET} at random", anchor=False)
        st.button(f"Another {SHEET}", icon=":material/casino:", on_click=_draw_again)
    else:
        st.subheader("All images", anchor=False)
    wrong = int((found.predictions[rows] != found.labels[rows]).sum())
    st.caption(f"Wrong: {wrong} of {len(rows)}, with a cross and a thick border." if wrong else "All are correct.")
    st.html(image_sheet([_tile(row, found, digits, loss=False) for row in rows], state.palette()))


def _draw_again() -> None:
    page_state.sample_seed += 1


@st.fragment
def render_mistakes(found: Evaluation, digits: Digits) -> None:
    """All wrong answers, the highest loss first."""
    st.subheader("The worst mistakes", anchor=False)
    if not len(found.mistakes):
        st.success(f"No mistakes: {found.correct:,} of {found.total:,} answers are correct.")
        return
    st.caption("Sorted by loss: -ln of the probability that the model gave to the true class.")
    _render_images(found.mistakes, found, digits, key="mistakes", count=SHEET)


def _render_images(rows: Integers, found: Evaluation, digits: Digits, *, key: str, count: int) -> None:
    render_tiles(rows, lambda row: _tile(row, found, digits, loss=True), key=key, count=count)


def _tile(row: int, found: Evaluation, digits: Digits, *, loss: bool) -> Tile:
    true, predicted = int(found.labels[row]), int(found.predictions[row])
    details = [f"{probability(found.probabilities[row, predicted])} sure"]
    if loss:
        details.append(f"loss {found.losses[row]:.2f}")
    return Tile(digits.images[row], digits.classes[true], digits.classes[predicted], tuple(details))
