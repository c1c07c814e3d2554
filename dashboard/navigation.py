"""Navigation: the pages of the app, for its menu and for links from one page to another."""

from collections.abc import Callable

import streamlit as st
from streamlit.navigation.page import StreamlitPage

PAGES = {  # path in the address -> title and icon; the first is shown where the address names none
    "draw": ("Draw", ":material/draw:"),
    "train": ("Train", ":material/show_chart:"),
    "evaluate": ("Evaluate", ":material/grid_on:"),
    "explore": ("Explore", ":material/query_stats:"),
    "data": ("Data", ":material/photo_library:"),
}


def place(name: str, render: Callable[[], None] = lambda: None) -> StreamlitPage:
    """The page for st.navigation, which draws it, and for st.page_link and st.switch_page."""
    title, icon = PAGES[name]
    return st.Page(render, title=title, icon=icon, url_path=name, default=name == "draw")


def go_to(name: str) -> None:
    """Open a page from a button."""
    # with no address given, Streamlit refuses to leave one that widgets are bound to
    st.switch_page(place(name), query_params={})
