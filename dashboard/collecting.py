"""Collecting: correct or not, which digit it was, one row in the file of drawings, and back again."""

from dataclasses import replace

import streamlit as st

from dashboard.canvas import new_sheet
from dashboard.drawing import Reading, Saved
from dashboard.state import state
from dataset import DataError
from dataset.drawings import append_drawing, undo_drawing

DIGITS = tuple("0123456789")


def render_verdict(reading: Reading | None) -> None:
    """The buttons under an answer. What they store is the reading that is shown, and it is stored once."""
    state.reading = reading
    if reading is not None and reading.classes != DIGITS:
        st.caption("This model does not read digits, so its answers are not collected.")
    elif reading is not None and state.sheet.asking:
        render_labels()
    else:
        with st.container(horizontal=True):
            label, blank = (0 if reading is None else reading.predicted), reading is None
            st.button("Correct", type="primary", icon=":material/check:", shortcut="Y", disabled=blank,
                      on_click=save, args=(label,), width="stretch", help="Keep the drawing with this digit")  # fmt: skip
            st.button("Incorrect", icon=":material/close:", shortcut="N", disabled=blank,
                      on_click=ask, args=(True,), width="stretch", help="Say which digit it was")  # fmt: skip
    render_saved()


def render_labels() -> None:
    st.markdown("Which digit is it? Click it or press its key.")
    with st.container(key="labels"):
        for label, digit in enumerate(DIGITS):
            st.button(digit, key=f"label-{digit}", shortcut=digit, on_click=save, args=(label,), width="stretch")
    st.button("Back", type="tertiary", icon=":material/arrow_back:", shortcut="Esc", on_click=ask, args=(False,))


def render_saved() -> None:
    if not state.saved:
        return
    if state.saved.failed:
        st.error(state.saved.sentence)
        return
    with st.container(horizontal=True, vertical_alignment="center", key="saved"):
        st.markdown(state.saved.sentence, width="content")
        if state.saved.id:
            st.button("Undo", key="undo-save", type="tertiary", icon=":material/undo:", on_click=undo)


def ask(asking: bool) -> None:
    state.sheet = replace(state.sheet, asking=asking)


def save(label: int) -> None:
    """Appends the shown reading; a second click, or one after Clear, finds none."""
    reading, state.reading = state.reading, None
    if reading is None:
        return
    try:
        row = append_drawing(
            reading.image,
            label,
            predicted=reading.predicted,
            confidence=reading.confidence,
            model=reading.model,
            session=state.session_id,
            source="uploaded" if reading.uploaded else "drawn",
        )
    except DataError as error:
        state.saved = Saved(str(error), failed=True)
        return
    state.saved = Saved(f"Saved as {label}.", row)
    new_sheet()


def undo() -> None:
    saved, state.saved = state.saved, None
    if not saved or not saved.id:
        return
    try:
        found = undo_drawing(saved.id)
    except DataError as error:
        state.saved = Saved(str(error), failed=True)
        return
    state.saved = Saved("The last drawing is no longer kept." if found else "That drawing was already gone.")
