"""Messages: expected errors and refusals as sentences on the page, where they happened."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.access.decision import Action, refusal_of
from dashboard.access.limits import Refusal
from dashboard.access.visibility import visible_text
from dashboard.components.plain_text import plain_text
from model.errors import DigitLabError

EXPECTED = (DigitLabError, OSError)


def error_text(error: object) -> str:
    """An error, or the reason of one, as Markdown for this person: visitors see no folders."""
    return plain_text(visible_text(error))


@contextmanager
def errors_as_text(before: str = "") -> Iterator[None]:
    """Show an expected error in this block as a sentence, with `before` in front of it."""
    try:
        yield
    except Refusal as refusal:
        st.info(error_text(refusal), icon=":material/lock:")
    except EXPECTED as error:
        st.error(before + error_text(error))


def is_refused(action: Action) -> bool:
    """Whether this person may not do this; if so, a caption says why."""
    if refusal := refusal_of(action):
        st.caption(f":material/lock: {refusal}")
    return refusal is not None
