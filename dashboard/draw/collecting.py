"""Collecting: correct or not, which digit it was, one row in the file of drawings, and back again."""

from dataclasses import replace

import streamlit as st

from dashboard.access.actions import append_drawing, undo_drawing
from dashboard.access.decision import Refusal, is_reviewed
from dashboard.draw.canvas import new_sheet
from dashboard.draw.drawing import Reading, Saved
from dashboard.session import state
from dataset import DataError
from dataset.digits import DIGIT_CLASSES


def render_verdict(found: Reading | str) -> None:
    """The buttons under an answer, and what became of the last one.

    They carry the reading that is shown with them, so it is what they store, whatever has been drawn since.
    """
    if isinstance(found, str):
        render_buttons(None)
    elif found.classes != DIGIT_CLASSES:
        st.caption("This model does not read digits, so its answers are not collected.")
    elif found.sheet.asking:
        render_labels(found)
    else:
        render_buttons(found)
    render_saved()


def render_buttons(reading: Reading | None) -> None:
    blank, predicted = (True, 0) if reading is None else (False, reading.predicted)
    # of "this does not look like a digit" nobody could say what is correct about it
    yes, no = ("Correct", "Incorrect") if reading is None or reading.known else (f"It is {predicted}", "Another digit")
    with st.container(horizontal=True):
        st.button(
            yes,
            type="primary",
            icon=":material/check:",
            shortcut="Y",
            help="Keep the drawing with this digit",
            disabled=blank,
            on_click=save,
            args=(reading, predicted),
            width="stretch",
        )
        st.button(
            no,
            icon=":material/close:",
            shortcut="N",
            help="Say which digit it was",
            disabled=blank,
            on_click=ask,
            args=(True,),
            width="stretch",
        )


def render_labels(reading: Reading) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("Which digit is it?", width="content")
        st.button("Back", type="tertiary", icon=":material/arrow_back:", shortcut="Esc", on_click=ask, args=(False,))
    with st.container(key="labels"):
        for label, digit in enumerate(DIGIT_CLASSES):
            st.button(
                digit, key=f"label-{digit}", shortcut=digit, on_click=save, args=(reading, label), width="stretch"
            )


def render_saved() -> None:
    if not state.saved:
        return
    if state.saved.failed:
        st.error(state.saved.sentence)
        return
    if state.saved.refused:
        st.info(state.saved.sentence, icon=":material/hourglass_empty:")
        return
    with st.container(horizontal=True, vertical_alignment="center", key="saved"):
        st.markdown(state.saved.sentence, width="content")
        if state.saved.id:
            st.button("Undo this", key="undo-save", type="tertiary", icon=":material/undo:", on_click=undo)


def ask(asking: bool) -> None:
    state.sheet = replace(state.sheet, asking=asking)


def save(reading: Reading | None, label: int) -> None:
    """Appends the reading and takes a new sheet; a second click, or one after Clear, finds its sheet gone."""
    if reading is None or not reading.sheet.is_same(state.sheet):
        return
    try:
        row = append_drawing(
            reading.image,
            label,
            predicted=reading.predicted,
            confidence=reading.confidence,
            model=reading.model,
            session=state.session_id,
            source="uploaded" if reading.sheet.uploaded else "drawn",
            strokes=reading.strokes,
        )
    except Refusal as refusal:
        state.saved = Saved(str(refusal), refused=True)
        return
    except DataError as error:
        state.saved = Saved(str(error), failed=True)
        return
    later = " It counts once the owner has accepted it." if is_reviewed() else ""
    state.saved = Saved(f"Saved as {label}.{later}", row)
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
