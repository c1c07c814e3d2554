"""Chosen runs: those that a person compares, each with a name and a colour of its own."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.charts.run_curves import MOST, Line
from dashboard.charts.run_results import Outcome
from dashboard.components.forms import named
from dashboard.components.resources import history
from dashboard.session import state
from experiments.runs.settings import differing, in_words
from experiments.runs.table import RunRow, seed_groups
from experiments.sweeps import list_sweeps

MEAN = "mean"  # the widget that asks whether seeds are drawn as their mean
TOLD = 2  # settings in a name


@dataclass(frozen=True)
class Chosen:
    """A run with its place among the chosen ones, which decides its colour, and a name that no other of them has."""

    row: RunRow
    place: int
    name: str


def chosen_among(rows: Iterable[RunRow], *, mean: bool | None = None) -> list[Chosen]:
    """The chosen runs that are there, in the order of their places.

    `mean`: those that differ by their seed only are drawn as one line, so they all have the place of the first. Where
    nothing is said, as it was asked for last.
    """
    places = state.chosen_runs()
    found = sorted((row for row in rows if row.id in places), key=lambda row: places[row.id])
    if state.widget(MEAN, True) if mean is None else mean:
        sets = seed_groups(found)
        taken = {places[first.id] for first, *_ in sets}
        free = (place for place in range(MOST) if place not in taken)
        for some in sets:
            first = places[some[0].id]
            place = first if first < MOST else next(free, first)  # fewer lines than runs: there may be a colour now
            places |= {row.id: place for row in some}
    return [Chosen(row, places[row.id], name) for row, name in zip(found, names(found), strict=True)]


def group_names(rows: Iterable[RunRow]) -> dict[str, str]:
    """What the groups of these runs are called, by their ids: a sweep by its name."""
    groups = {row.group: row.trial is not None for row in rows if row.group}
    sweeps = {sweep.id: sweep.spec.name for sweep in list_sweeps()} if any(groups.values()) else {}
    return {group: sweeps.get(group) or group.replace("-", " ").capitalize() for group in groups}


def name_in_group(row: RunRow, groups: Mapping[str, str]) -> str:
    """The name where the group is said beside it: "Trial 3, seed 1"."""
    short = row.name.removeprefix(f"{groups[row.group]}, ") if row.group else row.name
    return short if short == row.name else short[:1].upper() + short[1:]


def names(rows: Sequence[RunRow]) -> list[str]:
    """What each run is called; where others are called so too, with what tells it from them."""
    found = [row.name for row in rows]
    if len(rows) > 1 and len({row.group for row in rows}) == 1:
        groups = group_names(rows)
        found = [name_in_group(row, groups) for row in rows]
    for tell in (by_settings, by_time, by_number):
        same: dict[str, list[int]] = {}
        for place, name in enumerate(found):
            same.setdefault(name, []).append(place)
        for name, places in same.items():
            if len(places) > 1:
                for place, more in zip(places, tell([rows[place] for place in places]), strict=True):
                    found[place] = f"{name}, {more}" if more else name
    return found


def by_settings(rows: Sequence[RunRow]) -> list[str]:
    settings = differing(row.config for row in rows)[:TOLD]
    return [", ".join(f"{named(one).lower()} {in_words(row.config, one)}" for one in settings) for row in rows]


def by_time(rows: Sequence[RunRow]) -> list[str]:
    return [time.strftime("%H:%M:%S", time.localtime(row.created)) for row in rows]


def by_number(rows: Sequence[RunRow]) -> list[str]:
    return [str(number) for number in range(1, len(rows) + 1)]


def seed_sets(chosen: Sequence[Chosen]) -> list[list[Chosen]]:
    """The chosen runs, those together that differ by their seed only."""
    by_id = {one.row.id: one for one in chosen}
    return [[by_id[row.id] for row in rows] for rows in seed_groups([one.row for one in chosen])]


def lines(sets: Iterable[Sequence[Chosen]]) -> list[Line]:
    """A line for each set, in the colour of its first run."""
    return [Line(set_name(some), some[0].place, tuple(history(one.row.run) for one in some)) for some in sets]


def set_name(some: Sequence[Chosen]) -> str:
    first, *others = some
    return f"{first.name.partition(', seed ')[0]}, {len(some)} seeds" if others else first.name


def outcomes(chosen: Iterable[Chosen]) -> list[Outcome]:
    return [
        Outcome(one.name, one.place, one.row.best_accuracy, one.row.best_loss, one.row.status.validation_images)
        for one in chosen
    ]
