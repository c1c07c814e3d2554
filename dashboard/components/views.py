"""Views: a page with several views, of which the address names the one that is shown."""

from collections.abc import Callable, Mapping

import streamlit as st


def render_views(title: str, views: Mapping[str, Callable[[], None]], *, key: str) -> None:
    """Draw the title, the choice of the view next to it, and the chosen view.

    `views` are functions that import their modules themselves, so that the first paint does not
    wait for the other views. `key` is that of the widget and the name in the address.
    """
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
        st.title(title, width="content", anchor=False)
        view = st.segmented_control(
            key.capitalize(),
            list(views),
            default=next(iter(views)),
            required=True,
            key=key,
            label_visibility="collapsed",
            bind="query-params",
            wrap=True,
        )
    views[view]()
