"""Trials: the combinations of settings that a sweep tries, with their results."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

import numpy as np

from experiments.runs.run import Status
from experiments.sweeps.space import Params

FEW_VALUES = 6  # a setting with more values than this is grouped into thirds: low, middle, high
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Trial:
    """One combination of settings and its result so far."""

    number: int
    params: Params
    state: str = "running"
    """running, done, pruned, diverged, failed or stopped."""
    over: bool = False
    """Whether it has ended.

    A trial that stopped together with its sweep has not: it continues later.
    """
    values: tuple[float, ...] = ()
    """The objective of each run that was validated, one run per seed."""
    runs: tuple[str, ...] = ()
    """Ids of its runs, in the order of their seeds."""
    epochs: float = 0.0
    """Epochs trained, all its runs together."""
    seconds: float = 0.0
    """Seconds spent training, all its runs together."""
    started: float = 0.0
    """When it began, in seconds since 1970."""
    reason: str = ""

    @property
    def value(self) -> float | None:
        """The objective: the mean over its runs. None before the first validation."""
        return fmean(self.values) if self.values else None

    def to_dict(self) -> dict[str, Any]:
        """Its fields and its value."""
        return {**asdict(self), "value": self.value}

    def with_results(self, statuses: Sequence[Status], objective: str) -> Trial:
        """The trial with the results of its runs, given by their statuses."""
        if higher_is_better(objective):
            results = [status.best_validation_accuracy for status in statuses]
        else:
            results = [status.best_validation_loss for status in statuses]
        return replace(
            self,
            values=tuple(result for result in results if result is not None),
            epochs=sum(status.epoch for status in statuses),
            seconds=sum(status.seconds for status in statuses),
        )


def finished(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that ended with a result."""
    return [
        trial for trial in trials if trial.state == "done" and trial.value is not None and math.isfinite(trial.value)
    ]


def judged(trials: Iterable[Trial]) -> list[Trial]:
    """The trials that tell whether their settings work: diverged and pruned ones, then finished
    ones.
    """
    return [trial for trial in trials if trial.state in ("diverged", "pruned")] + finished(trials)


def value_of(trial: Trial) -> float:
    """The objective of a finished trial."""
    assert trial.value is not None
    return trial.value


def higher_is_better(objective: str) -> bool:
    """Whether a higher value of the objective is better."""
    return objective == "validation_accuracy"


def cost_of(trial: Trial, objective: str) -> float:
    """The objective of a finished trial, with the sign that makes lower values better."""
    return -value_of(trial) if higher_is_better(objective) else value_of(trial)


def ranked(trials: Iterable[Trial], objective: str) -> list[Trial]:
    """The finished trials, the best first; of equal ones the first number first."""
    return sorted(finished(trials), key=lambda trial: (cost_of(trial, objective), trial.number))


def distinct(trials: Iterable[Trial], name: str) -> list[Any]:
    """The values of a setting, each once, in the order of the trials."""
    return list(dict.fromkeys(trial.params[name] for trial in trials if name in trial.params))


def grouped(trials: Sequence[Trial], name: str) -> list[list[Trial]]:
    """The trials by their value of a setting; by thirds if the setting is a number with many
    values.
    """
    values = distinct(trials, name)
    if groups_by_value(values):
        return [[trial for trial in trials if trial.params[name] == value] for value in values]
    in_order = sorted(trials, key=lambda trial: trial.params[name])
    return [list(part) for part in np.array_split(np.array(in_order, dtype=object), 3)]


def groups_by_value(values: Sequence[Any]) -> bool:
    """Whether `grouped` makes one group for each of these values."""
    return len(values) <= FEW_VALUES or not all(map(is_number, values))


def is_number(value: Any) -> bool:
    """Whether a value is a number; True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
