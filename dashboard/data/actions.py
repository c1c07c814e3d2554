"""Actions: relabel, set aside, restore and delete what is chosen, and take that back."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from dashboard.access.decision import Action, allowed
from dashboard.access.drawings import edit_drawings, undo_change
from dashboard.data.state import page_state
from dataset import DataError
from dataset.drawings.log import Change

HINT = "Click drawings to choose them, or drag over some. By keys: arrows and Space."


def render_actions(ids: Sequence[str], shown: Sequence[str], states: set[str]) -> None:
    """For the drawings `ids`, which have these states; `shown` are all that could be chosen."""
    none = not ids
    refusal = allowed(Action.EDIT)
    with st.container(key="drawing-actions", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", key="drawing-outcome"):
            st.markdown(f"**{len(ids):,} chosen**", width="content")
            st.button(
                f"All {len(shown):,}",
                key="choose-all",
                type="tertiary",
                help="On all pages",
                disabled=len(ids) == len(shown),
                on_click=page_state.select,
                args=(shown,),
            )
            st.button("None", key="choose-none", type="tertiary", disabled=none, on_click=page_state.select, args=((),))
            render_outcome()
        if refusal:
            st.caption(f":material/lock: {refusal}")
            return
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(key="drawing-labels", width="content"):
                st.markdown("It is a")
                for digit in range(10):
                    verb(str(digit), shown, shortcut=str(digit), disabled=none, to={"label": digit})
            with st.container(horizontal=True, width="content", key="drawing-verbs"):
                verb(
                    "Set aside",
                    shown,
                    icon=":material/inventory_2:",
                    help="Kept, but neither trained nor tested with",
                    disabled=none or states == {"set aside"},
                    to={"state": "set aside"},
                )
                accept = "waiting" in states
                verb(
                    "Accept" if accept else "Restore",
                    shown,
                    icon=":material/check:" if accept else ":material/restore_from_trash:",
                    help="Use them, for training and testing",
                    disabled=not states - {"kept"},
                    to={"state": "kept"},
                )
                verb(
                    "Delete",
                    shown,
                    icon=":material/delete:",
                    shortcut="Delete",
                    disabled=none or states == {"deleted"},
                    to={"state": "deleted"},
                )


def verb(name: str, shown: Sequence[str], *, to: dict[str, Any], **options: Any) -> None:
    """A button that makes those so that are chosen among these."""
    key = "-".join(map(str, ("to", *to.values())))
    st.button(name, key=key, on_click=edit, args=(shown, to), **options)


def render_outcome() -> None:
    """What the last action did, and the way back; before there was one, how to begin."""
    said, number = page_state.outcome
    if said:
        st.markdown(said, width="content")
    else:
        st.caption(HINT, width="content")
    if number is not None:
        st.button("Undo", key="undo-edit", type="tertiary", icon=":material/undo:", on_click=take_back, args=(number,))


def edit(shown: Sequence[str], to: dict[str, Any]) -> None:
    ids = page_state.selected_among(shown)  # now: one may have been chosen since the button was drawn
    tell(lambda: edit_drawings(ids, **to), "There was nothing to change.")
    page_state.select(())


def take_back(number: int) -> None:
    tell(lambda: undo_change(number), "They have been changed again since.", undone=True)


def tell(act: Callable[[], Change | None], nothing: str, *, undone: bool = False) -> None:
    """Do it, and say what came of it."""
    try:
        change = act()
    except (DataError, OSError) as error:
        page_state.outcome = f":material/error: {error}", None
        return
    if change is None:
        page_state.outcome = nothing, None
    elif undone:
        page_state.outcome = f"Taken back for {counted(len(change.ids))}.", None
    else:
        page_state.outcome = f"{counted(len(change.ids))} {change.action}.", change.number


def counted(number: int, what: str = "drawing") -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
