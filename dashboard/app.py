"""The dashboard: its pages and the frame around them.

Each page is a folder, and none is called `pages`: Streamlit would take that for its older kind of multipage app, and a
link to /train, opened first on a fresh server, would show nothing.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import streamlit as st

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # `streamlit run dashboard/app.py` puts only dashboard/ there
    sys.path.insert(0, str(HERE.parent))

from dashboard.access.login import render_account  # noqa: E402
from dashboard.access.policy import PolicyError, read_policy  # noqa: E402
from dashboard.navigation import PAGES  # noqa: E402
from dashboard.session import state  # noqa: E402


def page(name: str) -> Callable[[], None]:
    """A page is imported when it is first opened: the first paint does not wait for the others."""
    return lambda: import_module(f"dashboard.{name}.page").render()


st.set_page_config(page_title="Digit Lab", page_icon=HERE / "icon.png", layout="wide")
st.html(HERE / "style.css")
chosen = st.navigation(
    [
        st.Page(page(name), title=title, icon=icon, url_path=name, default=name == "draw")
        for name, (title, icon) in PAGES.items()
    ],
    position="top",
)
try:
    read_policy()
except PolicyError as error:  # a slip in the secrets opens nothing
    st.error(str(error))
    st.stop()
state.sync_url("model", "run")
chosen.run()
render_account()
