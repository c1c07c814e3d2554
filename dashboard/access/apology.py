"""Apology: the text that a visitor sees after an unexpected error, without a traceback or path."""

import logging
from uuid import uuid4

import streamlit as st
from streamlit import error_util

from dashboard.access.decision import is_owner
from model.errors import DigitLabError

LOGGER = logging.getLogger(__name__)


def install_apology() -> None:
    """Show unexpected errors of the page, of its fragments and of its callbacks with `show_error`.

    Streamlit has no setting for this: it calls this one function for all three.
    `client.showErrorDetails = "none"` in .streamlit/config.toml hides the details of other errors.
    """
    error_util.show_uncaught_app_exception = show_error


def show_error(ex: BaseException) -> None:
    """Show the traceback to an owner. A visitor reads an apology with a number.

    The server's log has the same number together with the traceback.
    """
    try:
        trusted = is_owner()
    except DigitLabError:  # the secrets cannot be read
        trusted = False
    if trusted:
        st.exception(ex)
        return
    number = uuid4().hex[:8].upper()
    LOGGER.error("Error %s", number, exc_info=ex)
    st.error(
        f"Something went wrong here, and we are sorry. Your drawings and runs are not affected. Reload the page. If it "
        f"happens again, tell the owner of the app this number: {number}.",
        icon=":material/error:",
    )
