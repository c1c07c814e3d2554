"""Places: the pages of the app, for its menu and for links from one to another."""

import streamlit as st

PAGES = {  # the path of each in the address: its title and icon; the first is shown where none is named
    "draw": ("Draw", ":material/draw:"),
    "train": ("Train", ":material/show_chart:"),
    "evaluate": ("Evaluate", ":material/grid_on:"),
    "explore": ("Explore", ":material/query_stats:"),
    "data": ("Data", ":material/photo_library:"),
}


def place(name: str) -> st.Page:
    """What st.page_link and st.switch_page take."""
    title, icon = PAGES[name]
    return st.Page(lambda: None, title=title, icon=icon, url_path=name, default=name == "draw")


def go_to(name: str) -> None:
    """Open a page from a button."""
    # with no address given, Streamlit refuses to leave one that widgets are bound to
    st.switch_page(place(name), query_params={})
