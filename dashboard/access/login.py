"""The login at the foot of every page, and who is logged in."""

import logging
from importlib.util import find_spec

import streamlit as st

from dashboard.access.connection import is_local
from dashboard.access.decision import is_owner, login_names
from dashboard.access.policy import PolicyError, read_policy

LOGGER = logging.getLogger(__name__)

WAY_TO_OWN = (
    "You are a visitor, because you opened this app from another computer or over a proxy. To be its owner, set up a "
    "login in the secrets of the app, open it on the computer that runs it, or, in a network that you trust, write "
    "`public = false` under `[digit_lab]` in the secrets (docs/sharing.md)."
)


def render_policy_error(error: PolicyError) -> None:
    """The mistake in the secrets, for the person at the computer of the server and in its log."""
    LOGGER.error("No page opens: %s", error)
    if is_local():
        st.error(str(error))
    else:
        st.error("The settings of this app contain a mistake, so no page opens. The server's log names it.")


def render_account() -> None:
    """Draws the button to log in or out.

    Without a login, a person who is a visitor only by default reads how to become the owner.
    """
    policy = read_policy()
    if policy.is_shared_by_default:
        st.caption(WAY_TO_OWN)
    if not policy.has_login:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="account"):
        if st.user.get("is_logged_in"):
            names = sorted(login_names(policy), key=lambda name: "#" in name)  # the e-mail address first
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
