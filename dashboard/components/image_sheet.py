"""Image sheets: pages of small images with notes, to look at or to select."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from dashboard.charts.images import Thumbnail, Tile, image_sheet, thumbnails_data
from dashboard.session import state
from model.arrays import Integers

HERE = Path(__file__).parent
SELECTABLE = st.components.v2.component(
    "thumbnails",
    html='<div class="grid" role="listbox" aria-multiselectable="true"></div>',
    css=(HERE / "image_sheet.css").read_text(encoding="utf-8"),
    js=(HERE / "image_sheet.js").read_text(encoding="utf-8"),
)


@dataclass(frozen=True)
class Selection:
    """The ids selected in the browser, in that order, and the turn of the sheet."""

    turn: str
    ids: tuple[str, ...]


def render_tiles(rows: Integers, tile_of: Callable[[int], Tile], *, key: str, count: int) -> None:
    """Show a tile for each row, `count` on a page, with the page numbers above."""
    page = st.pagination(max(1, -(-len(rows) // count)), key=f"page-{key}")
    st.html(image_sheet([tile_of(row) for row in rows[(page - 1) * count : page * count]], state.palette()))


def render_selectable(
    tiles: Iterable[Thumbnail],
    selected: Iterable[str],
    *,
    turn: str,
    title: str,
    key: str,
    on_change: Callable[[], None],
) -> None:
    """Show images to select. `selected` are the ids selected at the start of each new turn.

    Within a turn the browser holds the selection; `selection` returns it.
    """
    data = {"turn": turn, "title": title, "chosen": list(selected), "tiles": thumbnails_data(tiles, state.palette())}
    SELECTABLE(key=key, data=data, on_chosen_change=on_change)


def selection(key: str) -> Selection:
    """The latest selection that the browser reported for the sheet with this key."""
    reported = (state.widget(key) or {}).get("chosen") or {}
    return Selection(str(reported.get("turn", "")), tuple(map(str, reported.get("ids", ()))))
