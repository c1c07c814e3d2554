"""Trials: the combinations that a sweep tries, and what came of each."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from experiments.runs.run import Run, RunError, Status, runs_folder
from experiments.sweeps import space as search
from experiments.sweeps.space import Params
from experiments.sweeps.spec import SweepSpec


@dataclass(frozen=True)
class Trial:
    """One combination: what it is, and what came of it so far."""

    number: int
    params: Params
    state: str = "running"
    """running, done, pruned, diverged, failed or stopped."""
    over: bool = False
    """Whether nothing more comes of it: one that stopped with its sweep goes on with it."""
    value: float | None = None
    """The mean over its seeds, of those that have been validated."""
    values: tuple[float, ...] = ()
    """One a seed."""
    runs: tuple[str, ...] = ()
    """Their ids, in the order of the seeds."""
    epochs: float = 0.0
    seconds: float = 0.0
    """Spent training, all its runs together."""
    started: float = 0.0
    reason: str = ""


def statuses_of(trial: Trial) -> list[Status]:
    """What the runs of a trial say; those that are gone say nothing."""
    found = []
    for run in trial.runs:
        with contextlib.suppress(RunError, OSError):
            found.append(Run(runs_folder() / run).status())
    return found


def with_results(trial: Trial, spec: SweepSpec, statuses: list[Status]) -> Trial:
    """The trial with what these runs of it came to."""
    results = [s.best_validation_accuracy if spec.maximize else s.best_validation_loss for s in statuses]
    values = tuple(result for result in results if result is not None)
    return replace(
        trial,
        value=fmean(values) if values else None,
        values=values,
        epochs=sum(status.epoch for status in statuses),
        seconds=sum(status.seconds for status in statuses),
    )


def best_of(spec: SweepSpec, trials: list[Trial]) -> Trial | None:
    """The best of those that are done, the first of equals."""
    sign = -1 if spec.maximize else 1
    done = [
        (sign * trial.value, trial.number, trial)
        for trial in trials
        if trial.state == "done" and trial.value is not None
    ]
    return min(done)[2] if done else None


def trial_of(found: dict[str, Any]) -> Trial:
    """The trial that `asdict` made these JSON values of."""
    params = {name: search.unplain(value) for name, value in found["params"].items()}
    return Trial(**found | {"params": params, "values": tuple(found["values"]), "runs": tuple(found["runs"])})
