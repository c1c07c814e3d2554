"""The dashboard: its pages and the frame around them.

No folder of it may be called `pages`: Streamlit would take that for its older kind of multipage
app, and a link to /train, opened first on a fresh server, would show nothing.
"""

import sys
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # `streamlit run dashboard/app.py` puts only dashboard/ there
    sys.path.insert(0, str(HERE.parent))

from dashboard.access.apology import install_apology  # noqa: E402
from dashboard.access.login import render_account, render_policy_error  # noqa: E402
from dashboard.access.policy import PolicyError, read_policy  # noqa: E402
from dashboard.access.startup import (  # noqa: E402
    empty_trash_hourly,
    erase_expired_hourly,
    remove_leftovers_once,
    remove_undecided_hourly,
)
from dashboard.components.chart import render_touch_support  # noqa: E402
from dashboard.navigation import place  # noqa: E402
from dashboard.session import state  # noqa: E402

# Each function imports its page when it is first opened: the first paint waits for no other page.


def draw() -> None:
    """The Draw page."""
    from dashboard.draw.page import render

    render()


def train() -> None:
    """The Train page."""
    from dashboard.train.page import render

    render()


def evaluate() -> None:
    """The Evaluate page."""
    from dashboard.evaluate.page import render

    render()


def explore() -> None:
    """The Explore page."""
    from dashboard.explore.page import render

    render()


def data() -> None:
    """The Data page."""
    from dashboard.data.page import render

    render()


def main() -> None:
    """Draw the menu, the page that is open, and the login."""
    install_apology()
    st.set_page_config(page_title="Digit Lab", page_icon=HERE / "icon.png", layout="wide")
    st.html(HERE / "style.css")
    remove_leftovers_once()
    remove_undecided_hourly()
    empty_trash_hourly()
    pages = {"draw": draw, "train": train, "evaluate": evaluate, "explore": explore, "data": data}
    page = st.navigation([place(name, render) for name, render in pages.items()], position="top")
    try:
        read_policy()
    except PolicyError as error:  # with a mistake in the secrets no page opens
        render_policy_error(error)
        st.stop()
    erase_expired_hourly()
    state.sync_url("model", "run")
    page.run()
    render_account()
    render_touch_support()


if __name__ == "__main__":
    main()
