"""The Draw page: a person draws a digit, the network answers, and the person says whether it is right."""

import streamlit as st

from dashboard.components.model_choice import choose_model
from dashboard.components.stored_drawings import render_counts, render_damaged_rows
from dashboard.draw.answer import render_answer, render_probabilities
from dashboard.draw.canvas import render_sheet
from dashboard.draw.collecting import render_verdict
from dashboard.draw.drawing import read
from dashboard.draw.learning import render_learning
from dashboard.draw.sight import render_picture, render_pixels, render_stages
from dashboard.session import state
from model import Classifier


def render() -> None:
    state.sync_url("lesson")
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Draw a digit", width="content", anchor=False)
        with st.container(key="model-place"):
            classifier = choose_model(label_visibility="collapsed")
    render_bench(classifier)
    render_damaged_rows()  # last, for it reads all drawings


@st.fragment
def render_bench(classifier: Classifier) -> None:
    """A stroke reruns this and nothing else; the answer comes first."""
    left, middle, right = st.columns([300, 330, 440], gap="medium")
    with left:
        found = read(render_sheet(), classifier)
    with middle:
        render_answer(found)
        with st.container(key="picture"):
            render_picture(found)
        with st.container(key="verdict"):
            render_verdict(found)
    with right:
        render_probabilities(found, classifier.classes)
        render_counts()
    render_learning(classifier)
    left, right = st.columns([380, 690], gap="medium")
    with left:
        render_pixels(found)
    with right:
        render_stages(found)
