"""The login at the foot of every page, and who is logged in."""

from importlib.util import find_spec

import streamlit as st

from dashboard.access.decision import is_owner, login_names
from dashboard.access.policy import read_policy


def render_account() -> None:
    """Draws the button to log in or out; nothing where the dashboard has no login."""
    policy = read_policy()
    if not policy.has_login:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="account"):
        if st.user.get("is_logged_in"):
            names = sorted(login_names(policy), key=lambda name: "@" not in name)  # the e-mail address first
            if is_owner():
                text = f"Logged in as {names[0]}. You may do everything here."
            else:
                text = f"Logged in as {', '.join(names) or 'a person without a name'}."
            st.text(text, width="content")
            st.button("Log out", type="tertiary", icon=":material/logout:", on_click=st.logout)
        elif find_spec("authlib") is None:
            st.caption("To log in, the package Authlib is missing here: pip install 'digit-lab[login]'.")
        else:
            st.caption(
                "Everybody may draw, correct, and train for a short time. The rest is for the owner.", width="content"
            )
            st.button("Log in", type="tertiary", icon=":material/login:", on_click=st.login)
