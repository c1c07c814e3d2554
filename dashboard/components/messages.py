"""Messages: expected errors and refusals as sentences on the page, where they happened."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.access.decision import Action, Refusal, refusal_of
from dashboard.components.plain_text import plain_text
from model.errors import DigitLabError

EXPECTED = (DigitLabError, OSError)


@contextmanager
def errors_as_text(before: str = "") -> Iterator[None]:
    """Show an expected error in this block as a sentence, with `before` in front of it."""
    try:
        yield
    except Refusal as refusal:
        st.info(plain_text(str(refusal)), icon=":material/lock:")
    except EXPECTED as error:
        st.error(before + plain_text(str(error)))


def is_refused(action: Action) -> bool:
    """Whether this person may not do this; if so, a caption says why."""
    if refusal := refusal_of(action):
        st.caption(f":material/lock: {refusal}")
    return refusal is not None
