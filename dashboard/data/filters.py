"""Filters: which drawings are shown and in which order. The address carries all of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import streamlit as st

from dashboard.data.state import page_state
from dashboard.session import state
from dataset import Drawings
from model.arrays import Floats, Integers

PAGE = "page"
NEWEST, OLDEST, SURPRISE = "Newest", "Oldest", "Surprise"
ANSWERS = ("Right", "Wrong", "Not asked")  # the answer of the network when the drawing was made
SOURCES = {"Drawn": "drawn", "Uploaded": "uploaded", "Imported": "imported"}
STATES = {"In use": "kept", "Waiting": "waiting", "Set aside": "set aside", "Deleted": "deleted"}
LISTS: dict[str, Iterable[int | str]] = {
    "digit": range(10),
    "answer": ANSWERS,
    "source": tuple(SOURCES),
    "state": tuple(STATES),
}
DATES = ("from", "until")
NEAR_DUPLICATES = "doubles"


@dataclass(frozen=True)
class DrawingFilter:
    """The drawings to show. An empty tuple filters nothing but deleted drawings."""

    digits: tuple[int, ...] = ()
    answers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    near_duplicates: bool = False
    order: str = NEWEST
    zone: str = field(default="UTC", compare=False)

    @property
    def hidden_text(self) -> str:
        """The filters inside the closed box, as text."""
        parts = [" or ".join(names).lower() for names in (self.answers, self.sources, self.states) if names]
        parts += [f"{word} {day}" for word, day in zip(DATES, (self.first, self.last), strict=True) if day]
        return ", ".join([*parts, *(["near-duplicates"] if self.near_duplicates else [])])

    def rows(self, drawings: Drawings, surprise: Floats | None) -> Integers:
        """The rows of the drawings that pass, in the order of display.

        `surprise` (n,) is needed only to sort by it.
        """
        labels, known = drawings.digits.labels, drawings.predicted >= 0
        right = drawings.predicted == labels
        states = [STATES[name] for name in self.states] or [name for name in STATES.values() if name != "deleted"]
        wanted = np.isin(drawings.state, states)
        if self.digits:
            wanted &= np.isin(labels, self.digits)
        if self.answers:
            by_answer = dict(zip(ANSWERS, (known & right, known & ~right, ~known), strict=True))
            wanted &= np.logical_or.reduce([by_answer[name] for name in self.answers])
        if self.sources:
            wanted &= np.isin(drawings.source, [SOURCES[name] for name in self.sources])
        if self.first:
            wanted &= drawings.time >= _start_of(self.first, self.zone)
        if self.last:
            wanted &= drawings.time < _start_of(self.last + timedelta(days=1), self.zone)
        if self.near_duplicates:
            wanted &= drawings.duplicate_of != ""
        rows = np.flatnonzero(wanted)
        if self.order == SURPRISE and surprise is not None:
            return rows[np.argsort(-surprise[rows], kind="stable")]
        return rows if self.order == OLDEST else rows[::-1]


def zone_of(name: str | None) -> tzinfo:
    """The time zone with this name; UTC if it is unknown."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _start_of(day: date, zone: str) -> str:
    """The start of a day in this time zone, in the format of the times of drawings."""
    return datetime.combine(day, time(), zone_of(zone)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render_filter() -> DrawingFilter:
    """Draw the widgets -> the filter. Digits and order are always visible, the rest is in a box."""
    with st.container(horizontal=True, vertical_alignment="center", key="drawing-choice"):
        _pills("Digits", "digit", label_visibility="collapsed")
        with st.popover("Filter", icon=":material/filter_alt:"):
            _pills("Answer of the network when it was drawn", "answer")
            _pills("Source", "source")
            _pills("State", "state")
            bound: dict[str, Any] = {"bind": "query-params", "on_change": to_first_page}
            with st.container(horizontal=True):
                for key in DATES:
                    st.date_input(key.capitalize(), value=None, key=key, width=150, **bound)
            st.toggle("Only near-duplicates of other drawings", key=NEAR_DUPLICATES, **bound)
            hidden = current_filter().hidden_text
            st.button("Show all", icon=":material/filter_alt_off:", on_click=show_all, disabled=not hidden)
        st.segmented_control(
            "Order",
            [NEWEST, OLDEST, SURPRISE],
            default=NEWEST,
            required=True,
            key="order",
            label_visibility="collapsed",
            help="Surprise: -ln of the probability that the model gives to the label. It is high where a drawing is "
            "hard to read or its label is wrong.",
            **bound,
        )
        if hidden:
            st.caption(f"Only {hidden}", width="content")
    return current_filter()


def _pills(label: str, key: str, **options: Any) -> None:
    options |= {"selection_mode": "multi", "bind": "query-params"}
    st.pills(label, LISTS[key], key=key, format_func=str, on_change=to_first_page, wrap=True, **options)


def current_filter() -> DrawingFilter:
    """The filter that the widgets show."""
    digits, answers, sources, states = (tuple(state.widget(key) or ()) for key in LISTS)
    first, last = (state.widget(key) for key in DATES)
    order, near_duplicates = state.widget("order") or NEWEST, bool(state.widget(NEAR_DUPLICATES))
    zone = st.context.timezone or "UTC"
    return DrawingFilter(digits, answers, sources, states, first, last, near_duplicates, order, zone)


def show_all() -> None:
    """Remove all filters."""
    for key in LISTS:
        state.set_widget(key, [])
    for key in DATES:
        state.set_widget(key, None)
    state.set_widget(NEAR_DUPLICATES, False)
    to_first_page()


def to_first_page() -> None:
    """Show the first page of other drawings, none of them selected."""
    state.set_widget(PAGE, 1)
    page_state.select(())
