"""The Space view: how much of the disk each part of the data takes, and removal of some parts."""

import pandas as pd
import streamlit as st

from dashboard.access.actions import remove_part
from dashboard.access.decision import Action
from dashboard.components.messages import EXPECTED, errors_as_text, is_refused
from dashboard.components.plain_text import plain_text
from dashboard.data.state import page_state
from experiments.formats import count, size
from experiments.space import Part, measure_space


def render() -> None:
    """Draw the view."""
    if is_refused(Action.SPACE):
        return
    with errors_as_text():
        parts = measure_space()
        st.caption(
            f"Everything that is stored takes {size(sum(part.bytes for part in parts))}. Runs and sweeps stay in the "
            "trash for 30 days after they were deleted; those with a name, a note or a star stay for ever."
        )
        _render_table(parts)
        _render_buttons([part for part in parts if part.can_go])


def _render_table(parts: list[Part]) -> None:
    rows = {
        "Part": [part.name.capitalize() for part in parts],
        "Size": [size(part.bytes) for part in parts],
        "Files": [f"{part.files:,}" for part in parts],
        "Content": [part.purpose[:1].upper() + part.purpose[1:] for part in parts],
    }
    st.table(pd.DataFrame(rows).set_index("Part"))  # its long cells wrap, also on a phone


def _render_buttons(parts: list[Part]) -> None:
    """A button for each part that can go; a second one inside it removes the part."""
    with st.container(horizontal=True, vertical_alignment="center", key="space-buttons"):
        for part in parts:
            with st.popover(f"Remove {part.name}", icon=":material/delete:", disabled=not part.files):
                st.markdown(f"{count(part.files, 'file')}, {size(part.bytes)}: {part.purpose}.")
                st.button(
                    "Remove for good", key=f"remove-{part.name}", type="primary", on_click=_remove, args=(part.name,)
                )
    if page_state.freed:
        st.markdown(plain_text(page_state.freed))


def _remove(name: str) -> None:
    """Remove a part. Callback."""
    try:
        freed = remove_part(name)
        page_state.freed = f"{size(freed)} of {name} were removed."
    except EXPECTED as error:
        page_state.freed = str(error)
