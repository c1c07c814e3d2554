"""The Draw page: a person draws a digit, the network answers, and the person says whether it is right."""

import streamlit as st

from dashboard.answer import render_answer, render_probabilities
from dashboard.canvas import render_sheet
from dashboard.collected import render_counts, render_damage
from dashboard.collecting import render_verdict
from dashboard.drawing import read
from dashboard.model_choice import choose_model
from dashboard.sight import render_sight, render_stages
from model import Classifier


def render() -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Draw a digit", width="content", anchor=False)
        with st.container(key="model-place"):
            classifier = choose_model(label_visibility="collapsed")
    render_bench(classifier)
    render_damage()  # last, for it reads all drawings


@st.fragment
def render_bench(classifier: Classifier) -> None:
    """A stroke reruns this and nothing else; the answer comes first."""
    left, middle, right = st.columns([300, 330, 440], gap="medium")
    with left:
        found = read(render_sheet(), classifier)
    with middle:
        render_answer(found)
        render_verdict(found)
    with right:
        render_probabilities(found, classifier.classes)
        render_counts()
    render_sight(found)
    render_stages(found)
