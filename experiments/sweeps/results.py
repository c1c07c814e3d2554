"""Results: which trials have one, and how trials fall into groups by the values of a setting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from experiments.sweeps.trials import Trial

FEW_VALUES = 6  # of a setting are looked at one by one, more in three groups: low, middle, high
SIGNIFICANCE = 0.05


def finished(trials: Iterable[Trial]) -> list[Trial]:
    return [
        trial for trial in trials if trial.state == "done" and trial.value is not None and math.isfinite(trial.value)
    ]


def judged(trials: Iterable[Trial]) -> list[Trial]:
    """Those of which it is known how they ended."""
    return [trial for trial in trials if trial.state in ("diverged", "pruned")] + finished(trials)


def value_of(trial: Trial) -> float:
    assert trial.value is not None  # it is finished
    return trial.value


def more_is_better(objective: str) -> bool:
    return objective == "validation_accuracy"


def cost_of(trial: Trial, objective: str) -> float:
    return -value_of(trial) if more_is_better(objective) else value_of(trial)


def distinct(trials: Iterable[Trial], name: str) -> list[Any]:
    """The values of a setting, each once, in the order of the trials."""
    return list({key_of(trial.params[name]): trial.params[name] for trial in trials if name in trial.params}.values())


def grouped(trials: Sequence[Trial], name: str) -> list[list[Trial]]:
    """By the value of a setting; of a number with many values by thirds of its trials."""
    values = distinct(trials, name)
    if one_by_one(values):
        return [[trial for trial in trials if trial.params[name] == value] for value in values]
    in_order = sorted(trials, key=lambda trial: trial.params[name])
    return [list(part) for part in np.array_split(np.array(in_order, dtype=object), 3)]


def one_by_one(values: Sequence[Any]) -> bool:
    return len(values) <= FEW_VALUES or not all(map(is_number, values))


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def key_of(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
