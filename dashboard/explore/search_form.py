"""The search form: which settings a sweep tries, each with its range or its choices."""

from typing import Any, get_type_hints

import streamlit as st

from dashboard.charts.sweep_values import choice_text, number
from dashboard.components.forms import Form, named
from dashboard.session import state
from experiments.runs.config import BOUNDS, HELP, RunConfig
from experiments.sweeps.space import DERIVED, LIMITS, SEARCHABLE, Range, Space

TO_BEGIN_WITH: Space = {
    "learning_rate": Range(0.0003, 0.3, log=True, points=4),
    "width": Range(16, 256, log=True, points=3),
}
"""What one click tries: small enough to wait for, and the highest rate goes too far on purpose."""
MORE_CHOICES: dict[str, tuple[Any, ...]] = {
    "batch_size": (8, 16, 32, 64, 128, 256, 512, 1024),
    "seed": tuple(range(10)),
}
TITLES = {"hidden": "Hidden layers", "width": "Width", "depth": "Depth", "augmentation": "Augmentation"}
MOST_POINTS = 20


def title_of(name: str) -> str:
    return TITLES.get(name) or named(name)


def begin_with(key: str, value: Any) -> None:
    """What a widget shows before anybody has touched it."""
    if state.widget(key) is None:
        state.set_widget(key, value)


def choose_space(form: Form, *, grid: bool) -> tuple[Space, str]:
    """Draws the choice of settings and the values of each -> the space, and the first thing that is wrong with it."""
    begin_with(form.key("searched"), list(TO_BEGIN_WITH))
    names = st.multiselect(
        "What to search",
        list(SEARCHABLE),
        key=form.key("searched"),
        format_func=title_of,
        placeholder="Choose settings",
        help="Two settings make a map; with more, the sweep says which of them matter.",
        persist_state="session",
    )
    space: Space = {}
    wrong = ""
    for name in names:
        default = TO_BEGIN_WITH.get(name, SEARCHABLE[name])
        space[name], problem = (
            choose_range(form, name, default, grid=grid)
            if isinstance(default, Range)
            else choose_choices(form, name, default)
        )
        wrong = wrong or problem
    return space, wrong


def choose_range(form: Form, name: str, default: Range, *, grid: bool) -> tuple[Range, str]:
    """From, to, and for a grid how many values; the values themselves stand below."""
    whole = is_whole(name)
    kind = int if whole else float
    low, high = LIMITS[name] if name in LIMITS else BOUNDS[name][:2]
    first, last, many = (form.key(f"{part}-{name}") for part in ("from", "to", "points"))
    for key, value in ((first, kind(default.low)), (last, kind(default.high)), (many, default.points)):
        begin_with(key, value)
    options: dict[str, Any] = {
        "min_value": kind(low),
        "max_value": kind(high),
        "format": "%d" if whole else "%g",
        "step": kind(1) if whole else step_of(default),
        "persist_state": "session",
        "width": 130,
    }
    with st.container(horizontal=True, vertical_alignment="bottom"):
        start = st.number_input(
            f"{title_of(name)} from",
            key=first,
            help=DERIVED.get(name) or HELP[name],
            **options,
        )
        end = st.number_input(f"{title_of(name)} to", key=last, **options)
        points = default.points
        if grid:
            points = st.number_input(
                "Values",
                min_value=1,
                max_value=MOST_POINTS,
                key=many,
                help="How many values a grid takes, both ends among them.",
                persist_state="session",
                width=110,
            )
    if start > end:
        return default, complain(f"{title_of(name)} goes from {start:g} to {end:g}: put the lower one first.")
    if start == end:
        problem = (
            f"{title_of(name)} goes from {start:g} to {end:g}, which is one value: widen it, or search without it."
        )
        return default, complain(problem)
    log = default.log and start > 0
    values = Range(start, end, log=log, points=points)
    if grid:
        st.caption(
            ", ".join(number(value) for value in values.values(name)) + (" (even steps by ratio)" if log else "")
        )
    return values, ""


def choose_choices(form: Form, name: str, default: tuple[Any, ...]) -> tuple[tuple[Any, ...], str]:
    """A list to take values off."""
    begin_with(form.key(f"choices-{name}"), list(default))
    chosen = st.multiselect(
        title_of(name),
        MORE_CHOICES.get(name, default),
        key=form.key(f"choices-{name}"),
        format_func=lambda choice: choice_text(choice, named),
        help=DERIVED.get(name) or HELP[name],
        persist_state="session",
    )
    if not chosen:
        return default, complain(f"{title_of(name)} has no values: choose at least one.")
    return tuple(chosen), ""


def complain(problem: str) -> str:
    """What is wrong, where it is wrong."""
    st.error(problem)
    return problem


def is_whole(name: str) -> bool:
    return name in ("width", "depth") or get_type_hints(RunConfig).get(name) is int


def step_of(default: Range) -> float:
    return default.low if default.log and default.low else (default.high - default.low) / 10


def can_show(space: Space) -> bool:
    """Whether this form has widgets for a space: a file may search more."""
    for name, values in space.items():
        offered = MORE_CHOICES.get(name) or SEARCHABLE.get(name)
        if isinstance(values, Range) != isinstance(offered, Range):
            return False
        if isinstance(values, tuple) and not (isinstance(offered, tuple) and set(values) <= set(offered)):
            return False
    return True


def fill_space(form: Form, space: Space) -> None:
    """Show these settings and values, as where a sweep is to be repeated. For a callback."""
    state.set_widget(form.key("searched"), list(space))
    for name, values in space.items():
        if isinstance(values, Range):
            kind = int if is_whole(name) else float
            state.set_widget(form.key(f"from-{name}"), kind(values.low))
            state.set_widget(form.key(f"to-{name}"), kind(values.high))
            state.set_widget(form.key(f"points-{name}"), values.points or 4)
        else:
            state.set_widget(form.key(f"choices-{name}"), list(values))
