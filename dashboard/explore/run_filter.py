"""Run filter: which of all runs the table lists."""

from collections.abc import Iterable, Sequence
from math import inf

import streamlit as st

from dashboard.components.forms import named
from dashboard.explore.chosen_runs import group_names
from dashboard.session import state
from experiments.runs.config import BOUNDS
from experiments.runs.run import STATES
from experiments.runs.settings import differing, in_words
from experiments.runs.table import RunRow, folded

KINDS = {"": "Single runs", "lesson": "Lessons", "range-test": "Range tests"}  # what runs of these groups were made for
SWEEP = "Sweeps"  # and those of all other groups
FEW = 12  # values of a number that are listed one by one
ENDS = ("least", "greatest")
USUAL = ["Single runs", "Lessons", SWEEP]  # the other ones are asked for
SEARCH, SETTINGS, SWEEPS, STARRED = "runs-search", "runs-settings", "runs-sweeps", "runs-starred"
WHAT_STATES, WHAT_KINDS = "runs-states", "runs-kinds"
FOLDED = "runs-folded"


def choose_rows(rows: Sequence[RunRow], *, always: Iterable[str]) -> list[RunRow]:
    """Draws search and filter; -> the rows that match, and those with the ids that are always listed."""
    kept = {*always}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input(
            "Search",
            key=SEARCH,
            placeholder="Search names, notes and settings",
            icon=":material/search:",
            label_visibility="collapsed",
            persist_state="session",
            width=300,
        )
        active = active_filters()
        with st.popover(
            f"Filter, {active} set" if active else "Filter", icon=":material/filter_list:", key="runs-filter"
        ):
            render_filter(rows)
    found = [row for row in rows if row.id in kept or matches(row)]
    # whoever asks for a sweep by its name wants to see its runs
    return folded(found, kept) if state.widget(FOLDED, True) and not state.widget(SWEEPS) else found


def render_fold(rows: Iterable[RunRow]) -> None:
    """Where there are sweeps, whether all of their runs are listed."""
    if any(row.trial is not None for row in rows):
        st.toggle("Of each sweep the best only", value=True, key=FOLDED, persist_state="session")


def render_filter(rows: Sequence[RunRow]) -> None:
    options = {"persist_state": "session"}
    if state.widget(WHAT_KINDS) is None:
        state.set_widget(WHAT_KINDS, USUAL)
    st.pills("Made", [*KINDS.values(), SWEEP], selection_mode="multi", key=WHAT_KINDS, **options)
    st.toggle("Starred only", key=STARRED, **options)
    states = [name for name in STATES if any(row.state == name for row in rows)]
    st.pills("State", states, selection_mode="multi", key=WHAT_STATES, format_func=str.capitalize, **options)
    sweeps = group_names(row for row in rows if kind(row) == SWEEP)
    if sweeps:
        st.multiselect("Sweep", sorted(sweeps), key=SWEEPS, placeholder="All", format_func=sweeps.get, **options)
    settings = st.multiselect(
        "Settings",
        differing(row.config for row in rows),
        format_func=named,
        key=SETTINGS,
        placeholder="Any",
        help="Settings that are the same in all runs are not listed.",
        **options,
    )
    for setting in settings:
        if setting in BOUNDS and len({getattr(row.config, setting) for row in rows}) > FEW:
            render_range(setting)
            continue
        ordered = sorted({row.config for row in rows}, key=lambda config: getattr(config, setting))
        words = list(dict.fromkeys(in_words(config, setting) for config in ordered))
        st.multiselect(named(setting), words, key=value_key(setting), placeholder="Any", **options)
    st.button("Show all runs again", on_click=reset, disabled=not active_filters())


def render_range(setting: str) -> None:
    """The least and the greatest value, where there are too many to name them."""
    options = {"value": None, "format": "%g", "persist_state": "session", "label_visibility": "collapsed"}
    st.caption(named(setting))
    with st.container(horizontal=True, wrap=False):
        for end, text in zip(ENDS, ("from", "to"), strict=True):
            st.number_input(f"{named(setting)} {text}", key=range_key(setting, end), placeholder=text, **options)


def kind(row: RunRow) -> str:
    return KINDS.get(row.group, SWEEP)


def value_key(setting: str) -> str:
    return f"runs-value-{setting}"


def range_key(setting: str, end: str) -> str:
    return f"runs-{end}-{setting}"


def wanted_ranges() -> dict[str, tuple[float, float]]:
    """The least and the greatest value of each setting that is filtered by its range."""
    ends = {name: [state.widget(range_key(name, end)) for end in ENDS] for name in state.widget(SETTINGS, [])}
    return {
        name: (-inf if low is None else low, inf if high is None else high)
        for name, (low, high) in ends.items()
        if (low, high) != (None, None)
    }


def wanted_values() -> dict[str, list[str]]:
    """The values that a setting may have, in words, of each setting that is filtered by."""
    found = {setting: state.widget(value_key(setting), []) for setting in state.widget(SETTINGS, [])}
    return {setting: values for setting, values in found.items() if values}


def active_filters() -> int:
    kinds = state.widget(WHAT_KINDS, USUAL)
    simple = [bool(state.widget(key)) for key in (STARRED, WHAT_STATES, SWEEPS)]
    return sum(simple) + (sorted(kinds) != sorted(USUAL)) + len(wanted_values()) + len(wanted_ranges())


def matches(row: RunRow) -> bool:
    if kind(row) not in state.widget(WHAT_KINDS, USUAL):
        return False
    if state.widget(STARRED) and not row.starred:
        return False
    states, sweeps = state.widget(WHAT_STATES), state.widget(SWEEPS)
    if (states and row.state not in states) or (sweeps and row.group not in sweeps):
        return False
    if any(in_words(row.config, setting) not in values for setting, values in wanted_values().items()):
        return False
    if any(not low <= getattr(row.config, setting) <= high for setting, (low, high) in wanted_ranges().items()):
        return False
    text = state.widget(SEARCH, "").lower().split()
    return not text or all(word in searched(row) for word in text)


def searched(row: RunRow) -> str:
    settings = " ".join(map(str, row.config.to_dict().values()))
    return f"{row.name} {row.note} {row.id} {row.group} {row.state} {row.config.architecture} {settings}".lower()


def reset() -> None:
    """Back to what is listed at first."""
    state.set_widget(SEARCH, "")
    state.set_widget(STARRED, False)
    state.set_widget(WHAT_KINDS, USUAL)
    for key in (WHAT_STATES, SWEEPS, SETTINGS):
        state.set_widget(key, [])
