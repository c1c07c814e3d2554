"""State: everything a session or the address of the page remembers, and the only place that touches either."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, Generic, Self, TypeVar, overload
from uuid import uuid4

import streamlit as st

from dashboard import theme
from dashboard.data.judging import Judged
from dashboard.draw.drawing import DRAW, UPLOAD, Saved, Sheet
from dashboard.evaluate.counts import Request
from model import TrainConfig

T = TypeVar("T")
COLORS = len(theme.LIGHT.digits)
SHIPPED = "shipped"  # the model choice that means: the weights that come with the project


@dataclass(frozen=True)
class ShownSheet:
    """The page of drawings that the browser chooses among: which, and what was chosen when it was drawn first."""

    turn: str
    ids: tuple[str, ...]
    chosen: tuple[str, ...]


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


class State:
    """The values of the session that is asking. `state.name` reads, `state.name = ...` writes."""

    session_id = Value[str](lambda: uuid4().hex)
    model = Value[str](lambda: SHIPPED)
    run = Value[str](str)
    sheets = Value[dict[str, Sheet]](dict)  # one for each way to hand in a digit
    saved = Value[Saved | None](lambda: None)
    data = Value[str](str)  # the source that Evaluate shows, and its split; empty: what suits the model
    split = Value[str](str)
    cell = Value[tuple[int, int] | None](lambda: None)  # (true, predicted) picked in the confusion matrix
    cells_picked_by_box = Value[int](int)
    sample_seed = Value[int](int)
    preview_draws = Value[int](int)  # how often Train was asked for other variations
    disturbed = Value[tuple[str, float, int]](lambda: ("rotation", 30, 0))  # how, how much, and how often that changed
    measuring = Value[Request | None](lambda: None)  # the curves of robustness that were asked for
    starts = Value[int](int)  # of training runs
    started = Value[tuple[str, ...]](tuple)  # the ids of runs, sweeps and lessons that this session has begun
    drawn = Value[tuple[float, ...]](tuple)  # when this session stored a drawing
    lesson = Value[str](str)  # the id of the one that is underway or not decided about
    planned = Value[TrainConfig | None](lambda: None)  # what Train's form said last
    sweep = Value[str](str)  # the id of the one that Explore shows; empty: a new one
    deleted_sweep = Value[str](str)  # the id of what was deleted last, and may be brought back
    sweep_filters = Value[dict[str, tuple[Any, ...]]](dict)  # which of its trials are shown
    sweep_brushes = Value[int](int)  # how often a filter was set other than by dragging
    sweep_trial = Value[int | None](lambda: None)  # the one picked; None: the best
    sweep_picks = Value[int](int)  # how often one was picked
    range_test = Value[str](str)  # the id of the test of learning rates that Explore shows
    guide = Value[str](str)  # the name of the experiment that Explore shows
    runs = Value[str](str)  # the ids of those that Explore compares, with commas between; an empty place is kept
    listed_runs = Value[tuple[str, ...]](tuple)  # the ids in the table as it was drawn last
    notice = Value[str](str)  # what could not be done, to be said when the page is drawn next
    deleted_runs = Value[tuple[str, ...]](tuple)  # what was deleted last, and may be brought back
    version = Value[str](str)  # of the drawings that Data shows; empty: as they are now
    drawings_chosen = Value[tuple[str, ...]](tuple)  # the ids of those that are chosen, the last one last
    drawings_turn = Value[int](int)  # how often others were chosen than by the browser
    suspect = Value[int | None](lambda: None)  # the row whose label is judged; None: the first that is not yet
    suspects_turn = Value[int](int)  # how often another one was taken than by the browser
    suspects_judged_at = Value[float](float)  # seconds of a clock that only goes on
    suspects_judged = Value[list[Judged]](list)  # what Undo takes back, the last one last
    drawings_edited = Value[tuple[str, int | None]](lambda: ("", None))  # what was done last, and the change to undo
    imports = Value[int](int)  # how often files were taken in
    import_problem = Value[str](str)  # why the last ones were not
    sheet_shown = Value[ShownSheet](lambda: ShownSheet("", (), ()))  # of drawings

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

    def keep_url(self, *names: str) -> None:
        """The address wins where it names something; where a page switch emptied it, it is filled again.

        Without names: those values that the addresses of all pages carry.
        """
        for name in names or ("model", "run", "data", "split"):
            if name in st.query_params:
                setattr(self, name, st.query_params[name])
            elif getattr(self, name) not in ("", SHIPPED):
                st.query_params[name] = getattr(self, name)

    def follow_url(self, name: str) -> None:
        """What the address alone says, so that going back undoes it."""
        setattr(self, name, st.query_params.get(name, ""))

    def link(self, name: str, value: str) -> None:
        """Sets a value that the address carries as well; an empty text is nothing."""
        setattr(self, name, value)
        if value:
            st.query_params[name] = value
        else:
            st.query_params.pop(name, None)

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
        self.link("run", run_id)

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
        self.link("runs", ",".join(order.get(place, "") for place in range(max(order, default=-1) + 1)))

    def choose_drawings(self, ids: Iterable[str]) -> None:
        """Those and no others, whatever the browser has chosen."""
        self.drawings_chosen = tuple(ids)
        self.drawings_turn += 1

    def forget_edit(self) -> None:
        """What was done to drawings last is no longer news."""
        self.drawings_edited, self.import_problem = ("", None), ""

    def picked_drawings(self, among: Iterable[str]) -> list[str]:
        """The ids of those that are chosen among these, in the order in which they were."""
        there = set(among)
        return [identity for identity in self.drawings_chosen if identity in there]

    def show_sweep(self, sweep_id: str) -> None:
        """Which sweep Explore shows; an empty text is a new one."""
        self.link("sweep", sweep_id)
        self.sweep_filters, self.sweep_trial = {}, None

    def choose_digits(self, data: str, split: str) -> None:
        """What Evaluate shows; an empty text stands for what suits the model."""
        self.link("data", data)
        self.link("split", split)

    def disturb(self, name: str, strength: float) -> None:
        """Which disturbance Evaluate shows the images of."""
        self.disturbed = name, strength, self.disturbed[2] + 1

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
