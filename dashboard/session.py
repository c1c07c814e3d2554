"""Session: values that survive page switches, some of them in the address of the page."""

from collections.abc import Callable, Iterable
from itertools import count
from typing import Any, Generic, Self, TypeVar, overload
from uuid import uuid4

import streamlit as st

from dashboard import theme
from experiments.runs.config import RunConfig

T = TypeVar("T")
COLORS = len(theme.LIGHT.digits)
SHIPPED = "shipped"  # the model choice that means: the weights that come with the project


class Value(Generic[T]):
    """One value of a session. It survives page switches, which widgets do not."""

    def __init__(self, default: Callable[[], T]) -> None:
        self.default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self.key = f"{owner.__name__}.{name}"  # widget keys have no dot

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        if self.key not in st.session_state:
            st.session_state[self.key] = self.default()
        value: T = st.session_state[self.key]
        return value

    def __set__(self, instance: object, value: T) -> None:
        st.session_state[self.key] = value


class PageState:
    """Base of the values of one page: `page_state.name` reads one, an assignment sets it."""

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
    """The values that several pages share. `state.name` reads one, `state.name = ...` sets it."""

    session_id = Value[str](lambda: uuid4().hex)
    model = Value[str](lambda: SHIPPED)  # `shipped` or the id of a run
    run = Value[str](str)  # id of the run that Train shows
    runs = Value[str](str)  # ids of the compared runs, with commas between; an empty place is free
    starts = Value[int](int)  # trainings and sweeps that were started; a part of the buttons' keys
    planned = Value[RunConfig | None](lambda: None)  # the settings in Train's form

    def chosen_model(self) -> str:
        """`shipped` or the id of a run, which may not exist: people write it into addresses."""
        return self.model

    def choose_model(self, choice: str) -> None:
        """Use this model, `shipped` or the id of a run, on all pages."""
        self.model = choice
        if choice == SHIPPED:
            st.query_params.pop("model", None)
        else:
            st.query_params["model"] = choice

    def shown_run(self) -> str:
        """The id of the run that Train shows, which may not exist; empty for none."""
        return self.run

    def show_run(self, run_id: str) -> None:
        """Show this run on Train."""
        self.set_in_url("run", run_id)

    def chosen_runs(self) -> dict[str, int]:
        """The ids of the compared runs, each with the number of its colour; some may not exist."""
        return {run_id: place for place, run_id in enumerate(self.runs.split(",")) if run_id}

    def choose_runs(self, ids: Iterable[str]) -> None:
        """Compare these runs. A run that was compared before has the same colour as then."""
        wanted, known = dict.fromkeys(ids), self.chosen_runs()
        order = {place: run_id for run_id, place in known.items() if run_id in wanted and place < COLORS}
        free = (place for place in count() if place not in order)
        for run_id in [run_id for run_id in wanted if run_id not in order.values()]:
            order[next(free)] = run_id
        self.set_in_url("runs", ",".join(order.get(place, "") for place in range(max(order, default=-1) + 1)))

    def widget(self, key: str, default: Any = None) -> Any:
        """The value of the widget with this key."""
        return st.session_state.get(key, default)

    def has_widget(self, key: str) -> bool:
        """Whether the script drew a widget with this key when it ran last."""
        return key in st.session_state

    def set_widget(self, key: str, value: Any) -> None:
        """Set a widget. Call it before the widget is drawn, or from a callback."""
        st.session_state[key] = value

    def palette(self) -> theme.Palette:
        """The colours of the theme that this person's browser shows."""
        return theme.DARK if st.context.theme.type == "dark" else theme.LIGHT


state = State()
