"""Sweeps: many trainings of one search, in a folder that says what is tried, how far it is and what came of it."""

from experiments.sweeps.spec import SweepError, SweepSpec
from experiments.sweeps.sweep import (
    Sweep,
    SweepStatus,
    create_sweep,
    list_sweeps,
    open_sweep,
    run_sweep,
    start_sweep,
    sweeps_folder,
    unused_name,
)
from experiments.sweeps.trials import Trial

__all__ = [
    "Sweep",
    "SweepError",
    "SweepSpec",
    "SweepStatus",
    "Trial",
    "create_sweep",
    "list_sweeps",
    "open_sweep",
    "run_sweep",
    "start_sweep",
    "sweeps_folder",
    "unused_name",
]
