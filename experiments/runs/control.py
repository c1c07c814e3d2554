"""Control: start, resume, pause and stop the training of runs.

Each is trained by a worker, a process of its own.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from experiments.jobs.launch import launch
from experiments.jobs.record import JobError
from experiments.runs.config import BOUNDS, RunConfig
from experiments.runs.run import Run, RunError, create_run
from experiments.runs.table import run_rows
from experiments.training import worker

SEEDS = 5


def start(run: Run) -> None:
    """Start a worker on a queued run. It waits for its turn by itself."""
    if run.status().pid:
        raise RunError(f"The run {run.id} has had a worker: resume it.")
    _launch_first_worker(run)


def start_training(config: RunConfig, *, name: str = "", start: Path | None = None) -> Run:
    """A new run and a worker on it; `start` is the checkpoint to continue from."""
    run = create_run(config, name=name, start=start)
    _launch_first_worker(run)
    return run


def train_with_seeds(run: Run, count: int = SEEDS) -> list[Run]:
    """The run and those with the next seeds, `count` in all, of which the missing ones are started.

    They show how much of a result is chance.
    """
    config, name = run.config, run.name.partition(", seed ")[0]
    # newest first, so that of two runs with the same config the older one is used
    existing = {row.config: row.run for row in run_rows() if row.status.active or row.status.state == "finished"}
    runs = [run]
    for number in range(1, count):
        other = config.replace(seed=(config.seed + number) % int(BOUNDS["seed"].high))
        start = run.start if config.start_from else None
        fresh = other if start is None else other.replace(start_from="")
        runs.append(existing.get(other) or start_training(fresh, name=f"{name}, seed {other.seed}", start=start))
    return runs


def resume(run: Run) -> None:
    """Continue a run: a paused one has a worker, any other gets one at its last checkpoint."""
    status = run.status()
    if status.active:
        run.request("run")
        return
    if status.state == "finished":
        raise RunError(f"The run {run.id} is finished: there is nothing to resume.")
    run.enqueue()
    try:
        _launch_worker(run)
    except RunError as error:
        run.set_status(state=status.state, reason=str(error))
        raise


def pause(run: Run) -> None:
    """Halt the run where it is and give its place to another; its process stays."""
    run.request("pause")


def stop(run: Run) -> None:
    """End the run within half a second and save its model; it can be resumed later."""
    run.request("stop")


def set_learning_rate(run: Run, rate: float | None) -> None:
    """Use this learning rate from the next step on; None goes back to the schedule."""
    run.request(learning_rate=rate)


def _launch_first_worker(run: Run) -> None:
    """Start a worker on a run that was just made.

    If no process can be started, the folder is removed.
    """
    try:
        _launch_worker(run)
    except RunError:
        if not run.last.exists():
            shutil.rmtree(run.folder, ignore_errors=True)
        raise


def _launch_worker(run: Run) -> None:
    try:
        launch(worker.main, run.folder, threads=run.config.threads)
    except JobError as error:
        raise RunError(str(error)) from error
