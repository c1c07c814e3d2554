"""Choosing: which drawings are shown, and in which order; all of it is part of the address."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.data.state import page_state
from dashboard.session import state
from dataset import Drawings

PAGE = "page"
NEWEST, OLDEST, SURPRISE = "Newest", "Oldest", "Surprise"
ANSWERS = ("Right", "Wrong", "Not asked")  # what the network said when the drawing was made
SOURCES = {"Drawn": "drawn", "Uploaded": "uploaded", "Imported": "imported"}
STATES = {"In use": "kept", "Waiting": "waiting", "Set aside": "set aside", "Deleted": "deleted"}
LISTS = {"digit": range(10), "answer": ANSWERS, "source": tuple(SOURCES), "state": tuple(STATES)}
DATES = ("from", "until")
DOUBLES = "doubles"


@dataclass(frozen=True)
class Choice:
    """What a person asked to see; an empty tuple is no wish, and deleted drawings are shown only on request."""

    digits: tuple[int, ...] = ()
    answers: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    doubles: bool = False
    order: str = NEWEST
    zone: str = field(default="UTC", compare=False)

    @property
    def folded(self) -> str:
        """The wishes that are folded away, in words."""
        words = [" or ".join(names).lower() for names in (self.answers, self.sources, self.states) if names]
        words += [f"{word} {day}" for word, day in zip(DATES, (self.first, self.last), strict=True) if day]
        return ", ".join([*words, *(["doubles"] if self.doubles else [])])

    def rows(self, drawings: Drawings, surprise: NDArray[np.float64] | None) -> NDArray[np.intp]:
        """The places of those drawings, in the order they are shown in; `surprise` only where that is the order."""
        labels = drawings.digits.labels
        known = drawings.predicted >= 0
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
            wanted &= drawings.time >= begin_of(self.first, self.zone)
        if self.last:
            wanted &= drawings.time < begin_of(self.last + timedelta(days=1), self.zone)
        if self.doubles:
            wanted &= drawings.duplicate_of != ""
        rows = np.flatnonzero(wanted)
        if self.order == SURPRISE and surprise is not None:
            return rows[np.argsort(-surprise[rows], kind="stable")]
        return rows if self.order == OLDEST else rows[::-1]


def begin_of(day: date, zone: str) -> str:
    """When a day begins where the person is, as drawings are dated."""
    try:
        here = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        here = UTC
    return datetime.combine(day, time(), here).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def render_choice() -> Choice:
    """The widgets -> what they say. Digits and order are always in sight, the rest is folded away."""
    with st.container(horizontal=True, vertical_alignment="center", key="drawing-choice"):
        pills("Digits", "digit", format_func=str, label_visibility="collapsed")
        with st.popover("Filter", icon=":material/filter_alt:"):
            pills("The network's answer then", "answer")
            pills("Source", "source")
            pills("State", "state")
            with st.container(horizontal=True):
                for key in DATES:
                    st.date_input(
                        key.capitalize(), value=None, key=key, bind="query-params", on_change=to_first_page, width=150
                    )
            st.toggle("Only doubles of others", key=DOUBLES, bind="query-params", on_change=to_first_page)
            folded = chosen().folded
            st.button("Show all", icon=":material/filter_alt_off:", on_click=show_all, disabled=not folded)
        st.segmented_control(
            "Order",
            [NEWEST, OLDEST, SURPRISE],
            default=NEWEST,
            required=True,
            key="order",
            bind="query-params",
            label_visibility="collapsed",
            on_change=to_first_page,
            help="Surprise: -ln of the probability that the model gives the label. A high one is a hard drawing, or a "
            "wrong label.",
        )
        if folded:
            st.caption(f"Only {folded}", width="content")
    return chosen()


def pills(label: str, key: str, **options: object) -> None:
    st.pills(
        label,
        LISTS[key],
        selection_mode="multi",
        key=key,
        bind="query-params",
        on_change=to_first_page,
        wrap=True,
        **options,
    )


def chosen() -> Choice:
    """What the widgets say now."""
    digits, answers, sources, states = (tuple(state.widget(key) or ()) for key in LISTS)
    first, last = (state.widget(key) for key in DATES)
    order = state.widget("order", NEWEST) or NEWEST
    doubles = bool(state.widget(DOUBLES))
    return Choice(digits, answers, sources, states, first, last, doubles, order, st.context.timezone or "UTC")


def show_all() -> None:
    for key in LISTS:
        state.set_widget(key, [])
    for key in DATES:
        state.set_widget(key, None)
    state.set_widget(DOUBLES, False)
    to_first_page()


def to_first_page() -> None:
    """Other drawings are shown: from their first on, and none of them chosen."""
    state.set_widget(PAGE, 1)
    page_state.select(())
