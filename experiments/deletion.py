"""Deletion: a deleted run is moved aside whole, and can be brought back."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import Timeout

from experiments.runs import Run, RunError, runs_folder

HOLD_SECONDS = 0.5  # those who look whether a run is alive touch its lock for a moment


def deleted_folder() -> Path:
    """Where deleted runs are: hidden among the others, so on the same disk."""
    return runs_folder() / ".deleted"


def delete_run(run: Run) -> Run:
    """Move a run aside, also a damaged one; -> the run where it is now. Nobody may be training it."""
    if run.folder.parent != runs_folder():
        raise RunError(f"The run lies in {run.folder}, not in the runs folder: delete that folder yourself.")
    if not run.folder.is_dir():
        raise RunError(f"There is no run {run.id} in {run.folder.parent}.")
    busy = RunError(f"The run {run.id} is being trained or waits for its turn: stop it first.")
    if _active(run):
        raise busy
    hold = run.hold()
    try:
        hold.acquire(timeout=HOLD_SECONDS)
    except Timeout:
        raise busy from None
    try:
        if os.name == "nt":
            hold.release()  # Windows moves no folder in which a file is open
        os.utime(run.folder)  # when it was deleted
        return _move(run, deleted_folder())
    finally:
        hold.release()  # until here no worker takes it up


def deleted_runs() -> list[Run]:
    """What can be restored, the last deleted first."""
    try:
        folders = [Path(entry.path) for entry in os.scandir(deleted_folder()) if entry.is_dir()]
    except FileNotFoundError:
        return []
    return [Run(folder) for folder in sorted(folders, key=lambda folder: folder.stat().st_mtime_ns, reverse=True)]


def restore_run(run_id: str) -> Run:
    """Bring a deleted run back as it was."""
    deleted = {run.id: run for run in deleted_runs()}
    if run_id not in deleted:
        raise RunError(f"There is no deleted run {run_id!r}. Deleted are: {', '.join(deleted) or 'none'}.")
    return _move(deleted[run_id], runs_folder())


def _active(run: Run) -> bool:
    try:
        return run.status().active
    except RunError:
        return False  # damaged


def _move(run: Run, folder: Path) -> Run:
    moved = Run(folder / run.id)
    folder.mkdir(parents=True, exist_ok=True)
    if moved.folder.exists():
        raise RunError(f"{moved.folder} is there already: nothing is overwritten. Move one of the two away.")
    try:
        run.folder.rename(moved.folder)
    except OSError as error:
        raise RunError(f"The run {run.id} cannot be moved to {folder}: {error.strerror}.") from error
    return moved
