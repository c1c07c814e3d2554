"""Deletion: a deleted run or sweep is moved aside whole, and can be brought back."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from filelock import Timeout

from experiments.runs.run import Run, RunError, runs_folder
from experiments.sweeps import Sweep, SweepError, sweeps_folder

HOLD_SECONDS = 0.5  # those who look whether a run is alive touch its lock for a moment


def deleted_folder() -> Path:
    """Where deleted runs are: hidden among the others, so on the same disk."""
    return runs_folder() / ".deleted"


def delete_run(run: Run) -> Run:
    """Move a run aside, also a damaged one.

    -> the run where it is now. Nobody may be training it.
    """
    if run.folder.parent != runs_folder():
        raise RunError(f"The run lies in {run.folder}, not in the runs folder: delete that folder yourself.")
    if not run.folder.is_dir():
        raise RunError(f"There is no run {run.id} in {run.folder.parent}.")
    busy = RunError(f"The run {run.id} is being trained or waits for its turn: stop it first.")
    if _active(run):
        raise busy
    lock = run.lock
    try:
        lock.acquire(timeout=HOLD_SECONDS)
    except Timeout:
        raise busy from None
    try:
        if os.name == "nt":
            lock.release()  # Windows moves no folder in which a file is open
        os.utime(run.folder)  # when it was deleted
        return _moved(run, deleted_folder())
    finally:
        lock.release()  # until here no worker takes it up


def deleted_runs() -> list[Run]:
    """What can be restored, the last deleted first."""
    return [Run(folder) for folder in _newest_first(deleted_folder())]


def restore_run(run_id: str) -> Run:
    """Bring a deleted run back as it was."""
    deleted = {run.id: run for run in deleted_runs()}
    if run_id not in deleted:
        raise RunError(f"There is no deleted run {run_id!r}. Deleted are: {', '.join(deleted) or 'none'}.")
    return _moved(deleted[run_id], runs_folder())


def delete_sweep(sweep: Sweep) -> Sweep:
    """Move a sweep aside with its runs.

    -> the sweep where it is now. Nobody may be driving it. Raises SweepError.
    """
    if sweep.status().active:
        raise SweepError(f"The sweep {sweep.spec.name} is underway: stop it first.")
    ids = [run_id for trial in sweep.trials() for run_id in trial.runs]
    os.utime(sweep.folder)  # when it was deleted
    # with a number behind it, because another sweep of this name may have been deleted before
    moved = Sweep(_move(sweep.folder, _deleted_sweeps_folder() / f"{sweep.id}.{time.time_ns()}", SweepError))
    for run_id in ids:
        with contextlib.suppress(RunError):  # it is gone, or somebody trains it by itself
            delete_run(Run(runs_folder() / run_id))
    return moved


def deleted_sweeps() -> list[Sweep]:
    """What can be restored, the last deleted first."""
    return [Sweep(folder) for folder in _newest_first(_deleted_sweeps_folder()) if (folder / "sweep.json").is_file()]


def restore_sweep(deleted: Sweep) -> Sweep:
    """Bring a deleted sweep back with those of its runs that are not back yet.

    Raises SweepError.
    """
    sweep = Sweep(_move(deleted.folder, sweeps_folder() / deleted.id.partition(".")[0], SweepError))
    for run_id in [run for trial in sweep.published_trials() for run in trial.runs or sweep.run_ids(trial.number)]:
        if (deleted_folder() / run_id).is_dir():
            with contextlib.suppress(RunError):
                _moved(Run(deleted_folder() / run_id), runs_folder())
    return sweep


def _deleted_sweeps_folder() -> Path:
    return sweeps_folder() / ".deleted"


def _newest_first(folder: Path) -> list[Path]:
    try:
        folders = [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir()]
    except FileNotFoundError:
        return []
    return sorted(folders, key=lambda folder: folder.stat().st_mtime_ns, reverse=True)


def _active(run: Run) -> bool:
    try:
        return run.status().active
    except RunError:
        return False  # damaged


def _moved(run: Run, into: Path) -> Run:
    return Run(_move(run.folder, into / run.id, RunError))


def _move(folder: Path, moved: Path, error: type[RunError] | type[SweepError]) -> Path:
    """The folder where it is now."""
    moved.parent.mkdir(parents=True, exist_ok=True)
    if moved.exists():
        raise error(f"{moved} is there already: nothing is overwritten. Move one of the two away.")
    try:
        folder.rename(moved)
    except OSError as problem:
        raise error(f"{folder} cannot be moved to {moved.parent}: {problem.strerror}.") from problem
    return moved
