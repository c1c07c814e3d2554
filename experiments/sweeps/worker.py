"""Sweep worker: starts the process that drives a sweep for a page, and is its main module."""

from __future__ import annotations

import sys
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from experiments.jobs.launch import Shutdown, launch, worker_main
from experiments.jobs.record import JobError
from experiments.sweeps.space import SweepError
from experiments.sweeps.spec import SweepSpec
from experiments.sweeps.status import SweepStatus
from experiments.sweeps.sweep import Sweep, create_sweep


def start_sweep(spec: SweepSpec, storage: str = "") -> Sweep:
    """Make the sweep, or continue it, in a process of its own that leaves when this one does.

    Raises SweepError.
    """
    sweep = create_sweep(spec, storage)
    resume_sweep(sweep)
    return sweep


def resume_sweep(sweep: Sweep) -> None:
    """Start a driver on a sweep. It continues the unfinished trials and tries what is left."""
    was_stopping = sweep.stop_requested
    sweep.withdraw_stop()
    if sweep.is_alive() and not was_stopping:
        return
    with sweep.change_lock():
        before = sweep.stored()
        sweep.set_begun(0)
    try:
        launch(main, sweep.folder)
    except JobError as error:
        with sweep.change_lock():
            sweep.write_status(replace(before, state="failed", reason=str(error)))
        raise SweepError(str(error)) from error


def drive(folder: Path, shutdown: Shutdown) -> Generator[SweepStatus, None, None]:
    """Drive the sweep in this folder until it ends or this process is asked to."""
    from experiments.sweeps.driver import Driver  # not above: it loads Optuna, which pages avoid

    return Driver(Sweep(folder), shutdown=shutdown, has_process=True).drive()


def main() -> int:
    """The process that `resume_sweep` starts; -> exit status."""
    return worker_main(drive)


if __name__ == "__main__":
    sys.exit(main())
