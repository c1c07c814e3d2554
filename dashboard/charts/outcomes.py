"""Outcomes: what the trials of a sweep came to, in their order and in words."""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dashboard.charts.axis import Result

if TYPE_CHECKING:
    from experiments.sweeps import Trial

STATES = {
    "running": "running",
    "done": "finished",
    "pruned": "stopped early",
    "diverged": "diverged",
    "failed": "failed",
    "stopped": "stopped",
}


def result_of(trial: "Trial") -> float | None:
    """What a trial came to, so far if it is not over; one that diverged came to nothing."""
    found = trial.value
    return None if trial.state == "diverged" or found is None or not math.isfinite(found) else found


def outcome_text(trial: "Trial", result: Result) -> str:
    """What a trial came to: 97.4 %, 97.4 % ± 0.2 %, 91.0 % (stopped early), diverged."""
    value = result_of(trial)
    if value is None:
        return STATES[trial.state]
    text = result.text(value)
    deviation = spread(trial.values)
    if deviation is not None:
        text += f" ± {result.spread_text(deviation)}"
    return text if trial.state == "done" else f"{text} ({STATES[trial.state]})"


def spread(values: Sequence[float]) -> float | None:
    """The standard deviation over the seeds of a trial; None with fewer than two."""
    if len(values) < 2:
        return None
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def in_order(trials: Iterable["Trial"], result: Result) -> list["Trial"]:
    """The best first: what finished, then what has some result, then the rest."""

    def rank(trial: "Trial") -> tuple[bool, bool, float, int]:
        value = result_of(trial)
        return trial.state != "done", value is None, 0.0 if value is None else result.badness(value), trial.number

    return sorted(trials, key=rank)


def best_of(trials: Iterable["Trial"], result: Result) -> "Trial | None":
    """The first in order, if there is any."""
    return next(iter(in_order(trials, result)), None)


def values_of(trials: Iterable["Trial"]) -> list[float]:
    return [value for trial in trials if (value := result_of(trial)) is not None]
