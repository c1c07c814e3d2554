"""Chosen runs: those that a person compares, each with a name and a colour of its own."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dashboard.plots.runs import Line, Outcome
from dashboard.resources import history
from dashboard.state import state
from experiments.run_table import RunRow, seed_groups


@dataclass(frozen=True)
class Chosen:
    """A run with its place among the chosen ones, which decides its colour, and a name that no other of them has."""

    row: RunRow
    place: int
    name: str


def chosen_among(rows: Iterable[RunRow]) -> list[Chosen]:
    """The chosen runs that are there, in the order of their places."""
    places = state.chosen_runs()
    found = sorted((row for row in rows if row.id in places), key=lambda row: places[row.id])
    return [Chosen(row, places[row.id], name) for row, name in zip(found, names(found), strict=True)]


def names(rows: Sequence[RunRow]) -> list[str]:
    """What each run is called; where that is not enough, with the time when it was made."""
    times = Counter(row.name for row in rows)
    return [f"{row.name}, {made(row)}" if times[row.name] > 1 else row.name for row in rows]


def made(row: RunRow) -> str:
    moment = time.localtime(row.created)
    today = time.strftime("%F", moment) == time.strftime("%F")
    return time.strftime("%H:%M:%S" if today else "%-d %b %H:%M:%S", moment)


def seed_sets(chosen: Sequence[Chosen]) -> list[list[Chosen]]:
    """The chosen runs, those together that differ by their seed only."""
    by_id = {one.row.id: one for one in chosen}
    return [[by_id[row.id] for row in rows] for rows in seed_groups([one.row for one in chosen])]


def lines(sets: Iterable[Sequence[Chosen]]) -> list[Line]:
    """A line for each set, in the colour of its first run."""
    return [Line(set_name(some), some[0].place, tuple(history(one.row.run) for one in some)) for some in sets]


def set_name(some: Sequence[Chosen]) -> str:
    first, *others = some
    return f"{first.row.name}, {len(some)} seeds" if others else first.name


def outcomes(chosen: Iterable[Chosen]) -> list[Outcome]:
    return [
        Outcome(one.name, one.place, one.row.best_accuracy, one.row.best_loss, one.row.status.validation_images)
        for one in chosen
    ]
