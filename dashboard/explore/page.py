"""The Explore page: what settings do. Runs side by side, sweeps, and experiments that are ready to run."""

from importlib import import_module

import streamlit as st

VIEW = "view"  # the widget's key, and the name in the address; a callback opens a view by setting it
VIEWS = {
    "Runs": "runs_view",
    "Sweeps": "sweeps_view",
    "Learning-rate test": "range_test_view",
    "Experiments": "guides_view",
}


def render() -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title("Explore settings", width="content", anchor=False)
        view = st.segmented_control(
            "View",
            list(VIEWS),
            default=next(iter(VIEWS)),
            required=True,
            key=VIEW,
            label_visibility="collapsed",
            bind="query-params",
            wrap=True,
        )
    # A view is imported when it is first opened: the others have nothing to do with the first paint.
    import_module(f"dashboard.explore.{VIEWS[view]}").render()
