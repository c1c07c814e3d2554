"""Sheets of an evaluation: some of its images, a random sample, and the worst mistakes."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from dashboard.charts.probability import percent_text
from dashboard.charts.sheet import Tile, sheet
from dashboard.evaluate.evaluation import Evaluation
from dashboard.session import state
from dataset import Digits

SHEET = 25  # images


def tile(row: int, found: Evaluation, digits: Digits, *, loss: bool) -> Tile:
    true, predicted = int(found.labels[row]), int(found.predictions[row])
    details = [f"{percent_text(found.probabilities[row, predicted])} sure"]
    if loss:
        details.append(f"loss {found.losses[row]:.2f}")
    return Tile(digits.images[row], digits.classes[true], digits.classes[predicted], tuple(details))


def render_paged(rows: np.ndarray, found: Evaluation, digits: Digits, *, key: str, count: int) -> None:
    """The images of these rows, `count` at a time."""
    render_tiles(rows, lambda row: tile(row, found, digits, loss=True), key=key, count=count)


def render_tiles(rows: np.ndarray, tile_of: Callable[[int], Tile], *, key: str, count: int) -> None:
    """A tile for each row, `count` at a time."""
    page = st.pagination(max(1, -(-len(rows) // count)), key=f"page-{key}")
    shown = rows[(page - 1) * count : page * count]
    st.html(sheet([tile_of(row) for row in shown], state.palette()))


@st.fragment
def render_sample(found: Evaluation, digits: Digits) -> None:
    rows = found.sample(SHEET, state.sample_seed)
    if found.total > SHEET:
        st.subheader(f"{SHEET} at random", anchor=False)
        st.button(f"Another {SHEET}", icon=":material/casino:", on_click=draw_again)
    else:
        st.subheader("All of them", anchor=False)
    wrong = int((found.predictions[rows] != found.labels[rows]).sum())
    st.caption(f"Wrong: {wrong} of {len(rows)}, with a cross and a thick border." if wrong else "All are right.")
    st.html(sheet([tile(row, found, digits, loss=False) for row in rows], state.palette()))


def draw_again() -> None:
    state.sample_seed += 1


@st.fragment
def render_mistakes(found: Evaluation, digits: Digits) -> None:
    st.subheader("The worst mistakes", anchor=False)
    if not len(found.mistakes):
        st.success(f"No mistakes: {found.correct:,} of {found.total:,} answers are right.")
        return
    st.caption("Sorted by loss: the surprise at the true class, -ln of the probability it was given.")
    render_paged(found.mistakes, found, digits, key="mistakes", count=SHEET)
