"""Filters: which trials of a sweep are shown, chosen by dragging along an axis or in boxes."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import streamlit as st

from dashboard.charts.parallel import BELOW, Brushes
from dashboard.charts.sweep_values import Axis, Objective, result_of, values_of
from dashboard.explore.state import page_state
from dashboard.session import state
from experiments.sweeps import Trial

Filters: TypeAlias = Mapping[
    str, tuple[Any, ...]
]  # name of an axis -> the lowest and the highest value, or the choices

RESULT = "result"
FAR = 0.06  # places beyond an end that count as the end: nobody drags to the pixel


def kept_by(filters: Filters, trials: Iterable[Trial], axes: Sequence[Axis], result: Objective) -> list[Trial]:
    """The trials that pass every filter."""
    known = {axis.name: axis for axis in axes}
    return [
        trial
        for trial in trials
        if all(
            passes_result(trial, wanted, result) if name == RESULT else passes(trial, known[name], wanted)
            for name, wanted in filters.items()
            if name == RESULT or name in known
        )
    ]


def passes(trial: Trial, axis: Axis, wanted: tuple[Any, ...]) -> bool:
    value = trial.params.get(axis.name)
    return value is not None and (wanted[0] <= value <= wanted[1] if axis.numeric else value in wanted)


def passes_result(trial: Trial, wanted: tuple[Any, ...], result: Objective) -> bool:
    """Bounds are the worst and the best badness; without a lower bound trials that diverged are in."""
    value = result_of(trial)
    if value is None:
        return trial.state == "diverged" and wanted[0] == math.inf
    return bool(wanted[1] <= result.error(value) <= wanted[0])


def brushed(
    selection: Mapping[str, Sequence[float]], axes: Sequence[Axis], outcome: Axis
) -> dict[str, tuple[Any, ...]]:
    """What a rectangle dragged over the parallel figure asks for: a filter on each axis that it crosses.

    One between two axes means the nearer one.
    """
    every = [*axes, outcome]
    start, end = sorted(selection["axis"])
    low, high = sorted(selection["place"])
    crossed = [place for place in range(len(every)) if start <= place <= end]
    nearest = min(range(len(every)), key=lambda place: abs(place - (start + end) / 2))
    found: dict[str, tuple[Any, ...]] = {}
    for place in crossed or [nearest]:
        axis = every[place]
        if axis is outcome:
            found[RESULT] = (
                math.inf if low < -FAR else axis.at(max(0.0, low)),
                0.0 if high > 1 - FAR else axis.at(high),
            )
        elif axis.steps:
            inside = tuple(step for step in axis.steps if low - FAR / 2 <= axis.place(step) <= high + FAR / 2)
            if inside:
                found[axis.name] = (inside[0], inside[-1]) if axis.numeric else inside
        else:
            found[axis.name] = (
                axis.low if low < FAR else rounded(axis.at(low)),
                axis.high if high > 1 - FAR else rounded(axis.at(high)),
            )
    return found


def brushes(filters: Filters, axes: Sequence[Axis], outcome: Axis) -> Brushes:
    """Where the filters lie on their axes."""
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


def words(name: str, wanted: tuple[Any, ...], axes: Sequence[Axis], result: Objective) -> str:
    """A filter as a person would say it: "Learning rate 0.003 to 0.1"."""
    if name == RESULT:
        worst, best = wanted
        parts = [result.text(result.value(end)) for end in (worst, best) if 0 < end < math.inf]
        if worst == math.inf:
            return f"{result.title}: up to {parts[0]}" if parts else f"{result.title}: any"
        return f"{result.title}: {' to '.join(parts)}" if best else f"{result.title}: {parts[0]} and better"
    axis = next(axis for axis in axes if axis.name == name)
    if not axis.numeric:
        return f"{axis.title}: {', '.join(map(axis.text, wanted))}"
    low, high = map(axis.text, wanted)
    return f"{axis.title}: {low} to {high}" if low != high else f"{axis.title}: {low}"


def rounded(value: float) -> float:
    """Three digits, and nothing behind the point of a number with two digits before it."""
    return round(value) if value >= 20 else float(f"{value:.3g}")


def take_brush(selection: Mapping[str, Sequence[float]], axes: Sequence[Axis], outcome: Axis) -> None:
    """Adds the filters of a rectangle dragged over the parallel figure; an emptied one changes nothing."""
    if selection.get("axis") and selection.get("place"):
        page_state.sweep_filters = page_state.sweep_filters | brushed(selection, axes, outcome)


def take_off(name: str) -> None:
    page_state.sweep_filters = {known: wanted for known, wanted in page_state.sweep_filters.items() if known != name}
    page_state.sweep_brushes += 1  # a new chart, on which nothing is dragged


def render_filters(trials: Sequence[Trial], shown: int, axes: Sequence[Axis], result: Objective) -> None:
    """The filters that hold, each with the button that takes it off, and boxes to set them without a mouse."""
    with st.container(horizontal=True, vertical_alignment="center", key="sweep-filters"):
        with st.popover("Filter", icon=":material/filter_alt:"):
            for axis in axes:
                render_box(axis, trials)
            render_result_box(trials, result)
        for name, wanted in page_state.sweep_filters.items():
            if name == RESULT or any(axis.name == name for axis in axes):
                st.button(
                    words(name, wanted, axes, result),
                    key=f"sweep-chip-{name}",
                    icon=":material/close:",
                    help="Take this filter off",
                    on_click=take_off,
                    args=(name,),
                )
        if page_state.sweep_filters:
            st.caption(f"{shown} of {len(trials)} trials")
        else:
            st.caption("Drag along an axis to show a part of the trials only.", width="content")


def render_box(axis: Axis, trials: Sequence[Trial]) -> None:
    """A setting: the choices wanted, or from which of its values to which."""
    wanted = page_state.sweep_filters.get(axis.name)
    if axis.numeric:
        values = sorted({trial.params[axis.name] for trial in trials if axis.name in trial.params})
        render_ends(axis.name, axis.title, {axis.text(value): value for value in values}, wanted)
        return
    key = f"filter-{axis.name}"
    state.set_widget(key, list(wanted or axis.steps))
    st.multiselect(
        axis.title, axis.steps, key=key, format_func=axis.text, on_change=set_choices, args=(axis.name, key, axis)
    )


def render_result_box(trials: Sequence[Trial], result: Objective) -> None:
    worst_first = sorted({result.error(value) for value in values_of(trials)}, reverse=True)
    texts = {result.text(result.value(badness)): badness for badness in worst_first}
    render_ends(RESULT, result.title, texts, page_state.sweep_filters.get(RESULT))


def render_ends(name: str, title: str, values: Mapping[str, Any], wanted: tuple[Any, ...] | None) -> None:
    """Two boxes over values in the order of their axis."""
    texts = list(values)
    if len(texts) < 2:
        return
    within = texts
    if wanted:
        low, high = sorted(wanted)
        within = [text for text in texts if low <= values[text] <= high] or texts
    ends = within[0], within[-1]
    # What a box shows is in its key: a browser that has not yet heard of a new value says nothing about it.
    keys = tuple(f"filter-{end}-{name}-{text}" for end, text in zip(("from", "to"), ends, strict=True))
    with st.container(horizontal=True):
        for key, end, text in zip(keys, ("from", "to"), ends, strict=True):
            state.set_widget(key, text)
            st.selectbox(f"{title} {end}", texts, key=key, on_change=set_ends, args=(name, values, keys))


def set_ends(name: str, values: Mapping[str, Any], keys: tuple[str, str]) -> None:
    texts = list(values)
    first, last = sorted(texts.index(state.widget(key)) for key in keys)
    take_off(name)
    if (first, last) != (0, len(texts) - 1):
        page_state.sweep_filters = page_state.sweep_filters | {name: (values[texts[first]], values[texts[last]])}


def set_choices(name: str, key: str, axis: Axis) -> None:
    chosen = tuple(state.widget(key))
    take_off(name)
    if chosen and set(chosen) != set(axis.steps):
        page_state.sweep_filters = page_state.sweep_filters | {name: chosen}
