"""The Train page: set up a run on the left, watch it learn on the right."""

import streamlit as st

from dashboard.access.visibility import open_run
from dashboard.components.chart import render_chart
from dashboard.components.messages import errors_as_text
from dashboard.session import state
from dashboard.train.new_run import PLAN, render_new_run
from dashboard.train.run_view import render_run, render_run_list


def render() -> None:
    """Draw the page."""
    st.title("Train a network", anchor=False)
    shown = state.shown_run()
    # On a phone one column is below the other, and style.css puts a run that is shown first.
    with st.container(key="train-with-run" if shown else "train"):
        settings, view = st.columns([3, 7], gap="medium")
    with settings:
        plan = render_new_run()
    with view:
        render_run_list(shown)
        if shown:
            with errors_as_text():
                render_run(open_run(shown))
            return
        st.info("Choose a preset and press Start fresh: the curves of loss and accuracy grow here while it learns.")
        if plan is not None:
            render_chart(plan, alt=PLAN)
