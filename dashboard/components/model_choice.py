"""Model choice: which model answers, for a person to pick and for a link to carry."""

from typing import Literal

import streamlit as st

from dashboard.components import resources
from dashboard.session import SHIPPED, state
from experiments.runs.run import RunError
from model import Classifier
from model.checkpoint import CheckpointError


def choose_model(*, label_visibility: Literal["visible", "collapsed"] = "visible") -> Classifier:
    """Draws the select box; says so where the model that was asked for cannot be had and the shipped one stands in."""
    wanted = state.chosen_model()
    titles = resources.model_titles(wanted)
    try:
        classifier = resources.classifier(wanted)
    except (RunError, CheckpointError) as error:
        st.warning(f"{error} The shipped model answers instead.", icon=":material/info:")
        wanted, classifier = SHIPPED, resources.classifier(SHIPPED)
    state.set_widget("model", wanted)
    st.selectbox(
        "Model",
        list(titles),
        format_func=lambda choice: titles.get(choice, choice),
        key="model",
        label_visibility=label_visibility,
        on_change=lambda: state.choose_model(state.widget("model")),
        help="The network that answers. Those you trained are listed newest first, of a sweep the best and those with "
        "a star. The choice is part of the address.",
    )
    return classifier
