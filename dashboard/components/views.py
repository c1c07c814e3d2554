"""Views: a page of several, of which one is shown and the address names it."""

from importlib import import_module

import streamlit as st


def render_views(title: str, views: dict[str, str], *, key: str, package: str) -> None:
    """The title, the choice beside it, and the view. `views`: what each is called, and its module with `render()`.

    `key` is the widget's, and the name in the address; a callback opens a view by setting it.
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
    # A view is imported when it is first opened: the others have nothing to do with the first paint.
    import_module(f"{package}.{views[view]}").render()
