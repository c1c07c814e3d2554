"""Edits: buttons that change the selected drawings, the outcome of the last edit, and Undo."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard.access.actions import edit_drawings, undo_change
from dashboard.access.decision import Action
from dashboard.components.messages import EXPECTED, is_refused
from dashboard.data.state import page_state
from dataset.drawings.log import Change
from experiments.formats import count

HINT = "Click drawings to select them, or drag over some. With the keyboard: arrow keys and Space."


def render_edits(ids: Sequence[str], shown: Sequence[str], states: set[str]) -> None:
    """Buttons for the selected drawings `ids`, with these states, among all that are shown."""
    none, select = not ids, page_state.select
    with st.container(key="drawing-actions", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", key="drawing-outcome"):
            st.markdown(f"**{len(ids):,} selected**", width="content")
            every: dict[str, Any] = {"help": "On all pages", "disabled": len(ids) == len(shown), "type": "tertiary"}
            st.button(f"All {len(shown):,}", key="select-all", on_click=select, args=(shown,), **every)
            st.button("None", key="select-none", type="tertiary", disabled=none, on_click=select, args=((),))
            render_outcome()
        if is_refused(Action.EDIT):
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(key="drawing-labels", width="content"):
                st.markdown("It is a")
                for digit in range(10):
                    _edit_button(str(digit), shown, {"label": digit}, shortcut=str(digit), disabled=none)
            with st.container(horizontal=True, width="content", key="drawing-verbs"):
                _edit_button(
                    "Set aside",
                    shown,
                    {"state": "set aside"},
                    icon=":material/inventory_2:",
                    help="It stays here, but is used neither for training nor for testing.",
                    disabled=none or states == {"set aside"},
                )
                waiting = "waiting" in states
                _edit_button(
                    "Accept" if waiting else "Restore",
                    shown,
                    {"state": "kept"},
                    icon=":material/check:" if waiting else ":material/restore_from_trash:",
                    help="Use it for training and testing.",
                    disabled=not states - {"kept"},
                )
                _edit_button(
                    "Delete",
                    shown,
                    {"state": "deleted"},
                    icon=":material/delete:",
                    shortcut="Delete",
                    disabled=none or states == {"deleted"},
                )


def _edit_button(label: str, shown: Sequence[str], change: dict[str, Any], **options: Any) -> None:
    """Button that applies the change to the selected drawings."""

    def edit() -> None:
        ids = page_state.selected_among(shown)  # now: the selection may have grown since the button was drawn
        apply_change(lambda: edit_drawings(ids, **change), "There was nothing to change.")
        page_state.select(())

    st.button(label, key="-".join(map(str, ("to", *change.values()))), on_click=edit, **options)


def render_outcome() -> None:
    """The outcome of the last edit with Undo; before the first edit, a hint."""
    text, number = page_state.outcome
    if text:
        st.markdown(text, width="content")
    else:
        st.caption(HINT, width="content")
    if number is not None:
        st.button("Undo", key="undo-edit", type="tertiary", icon=":material/undo:", on_click=undo, args=(number,))


def undo(number: int) -> None:
    """Undo the change with this number."""
    apply_change(lambda: undo_change(number), "They have been changed again since.", undone=True)


def apply_change(act: Callable[[], Change | None], nothing: str, *, undone: bool = False) -> None:
    """Make a change and store its outcome; `nothing` is the outcome if there was none to make."""
    try:
        change = act()
    except EXPECTED as error:
        page_state.outcome = f":material/error: {error}", None
        return
    if change is None:
        page_state.outcome = nothing, None
    elif undone:
        page_state.outcome = f"Undone for {count(len(change.ids), 'drawing')}.", None
    else:
        page_state.outcome = f"{count(len(change.ids), 'drawing')} {change.action}.", change.number
