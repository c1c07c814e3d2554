"""The runs that a person compares: their names, colours and lines in the charts."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from dashboard.access.visibility import list_sweeps
from dashboard.charts.run_curves import MOST, Line
from dashboard.charts.run_results import Outcome
from dashboard.components.forms import named
from dashboard.components.resources import history
from dashboard.session import state
from experiments.runs.config import differing, setting_text
from experiments.runs.table import RunRow, seed_groups

MEAN = "mean"  # the widget that asks whether seeds are drawn as their mean
NAMED_SETTINGS = 2  # at most, in a name
KINDS = {"": "Single runs", "lesson": "Fine-tuning", "range-test": "Range tests"}  # by group


@dataclass(frozen=True)
class ComparedRun:
    """A run with the number of its colour and a name that none of the others has."""

    row: RunRow
    color: int
    name: str


def compared_runs(rows: Iterable[RunRow], *, mean: bool | None = None) -> list[ComparedRun]:
    """The compared runs that exist, in the order of their choice.

    With `mean` (None: as the widget shows), runs that differ only in their seed share one colour.
    """
    colors = state.chosen_runs()
    found = sorted((row for row in rows if row.id in colors), key=lambda row: colors[row.id])
    if state.widget(MEAN, True) if mean is None else mean:
        groups = seed_groups(found)
        used = {colors[first.id] for first, *_ in groups}
        free = (color for color in range(MOST) if color not in used)
        for group in groups:
            first = colors[group[0].id]
            color = first if first < MOST else next(free, first)  # fewer lines than runs: a colour may be free
            colors |= {row.id: color for row in group}
    return [ComparedRun(row, colors[row.id], name) for row, name in zip(found, distinct_names(found), strict=True)]


def group_names(rows: Iterable[RunRow]) -> dict[str, str]:
    """The names of the groups of these runs, by id; a sweep has a name of its own."""
    groups = {row.status.group: row.status.trial is not None for row in rows if row.status.group}
    sweeps = {sweep.id: sweep.spec.name for sweep in list_sweeps()} if any(groups.values()) else {}
    return {group: sweeps.get(group) or KINDS.get(group) or group.replace("-", " ").capitalize() for group in groups}


def name_in_group(row: RunRow, groups: Mapping[str, str]) -> str:
    """The name without that of the group: "Trial 3, seed 1"."""
    short = row.name.removeprefix(f"{groups[row.status.group]}, ") if row.status.group else row.name
    return short if short == row.name else short[:1].upper() + short[1:]


def distinct_names(rows: Sequence[RunRow]) -> list[str]:
    """The name of each run; differing settings, times or numbers extend equal names."""
    found = [row.name for row in rows]
    if len(rows) > 1 and len({row.status.group for row in rows}) == 1:
        groups = group_names(rows)
        found = [name_in_group(row, groups) for row in rows]
    additions: tuple[Callable[[list[RunRow]], list[str]], ...] = (
        _differing_settings,
        lambda same: [time.strftime("%H:%M:%S", time.localtime(row.status.created)) for row in same],
        lambda same: [str(number) for number in range(1, len(same) + 1)],
    )
    for addition in additions:
        places: dict[str, list[int]] = {}
        for place, name in enumerate(found):
            places.setdefault(name, []).append(place)
        for name, same in places.items():
            if len(same) > 1:
                for place, more in zip(same, addition([rows[place] for place in same]), strict=True):
                    found[place] = f"{name}, {more}" if more else name
    return found


def _differing_settings(rows: list[RunRow]) -> list[str]:
    settings = differing(row.config for row in rows)[:NAMED_SETTINGS]
    return [", ".join(f"{named(one).lower()} {setting_text(row.config, one)}" for one in settings) for row in rows]


def seed_sets(compared: Sequence[ComparedRun]) -> list[list[ComparedRun]]:
    """The compared runs, in sets that differ only in their seed."""
    by_id = {one.row.id: one for one in compared}
    return [[by_id[row.id] for row in rows] for rows in seed_groups([one.row for one in compared])]


def lines(sets: Iterable[Sequence[ComparedRun]]) -> list[Line]:
    """A line for each set, in the colour of its first run."""
    return [Line(_set_name(some), some[0].color, tuple(history(one.row.run) for one in some)) for some in sets]


def _set_name(some: Sequence[ComparedRun]) -> str:
    return some[0].name if len(some) == 1 else f"{some[0].name.partition(', seed ')[0]}, {len(some)} seeds"


def outcomes(compared: Iterable[ComparedRun]) -> list[Outcome]:
    """The results of the runs for the bar charts."""
    found = []
    for one in compared:
        status = one.row.status
        scores = status.best_validation_accuracy, status.best_validation_loss, status.validation_images
        found.append(Outcome(one.name, one.color, *scores))
    return found
