"""Trash: a deleted run or sweep is moved aside whole, and can be restored for 30 days."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path
from typing import Any, TypeVar

from filelock import Timeout

from dataset.drawings.log import timestamp
from dataset.files import append
from experiments.jobs.record import Job, read_record, shortened
from experiments.runs.run import Label, Run, RunError, runs_folder
from experiments.sweeps import Sweep, SweepError, sweeps_folder

KEPT_DAYS = 30  # a deleted run or sweep can be restored for at least this long
HOLD_SECONDS = 0.5  # readers hold the lock for a moment when they look whether a run is alive

J = TypeVar("J", bound=Job[Any])


def deleted_folder() -> Path:
    """Where deleted runs are: hidden among the others, so on the same disk."""
    return runs_folder() / ".deleted"


def delete_run(run: Run) -> Run:
    """Move a run aside, also a damaged one.

    -> the run where it is now. No worker may train it. Raises RunError.
    """
    if run.folder.parent != runs_folder():
        raise RunError(f"The run is in {run.folder}, not in the runs folder: delete that folder yourself.")
    if not run.folder.is_dir():
        raise RunError(f"There is no run {run.id} in {run.folder.parent}.")
    busy = RunError(f"The run {run.id} is being trained or waits for its turn: stop it first.")
    if _is_active(run):
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
        return _move(run, deleted_folder() / run.id)
    finally:
        lock.release()  # no worker can begin before this


def deleted_runs() -> list[Run]:
    """The runs that can be restored, the last deleted first."""
    return [Run(folder) for folder in _newest_first(deleted_folder())]


def restore_run(run_id: str) -> Run:
    """Move a deleted run back. Raises RunError."""
    deleted = {run.id: run for run in deleted_runs()}
    if run_id not in deleted:
        raise RunError(f"There is no deleted run {shortened(run_id)!r}. Deleted are: {', '.join(deleted) or 'none'}.")
    return _move(deleted[run_id], runs_folder() / run_id)


def delete_sweep(sweep: Sweep) -> Sweep:
    """Move a sweep aside with its runs.

    -> the sweep where it is now. No driver may work on it. Raises SweepError.
    """
    if sweep.status().active:
        raise SweepError(f"The sweep {sweep.spec.name} is underway: stop it first.")
    ids = [run_id for trial in sweep.trials() for run_id in trial.runs]
    os.utime(sweep.folder)  # when it was deleted
    # The number tells it from another deleted sweep of this name.
    moved = _move(sweep, _deleted_sweeps_folder() / f"{sweep.id}.{time.time_ns()}")
    for run_id in ids:
        with contextlib.suppress(RunError):  # it is gone, or a worker trains it
            delete_run(Run(runs_folder() / run_id))
    return moved


def deleted_sweeps() -> list[Sweep]:
    """The sweeps that can be restored, the last deleted first."""
    return [Sweep(folder) for folder in _newest_first(_deleted_sweeps_folder()) if (folder / "sweep.json").is_file()]


def restore_sweep(deleted: Sweep) -> Sweep:
    """Move a deleted sweep back, with its runs that are still deleted.

    Raises SweepError.
    """
    sweep = _move(deleted, sweeps_folder() / deleted.id.partition(".")[0])
    for run_id in [run for trial in sweep.published_trials() for run in trial.runs or sweep.run_ids(trial.number)]:
        if (deleted_folder() / run_id).is_dir():
            with contextlib.suppress(RunError):
                _move(Run(deleted_folder() / run_id), runs_folder() / run_id)
    return sweep


def empty_trash(*, older_than: float = KEPT_DAYS * 86_400) -> list[str]:
    """Remove for good what was deleted this many seconds ago; -> the ids.

    What a person has named, noted or starred stays, and a sweep stays as long as one of its runs.
    Each removal is a line of removed.log in the runs folder.
    """
    _remove_leftovers()
    removed = []
    for run in deleted_runs():
        if _age(run.folder) >= older_than and not _is_labelled(run):
            removed += _remove(run.folder)
    for sweep in deleted_sweeps():
        if _age(sweep.folder) >= older_than and not _has_runs(sweep):
            removed += _remove(sweep.folder)
    return removed


def removed_folder() -> Path:
    """Where folders are while they are removed: a run is restored whole or not at all."""
    return runs_folder() / ".removed"


def _remove(folder: Path) -> list[str]:
    """Remove a folder for good; -> its name, nothing where somebody else has moved it."""
    deleted = time.strftime("%Y-%m-%d", time.gmtime(folder.stat().st_mtime))
    doomed = removed_folder() / f"{folder.name}.{time.time_ns()}"
    doomed.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.rename(doomed)
    except OSError:
        return []
    append(runs_folder() / "removed.log", f"{timestamp()} removed {folder.name}, deleted on {deleted}\n".encode())
    shutil.rmtree(doomed, ignore_errors=True)
    return [folder.name]


def _remove_leftovers() -> None:
    """Remove what a killed process did not remove to its end."""
    for folder in removed_folder().glob("*"):
        shutil.rmtree(folder, ignore_errors=True)


def _age(folder: Path) -> float:
    """The seconds since a folder was deleted; 0 if it is gone."""
    try:
        return time.time() - folder.stat().st_mtime
    except OSError:
        return 0.0


def _is_labelled(run: Run) -> bool:
    """Whether a person has named, noted or starred it, or may have: the file is damaged."""
    try:
        return read_record(run.folder / "label.json", Label) != Label()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def _has_runs(sweep: Sweep) -> bool:
    """Whether one of its runs is stored, deleted or not; also true for a damaged sweep."""
    try:
        ids = [run_id for trial in sweep.published_trials() for run_id in trial.runs or sweep.run_ids(trial.number)]
    except (SweepError, OSError):
        return True
    return any((folder / run_id).exists() for run_id in ids for folder in (runs_folder(), deleted_folder()))


def _deleted_sweeps_folder() -> Path:
    return sweeps_folder() / ".deleted"


def _newest_first(folder: Path) -> list[Path]:
    folders = [path for path in folder.glob("*") if path.is_dir()]
    return sorted(folders, key=lambda folder: folder.stat().st_mtime_ns, reverse=True)


def _is_active(run: Run) -> bool:
    try:
        return run.status().active
    except RunError:
        return False  # damaged


def _move(job: J, target: Path) -> J:
    """Move the folder of a job; -> the job where it is now. Raises the job's error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise job.error(f"{target} is there already: nothing is overwritten. Move one of the two away.")
    try:
        job.folder.rename(target)
    except OSError as error:
        raise job.error(f"{job.folder} cannot be moved to {target.parent}: {error.strerror}.") from error
    return type(job)(target)
