"""The buttons under an answer: correct, or which digit it was; the drawing is stored, or undone."""

from dataclasses import replace

import streamlit as st

from dashboard.access.actions import append_drawing, take_back_drawings, undo_drawing
from dashboard.access.decision import is_owner, is_reviewed
from dashboard.access.limits import Refusal
from dashboard.access.policy import read_policy
from dashboard.access.visibility import count_own_drawings
from dashboard.components.messages import EXPECTED, error_text
from dashboard.draw.answer import Reading
from dashboard.draw.state import Saved, page_state
from dataset.digits import DIGIT_CLASSES
from experiments.formats import count

TAKE_BACK_HELP = "They are erased for ever: pixels, strokes and all that is stored with them."


def render_verdict(reading: Reading | str) -> None:
    """The buttons, and the result of the last click.

    Each button stores the reading that is shown with it, also after more was drawn.
    """
    if isinstance(reading, str):
        _render_buttons(None)
    elif reading.classes != DIGIT_CLASSES:
        st.caption("This model does not read digits, so its answers are not collected.")
    elif reading.sheet.asks_digit:
        _render_digits(reading)
    else:
        _render_buttons(reading)
    _render_saved()


def _render_buttons(reading: Reading | None) -> None:
    blank, predicted = (True, 0) if reading is None else (False, reading.predicted)
    # of "this does not look like a digit" nobody could say that it is correct
    known = reading is None or reading.known
    yes, no = ("Correct", "Incorrect") if known else (f"It is {predicted}", "Another digit")
    with st.container(horizontal=True):
        st.button(
            yes,
            type="primary",
            icon=":material/check:",
            shortcut="Y",
            help="Store the drawing with this digit",
            disabled=blank,
            on_click=_save,
            args=(reading, predicted),
            width="stretch",
        )
        st.button(
            no,
            icon=":material/close:",
            shortcut="N",
            help="Choose which digit it was",
            disabled=blank,
            on_click=_ask_digit,
            args=(True,),
            width="stretch",
        )


def _render_digits(reading: Reading) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown("Which digit is it?", width="content")
        st.button(
            "Back", type="tertiary", icon=":material/arrow_back:", shortcut="Esc", on_click=_ask_digit, args=(False,)
        )
    with st.container(key="labels"):
        for label, digit in enumerate(DIGIT_CLASSES):
            st.button(
                digit, key=f"label-{digit}", shortcut=digit, on_click=_save, args=(reading, label), width="stretch"
            )


def _render_saved() -> None:
    saved = page_state.saved
    if not saved:
        return
    text = error_text(saved.sentence)
    if saved.kind == "failed":
        st.error(text)
    elif saved.kind == "refused":
        st.info(text, icon=":material/hourglass_empty:")
    else:
        with st.container(horizontal=True, vertical_alignment="center", key="saved"):
            st.markdown(text, width="content")
            if saved.id:
                st.button("Undo this", key="undo-save", type="tertiary", icon=":material/undo:", on_click=_undo)


def render_privacy() -> None:
    """One sentence that says which data are stored and for how long, and a visitor's way back."""
    limits = read_policy().settings
    if is_owner():
        end = "until you delete it"
    else:
        end = "until you take it back or the owner deletes it"
        if limits.retention_days:
            end += f", for {count(limits.retention_days, 'day')} at most"
    with st.container(key="privacy", gap="xxsmall"):
        st.caption(
            "A drawing is stored only when you confirm or correct its answer: the pixels, the strokes, the answer, the "
            f"model, the time and a random number for this visit, {end}."
        )
        if mine := 0 if is_owner() else count_own_drawings():
            label = f"Take back my {count(mine, 'drawing')} of this visit"
            st.button(label, icon=":material/undo:", type="tertiary", on_click=_take_back, help=TAKE_BACK_HELP)


def _take_back() -> None:
    try:
        erased = take_back_drawings()
    except EXPECTED as error:
        page_state.saved = Saved(str(error), kind="failed")
        return
    page_state.saved = Saved(f"{count(erased, 'drawing')} of this visit erased.")


def _ask_digit(asks: bool) -> None:
    page_state.sheet = replace(page_state.sheet, asks_digit=asks)


def _save(reading: Reading | None, label: int) -> None:
    """Store the reading and take a new sheet, so that a second click does nothing."""
    if reading is None or not reading.sheet.is_same(page_state.sheet):
        return
    try:
        row = append_drawing(
            reading.image,
            label,
            predicted=reading.predicted,
            confidence=reading.confidence,
            model=reading.model,
            source="uploaded" if reading.sheet.is_upload else "drawn",
            strokes=reading.strokes,
        )
    except EXPECTED as error:
        page_state.saved = Saved(str(error), kind="refused" if isinstance(error, Refusal) else "failed")
        return
    review = " It counts once the owner has accepted it." if is_reviewed() else ""
    page_state.saved = Saved(f"Saved as {label}.{review}", row)
    page_state.take_new_sheet()


def _undo() -> None:
    saved, page_state.saved = page_state.saved, None
    if not saved or not saved.id:
        return
    try:
        undone = undo_drawing(saved.id)
    except EXPECTED as error:
        page_state.saved = Saved(str(error), kind="failed")
        return
    page_state.saved = Saved("The last drawing was removed." if undone else "That drawing was removed before.")
