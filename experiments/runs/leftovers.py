"""Leftovers of killed processes in the runs folder, which the next start removes."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from filelock import FileLock, Timeout

from dataset.drawings import drawings_file
from dataset.files import cache_folder
from dataset.leftovers import remove_leftovers
from experiments.jobs.record import remove_temporary_files
from experiments.runs.run import runs_folder


def remove_all_leftovers() -> None:
    """Remove the temporary files of killed processes: in the folders of all jobs, in the cache and
    beside the drawings. Files that a living process writes stay.
    """
    for folder, _, files in os.walk(runs_folder()):
        remove_leftovers(Path(folder))
        if "worker.lock" in files and any(name.endswith(".tmp") for name in files):
            with contextlib.suppress(Timeout), FileLock(Path(folder) / "worker.lock", timeout=0):
                remove_temporary_files(Path(folder))
    remove_leftovers(cache_folder())
    remove_leftovers(drawings_file().parent)
