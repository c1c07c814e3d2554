"""Account: who is logged in, at the foot of every page of a dashboard with a login."""

from importlib.util import find_spec

import streamlit as st

from dashboard.access.decision import is_owner, names
from dashboard.access.policy import sharing


def render_account() -> None:
    said = sharing()
    if not said.has_login:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="account"):
        if st.user.get("is_logged_in"):
            known = sorted(names(said), key=lambda name: "@" not in name)  # the e-mail address first
            who = known[0] if known else "without a name"
            st.caption(
                f"Logged in as {who}. Everything is yours." if is_owner() else f"Logged in as {', '.join(known)}.",
                width="content",
            )
            st.button("Log out", type="tertiary", icon=":material/logout:", on_click=st.logout)
        elif find_spec("authlib") is None:
            st.caption("To log in, the package Authlib is missing here: pip install 'digit-lab[login]'.")
        else:
            st.caption("Anybody may draw, correct and train for a while; the rest is the owner's.", width="content")
            st.button("Log in", type="tertiary", icon=":material/login:", on_click=st.login)
