"""State: everything a session or the address of the page remembers, and the only place that touches either."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Generic, Self, TypeVar, overload
from uuid import uuid4

import streamlit as st

from dashboard import theme
from dashboard.draw.drawing import DRAW, UPLOAD, Saved, Sheet
from experiments.runs.config import RunConfig

T = TypeVar("T")
COLORS = len(theme.LIGHT.digits)
SHIPPED = "shipped"  # the model choice that means: the weights that come with the project


class Value(Generic[T]):
    """One session value; it survives page switches, which widgets do not. Each session makes its own default."""

    def __init__(self, default: Callable[[], T]) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = f"value-{name}"  # widget keys never start with this

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        if self.key not in st.session_state:
            st.session_state[self.key] = self.default()
        return st.session_state[self.key]

    def __set__(self, instance: object, value: T) -> None:
        st.session_state[self.key] = value


class PageState:
    """Base of the values of one page; `page_state.name` reads one, `page_state.name = ...` sets it."""

    def sync_url(self, *names: str) -> None:
        """Take over values that the address names; write the others into the address.

        A page switch empties the address, so this fills it again.
        """
        for name in names:
            if name in st.query_params:
                setattr(self, name, st.query_params[name])
            elif getattr(self, name) not in ("", SHIPPED):
                st.query_params[name] = getattr(self, name)

    def read_url(self, name: str) -> None:
        """Take over a value from the address alone, so that the browser's Back undoes it."""
        setattr(self, name, st.query_params.get(name, ""))

    def set_in_url(self, name: str, value: str) -> None:
        """Set a value here and in the address; an empty text removes it there."""
        setattr(self, name, value)
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)


class State(PageState):
    """The values of the session that is asking. `state.name` reads, `state.name = ...` writes."""

    session_id = Value[str](lambda: uuid4().hex)
    model = Value[str](lambda: SHIPPED)
    run = Value[str](str)
    sheets = Value[dict[str, Sheet]](dict)  # one for each way to hand in a digit
    saved = Value[Saved | None](lambda: None)
    preview_draws = Value[int](int)  # how often Train was asked for other variations
    starts = Value[int](int)  # of training runs
    started = Value[tuple[str, ...]](tuple)  # the ids of runs, sweeps and lessons that this session has begun
    drawn = Value[tuple[float, ...]](tuple)  # when this session stored a drawing
    lesson = Value[str](str)  # the id of the one that is underway or not decided about
    planned = Value[RunConfig | None](lambda: None)  # what Train's form said last
    runs = Value[str](str)  # the ids of those that Explore compares, with commas between; an empty place is kept

    @property
    def way(self) -> str:
        """How a person hands in a digit: by drawing or by uploading."""
        return self.widget("way", DRAW)

    @property
    def sheet(self) -> Sheet:
        return self.sheets.get(self.way, Sheet(uploaded=self.way == UPLOAD))

    @sheet.setter
    def sheet(self, sheet: Sheet) -> None:
        self.sheets[self.way] = sheet

    def chosen_model(self) -> str:
        """`shipped` or the id of a run, as a person asked for it: it may not exist."""
        return self.model

    def choose_model(self, choice: str) -> None:
        self.model = choice
        if choice == SHIPPED:
            st.query_params.pop("model", None)
        else:
            st.query_params["model"] = choice

    def shown_run(self) -> str:
        """The id of the run that Train shows, or an empty string."""
        return self.run

    def show_run(self, run_id: str) -> None:
        self.set_in_url("run", run_id)

    def chosen_runs(self) -> dict[str, int]:
        """The ids of the runs that Explore compares, each with its place, that of its colour; some may be gone."""
        return {run_id: place for place, run_id in enumerate(self.runs.split(",")) if run_id}

    def choose_runs(self, ids: Iterable[str]) -> None:
        """A run that was chosen already keeps its place and so its colour; a new one takes the first that is free."""
        wanted, known = dict.fromkeys(ids), self.chosen_runs()
        order = {place: run_id for run_id, place in known.items() if run_id in wanted and place < COLORS}
        free = (place for place in count() if place not in order)
        for run_id in [run_id for run_id in wanted if run_id not in order.values()]:
            order[next(free)] = run_id
        self.set_in_url("runs", ",".join(order.get(place, "") for place in range(max(order, default=-1) + 1)))

    def widget(self, key: str, default: Any = None) -> Any:
        """What the widget with this key shows now."""
        return st.session_state.get(key, default)

    def has_widget(self, key: str) -> bool:
        """Whether a widget with this key was there in the run before this one."""
        return key in st.session_state

    def set_widget(self, key: str, value: Any) -> None:
        """Sets a widget that is drawn later in this run, or from a callback."""
        st.session_state[key] = value

    def palette(self) -> theme.Palette:
        """The colours of the theme that this person's browser shows."""
        return theme.DARK if st.context.theme.type == "dark" else theme.LIGHT


state = State()
