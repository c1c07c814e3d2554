"""Places: the pages of the app, for its menu and for links from one to another."""

import streamlit as st

PAGES = {  # the path of each in the address: its title and icon; the first is shown where none is named
    "draw": ("Draw", ":material/draw:"),
    "train": ("Train", ":material/show_chart:"),
    "evaluate": ("Evaluate", ":material/grid_on:"),
    "explore": ("Explore", ":material/query_stats:"),
}


def place(name: str) -> st.Page:
    """What st.page_link and st.switch_page take."""
    title, icon = PAGES[name]
    return st.Page(lambda: None, title=title, icon=icon, url_path=name, default=name == "draw")
