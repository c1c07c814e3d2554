"""Thumbnails: many small images to choose among, with the mouse, a finger or the keys."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard.charts.thumbnails import Thumbnail, thumbnails_data
from dashboard.session import state

HERE = Path(__file__).parent
SHEET = st.components.v2.component(
    "thumbnails",
    html='<div class="grid" role="listbox" aria-multiselectable="true"></div>',
    css=(HERE / "thumbnails.css").read_text(encoding="utf-8"),
    js=(HERE / "thumbnails.js").read_text(encoding="utf-8"),
)


def render_thumbnails(
    thumbnails: Iterable[Thumbnail], chosen: Iterable[str], *, turn: str, title: str, key: str, on_change: Callable
) -> None:
    """The images; `chosen` are the ids of those that are so at first, in each turn: the browser goes on from there.

    What the browser says then is `chosen_thumbnails`.
    """
    data = {"turn": turn, "title": title, "chosen": list(chosen), "tiles": thumbnails_data(thumbnails, state.palette())}
    SHEET(key=key, data=data, on_chosen_change=on_change)


@dataclass(frozen=True)
class Chosen:
    """What the browser said last: the ids in the order they were chosen in, and of which turn."""

    turn: str
    ids: tuple[str, ...]


def chosen_thumbnails(key: str) -> Chosen:
    said = (state.widget(key) or {}).get("chosen") or {}
    return Chosen(str(said.get("turn", "")), tuple(map(str, said.get("ids", ()))))
