"""Sweeps: many trainings that search for good settings."""

from experiments.sweeps.space import SweepError
from experiments.sweeps.spec import SweepSpec
from experiments.sweeps.status import SweepStatus
from experiments.sweeps.sweep import (
    Sweep,
    create_sweep,
    list_sweeps,
    open_sweep,
    sweeps_folder,
    unused_name,
)
from experiments.sweeps.trials import Trial
from experiments.sweeps.worker import resume_sweep, start_sweep

__all__ = [
    "Sweep",
    "SweepError",
    "SweepSpec",
    "SweepStatus",
    "Trial",
    "create_sweep",
    "list_sweeps",
    "open_sweep",
    "resume_sweep",
    "start_sweep",
    "sweeps_folder",
    "unused_name",
]
