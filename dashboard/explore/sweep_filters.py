"""Filters of the trials of a sweep, set by dragging along an axis or in boxes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import streamlit as st

from dashboard.charts.parallel import BELOW, Brushes
from dashboard.charts.sweep_values import Axis, Objective, result_of, values_of
from dashboard.components.plain_text import plain_text
from dashboard.explore.state import page_state
from dashboard.session import state
from experiments.sweeps import Trial

Filter: TypeAlias = tuple[Any, ...]  # the lowest and the highest value, or the choices
Filters: TypeAlias = Mapping[str, Filter]  # by name of an axis
RESULT = "result"  # the name of the axis of the objective; its filter is (highest, lowest error)
CLOSE = 0.06  # places from an end that count as the end, because nobody drags to the exact pixel


def filtered(filters: Filters, trials: Iterable[Trial], axes: Sequence[Axis], objective: Objective) -> list[Trial]:
    """The trials that pass every filter."""
    known = {axis.name: axis for axis in axes}

    def passes(trial: Trial, name: str, wanted: Filter) -> bool:
        if name == RESULT:
            value = result_of(trial)
            if value is None:  # a filter without a highest error includes diverged trials
                return trial.state == "diverged" and wanted[0] == math.inf
            return bool(wanted[1] <= objective.error(value) <= wanted[0])
        setting = trial.params.get(name)
        if setting is None or name not in known:
            return name not in known
        return bool(wanted[0] <= setting <= wanted[1]) if known[name].numeric else setting in wanted

    return [trial for trial in trials if all(passes(trial, name, wanted) for name, wanted in filters.items())]


def brushed(selection: Mapping[str, Sequence[float]], axes: Sequence[Axis], outcome: Axis) -> dict[str, Filter]:
    """The filters of a rectangle over the parallel chart: one on each axis that it crosses.

    A rectangle between two axes belongs to the nearer one.
    """
    every = [*axes, outcome]
    start, end = sorted(selection["axis"])
    low, high = sorted(selection["place"])
    nearest = min(range(len(every)), key=lambda place: abs(place - (start + end) / 2))
    found: dict[str, Filter] = {}
    for place in [place for place in range(len(every)) if start <= place <= end] or [nearest]:
        axis = every[place]
        if axis is outcome:
            highest = math.inf if low < -CLOSE else axis.at(max(0.0, low))
            found[RESULT] = highest, 0.0 if high > 1 - CLOSE else axis.at(high)
        elif axis.steps:
            inside = tuple(step for step in axis.steps if low - CLOSE / 2 <= axis.place(step) <= high + CLOSE / 2)
            if inside:
                found[axis.name] = (inside[0], inside[-1]) if axis.numeric else inside
        else:
            least = axis.low if low < CLOSE else _rounded(axis.at(low))
            found[axis.name] = least, axis.high if high > 1 - CLOSE else _rounded(axis.at(high))
    return found


def brushes(filters: Filters, axes: Sequence[Axis], outcome: Axis) -> Brushes:
    """The places of the filters on their axes."""
    found: dict[str, tuple[float, float]] = {}
    for axis in axes:
        if axis.name in filters:
            places = [axis.place(value) for value in filters[axis.name]]
            found[axis.name] = min(places), max(places)
    if RESULT in filters:
        worst, best = filters[RESULT]
        low = BELOW if worst == math.inf else outcome.place(worst)
        found[RESULT] = max(BELOW, low), 1.0 if best == 0 else min(1.0, outcome.place(best))
    return found


def filter_text(name: str, wanted: Filter, axes: Sequence[Axis], objective: Objective) -> str:
    """A filter as text: "Learning rate: 0.003 to 0.1"."""
    if name == RESULT:
        worst, best = wanted
        parts = [objective.text(objective.value(end)) for end in (worst, best) if 0 < end < math.inf]
        if worst == math.inf:
            return f"{objective.title}: up to {parts[0]}" if parts else f"{objective.title}: any"
        return f"{objective.title}: {' to '.join(parts)}" if best else f"{objective.title}: {parts[0]} and better"
    axis = next(axis for axis in axes if axis.name == name)
    texts = [axis.text(value) for value in wanted]
    if not axis.numeric:
        return f"{axis.title}: {', '.join(texts)}"
    return f"{axis.title}: {' to '.join(dict.fromkeys(texts))}"


def _rounded(value: float) -> float:
    """Three digits, and no decimals from 20 on."""
    return round(value) if value >= 20 else float(f"{value:.3g}")


def set_brushed(selection: Mapping[str, Sequence[float]], axes: Sequence[Axis], outcome: Axis) -> None:
    """Add the filters of a rectangle; an empty one changes nothing. Callback."""
    if selection.get("axis") and selection.get("place"):
        page_state.sweep_filters = page_state.sweep_filters | brushed(selection, axes, outcome)


def _set_filter(name: str, wanted: Filter | None) -> None:
    """Set or remove (None) the filter of an axis. Callback."""
    others = {known: other for known, other in page_state.sweep_filters.items() if known != name}
    page_state.sweep_filters = others | ({name: wanted} if wanted else {})
    page_state.sweep_brushes += 1  # a new chart, without a rectangle


def render_filters(trials: Sequence[Trial], shown: int, axes: Sequence[Axis], objective: Objective) -> None:
    """The active filters as buttons that remove them, and boxes to set filters."""
    with st.container(horizontal=True, vertical_alignment="center", key="sweep-filters"):
        with st.popover("Filter", icon=":material/filter_alt:"):
            for axis in axes:
                _render_box(axis, trials)
            worst_first = sorted({objective.error(value) for value in values_of(trials)}, reverse=True)
            _render_ends(RESULT, objective.title, {objective.text(objective.value(one)): one for one in worst_first})
        for name, wanted in page_state.sweep_filters.items():
            if name == RESULT or any(axis.name == name for axis in axes):
                text = plain_text(filter_text(name, wanted, axes, objective))
                options: dict[str, Any] = {
                    "key": f"sweep-chip-{name}",
                    "icon": ":material/close:",
                    "help": "Remove this filter",
                }
                st.button(text, on_click=_set_filter, args=(name, None), **options)
        if page_state.sweep_filters:
            st.caption(f"{shown} of {len(trials)} trials")
        else:
            st.caption("Drag along an axis to show only some of the trials.", width="content")


def _render_box(axis: Axis, trials: Sequence[Trial]) -> None:
    """The choices of a setting, or its lowest and highest value."""
    if axis.numeric:
        values = sorted({trial.params[axis.name] for trial in trials if axis.name in trial.params})
        _render_ends(axis.name, axis.title, {axis.text(value): value for value in values})
        return
    key = f"filter-{axis.name}"

    def change() -> None:
        chosen = tuple(state.widget(key))
        _set_filter(axis.name, chosen if set(chosen) != set(axis.steps) else None)

    state.set_widget(key, list(page_state.sweep_filters.get(axis.name) or axis.steps))
    st.multiselect(axis.title, axis.steps, key=key, format_func=axis.text, on_change=change)


def _render_ends(name: str, title: str, values: Mapping[str, Any]) -> None:
    """Two boxes over values (by their text) in the order of their axis."""
    texts, wanted = list(values), page_state.sweep_filters.get(name)
    if len(texts) < 2:
        return
    within = texts
    if wanted:
        low, high = sorted(wanted)
        within = [text for text in texts if low <= values[text] <= high] or texts
    ends = {"from": within[0], "to": within[-1]}
    # The shown text is part of the key: otherwise a browser that does not have the new value yet
    # would report the old one.
    keys = {end: f"filter-{end}-{name}-{text}" for end, text in ends.items()}

    def change() -> None:
        first, last = sorted(texts.index(state.widget(key)) for key in keys.values())
        everything = (first, last) == (0, len(texts) - 1)
        _set_filter(name, None if everything else (values[texts[first]], values[texts[last]]))

    with st.container(horizontal=True):
        for end, text in ends.items():
            state.set_widget(keys[end], text)
            st.selectbox(f"{title} {end}", texts, key=keys[end], on_change=change)
