"""Search and filters of the table of runs."""

from collections.abc import Callable, Iterable, Sequence
from math import inf
from typing import Any

import streamlit as st

from dashboard.components.forms import named
from dashboard.explore.compared_runs import KINDS, group_names
from dashboard.session import state
from experiments.runs.config import BOUNDS, differing, setting_text
from experiments.runs.run import STATES
from experiments.runs.table import RunRow, fold_sweeps

SWEEP = "Sweeps"  # all other groups
USUAL = ["Single runs", "Fine-tuning", SWEEP]  # kinds that are listed at first
FEW = 12  # a setting with at most this many values is filtered by a list
ENDS = {"least": "from", "greatest": "to"}
SEARCH, SETTINGS, SWEEPS, STARRED = "runs-search", "runs-settings", "runs-sweeps", "runs-starred"
STATES_KEY, KINDS_KEY, FOLDED = "runs-states", "runs-kinds", "runs-folded"


def filter_rows(rows: Sequence[RunRow], *, always: Iterable[str]) -> list[RunRow]:
    """Draw search and filters -> the rows that pass, and those with the ids `always`."""
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
        active = _active_filters()
        label = f"Filter, {active} set" if active else "Filter"
        with st.popover(label, icon=":material/filter_list:", key="runs-filter"):
            _render_filters(rows)
    kinds, text, conditions = state.widget(KINDS_KEY, USUAL), state.widget(SEARCH, "").lower().split(), _conditions()

    def passes(row: RunRow) -> bool:
        searched = _searched_text(row) if text else ""
        return (
            _kind(row) in kinds
            and all(condition(row) for condition in conditions)
            and all(word in searched for word in text)
        )

    found = [row for row in rows if row.id in kept or passes(row)]
    # A filter for one sweep shows all of its runs.
    return fold_sweeps(found, kept) if state.widget(FOLDED, True) and not state.widget(SWEEPS) else found


def render_fold(rows: Iterable[RunRow]) -> None:
    """The switch between the best run and all runs of each sweep, if there are sweeps."""
    if any(row.status.trial is not None for row in rows):
        st.toggle("Only the best run of each sweep", value=True, key=FOLDED, persist_state="session")


def _render_filters(rows: Sequence[RunRow]) -> None:
    if state.widget(KINDS_KEY) is None:
        state.set_widget(KINDS_KEY, USUAL)
    pills: dict[str, Any] = {"selection_mode": "multi", "persist_state": "session"}
    st.pills("Made as", [*KINDS.values(), SWEEP], key=KINDS_KEY, **pills)
    st.toggle("Starred only", key=STARRED, persist_state="session")
    states = [name for name in STATES if any(row.status.state == name for row in rows)]
    st.pills("State", states, key=STATES_KEY, format_func=str.capitalize, **pills)
    sweeps = group_names(row for row in rows if _kind(row) == SWEEP)
    if sweeps:
        _multiselect("Sweep", sorted(sweeps), SWEEPS, placeholder="All", format_func=sweeps.__getitem__)
    settings = _multiselect(
        "Settings",
        differing(row.config for row in rows),
        SETTINGS,
        format_func=named,
        help="Settings that are the same in all runs are not listed.",
    )
    for setting in settings:
        if setting in BOUNDS and len({getattr(row.config, setting) for row in rows}) > FEW:
            st.caption(named(setting))
            with st.container(horizontal=True, wrap=False):
                for end, text in ENDS.items():
                    options: dict[str, Any] = {
                        "value": None,
                        "format": "%g",
                        "label_visibility": "collapsed",
                        "placeholder": text,
                    }
                    key = f"runs-{end}-{setting}"
                    st.number_input(f"{named(setting)} {text}", key=key, persist_state="session", **options)
            continue
        ordered = sorted({row.config for row in rows}, key=lambda config: getattr(config, setting))
        values = list(dict.fromkeys(setting_text(config, setting) for config in ordered))
        _multiselect(named(setting), values, f"runs-value-{setting}")
    st.button("Show all runs again", on_click=reset, disabled=not _active_filters())


def _multiselect(label: str, options: list[str], key: str, *, placeholder: str = "Any", **more: Any) -> list[str]:
    return st.multiselect(label, options, key=key, placeholder=placeholder, persist_state="session", **more)


def _kind(row: RunRow) -> str:
    return KINDS.get(row.status.group, SWEEP)


def _conditions() -> list[Callable[[RunRow], bool]]:
    """The filters that are set, besides search and kinds."""
    starred, states, sweeps = (state.widget(key) for key in (STARRED, STATES_KEY, SWEEPS))
    found: list[Callable[[RunRow], bool]] = []
    if starred:
        found.append(lambda row: row.label.starred)
    if states:
        found.append(lambda row: row.status.state in states)
    if sweeps:
        found.append(lambda row: row.status.group in sweeps)
    return found + [
        condition for setting in state.widget(SETTINGS, []) if (condition := _setting_condition(setting)) is not None
    ]


def _setting_condition(setting: str) -> Callable[[RunRow], bool] | None:
    """The condition for one setting: certain values, or a range; None if none is set."""
    values = state.widget(f"runs-value-{setting}")
    if values:
        return lambda row: setting_text(row.config, setting) in values
    low, high = (state.widget(f"runs-{end}-{setting}") for end in ENDS)
    if low is None and high is None:
        return None
    least, greatest = -inf if low is None else low, inf if high is None else high
    return lambda row: least <= getattr(row.config, setting) <= greatest


def _active_filters() -> int:
    return len(_conditions()) + (sorted(state.widget(KINDS_KEY, USUAL)) != sorted(USUAL))


def _searched_text(row: RunRow) -> str:
    settings = " ".join(map(str, row.config.to_dict().values()))
    words = (row.name, row.label.note, row.id, row.status.group, row.status.state, row.config.architecture, settings)
    return " ".join(words).lower()


def reset() -> None:
    """Remove search and filters. Callback."""
    for key, value in {SEARCH: "", STARRED: False, KINDS_KEY: USUAL}.items():
        state.set_widget(key, value)
    for key in (STATES_KEY, SWEEPS, SETTINGS):
        state.set_widget(key, [])
