"""Model choice: the model that answers, chosen by a person or by a link."""

from typing import Literal

import streamlit as st

from dashboard.components import resources
from dashboard.components.messages import error_text
from dashboard.session import SHIPPED, state
from experiments.runs.run import RunError
from model import Classifier
from model.checkpoint import CheckpointError


def choose_model(*, label_visibility: Literal["visible", "collapsed"] = "visible") -> Classifier:
    """Draw the select box -> the model; the shipped one, with a warning, if it is missing."""
    wanted = state.chosen_model()
    titles = resources.model_titles(wanted)
    try:
        classifier = resources.classifier(wanted)
    except (RunError, CheckpointError) as error:
        st.warning(f"{error_text(error)} The shipped model answers instead.", icon=":material/info:")
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
