"""The Draw page: a person draws a digit, the network answers, the person corrects it."""

import streamlit as st

from dashboard.access.turns import drawing_turns
from dashboard.components.model_choice import choose_model
from dashboard.components.stored_drawings import render_counts, render_damaged_rows
from dashboard.draw.answer import (
    read_sheet,
    render_answer,
    render_input_picture,
    render_input_pixels,
    render_probabilities,
    render_stages,
)
from dashboard.draw.canvas import render_sheet
from dashboard.draw.fine_tuning import render_fine_tuning
from dashboard.draw.saving import render_privacy, render_verdict
from dashboard.draw.state import page_state
from model import Classifier


def render() -> None:
    """Draw the page."""
    with drawing_turns.take():
        _render_page()


def _render_page() -> None:
    page_state.sync_url("lesson")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Draw a digit", width="content", anchor=False)
        with st.container(key="model-place"):
            classifier = choose_model(label_visibility="collapsed")
    _render_bench(classifier)
    render_damaged_rows()  # last, because it reads all drawings


@st.fragment
def _render_bench(classifier: Classifier) -> None:
    """A stroke reruns only this; the answer comes first."""
    with drawing_turns.take():
        _render_parts(classifier)


def _render_parts(classifier: Classifier) -> None:
    left, middle, right = st.columns([300, 330, 440], gap="medium")
    with left:
        reading = read_sheet(render_sheet(), classifier)
    with middle:
        render_answer(reading)
        with st.container(key="picture"):
            render_input_picture(reading)
        with st.container(key="verdict"):
            render_verdict(reading)
    with right:
        render_probabilities(reading, classifier.classes)
        render_counts()
        render_privacy()
    render_fine_tuning(classifier)
    left, right = st.columns([380, 690], gap="medium")
    with left:
        render_input_pixels(reading)
    with right:
        render_stages(reading)
