"""Sweep status: the record that drivers write, and with the progress the one that people see."""

from __future__ import annotations

from dataclasses import dataclass

from experiments.jobs.record import JobStatus
from experiments.jobs.values import Moment, Seconds
from experiments.sweeps.trials import Trial


@dataclass(frozen=True)
class DriverStatus(JobStatus):
    """The status that the drivers of a sweep write."""

    state: str = "stopped"
    """running, stopped, finished, failed or interrupted."""
    started: Moment = 0.0
    """Since when the present drivers work on it, in seconds since 1970."""
    seconds: Seconds = 0.0
    """How long drivers worked on it, in the file without those of now."""
    budget_from: Seconds = 0.0
    """The value of `seconds` when the present budget of minutes began."""


@dataclass(frozen=True)
class SweepStatus(DriverStatus):
    """The status of a sweep with its progress."""

    trials: int = 0
    """The largest number of trials; 0: not known."""
    done: int = 0
    running: int = 0
    pruned: int = 0
    failed: int = 0
    """Trials that failed, diverged or were stopped by hand."""
    epochs: float = 0.0
    best: Trial | None = None
    """The best of the trials that are done."""
    share: float = 0.0
    """The part of its limits that is used up, 0 to 1."""

    @property
    def ended(self) -> int:
        """The number of trials that have ended."""
        return self.done + self.pruned + self.failed
