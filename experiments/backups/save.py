"""Save: copy runs, sweeps, drawings and corrected labels into one file, while the app runs.

A training goes on while its run is copied. Its last checkpoint is copied first and its history
later, so that the history has all rows that the checkpoint knows of: the run can be resumed from
the copy exactly. A sweep is copied under the locks of its drivers, and runs that its drivers begin
later are left out, because the copied study does not know their trials.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from filelock import Timeout

from dataset.drawings.log import timestamp
from dataset.files import atomic_write, is_there, path_of
from dataset.snapshot import read_snapshot
from experiments.backups.archive import DRAWINGS, RUNS, ArchiveWriter, BackupError, Contents, is_safe_name
from experiments.runs.run import runs_folder
from experiments.sweeps import Sweep, list_sweeps
from model.errors import DigitLabError

LOCK_SECONDS = 30.0  # to wait for the drivers of a sweep
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")  # a file that is being written, see atomic_write
NOT_KEPT = (".restore-", ".removed")  # folders that a killed process has left
FIRST = "last.npz"  # the checkpoint, which knows how many rows the history has


def save_backup(path: str | Path) -> Contents:
    """Write a backup into a new file; -> the list of its contents. Raises BackupError."""
    path = path_of(path)
    if is_there(path):
        raise BackupError(f"{path} exists already. Choose another name.")
    try:
        with atomic_write(path) as file, ArchiveWriter(file, timestamp()) as archive:
            _copy_runs(archive)
            # last, because the log then has every version of the drawings that a run was trained on
            for name, content in read_snapshot().items():
                archive.add_bytes(f"{DRAWINGS}/{name}", content, time.time_ns())
            return archive.close()
    except OSError as error:
        place = error.filename or path
        raise BackupError(f"{path} cannot be written: {error.strerror or error} ({place}).") from error


def _copy_runs(archive: ArchiveWriter) -> None:
    """Copy every folder of the runs folder. One that moves meanwhile is copied where it is then."""
    root = runs_folder()
    later = _copy_sweeps(archive)
    left = {folder for folder in _folders(root) if not later.begun_later(folder.name)}
    names = {_name_of(folder) for folder in left}
    copied: set[Path] = set(later.copied)
    vanished: list[Path] = []
    while left := left - copied:
        for folder in sorted(left):
            vanished += _copy_folder(archive, folder)
        copied |= left
        # a run that was deleted, restored or accepted meanwhile has another folder now
        left = {folder for folder in _folders(root) if _name_of(folder) in names}
    for folder in copied:
        if not folder.is_dir():
            archive.forget(_inside(folder))
    if again := [path for path in vanished if path.exists()]:
        raise BackupError(f"{again[0]} was moved while it was copied. Make the backup once more.")


class _Sweeps:
    """The sweeps that are copied, and their runs at that moment."""

    def __init__(self) -> None:
        self.copied: list[Path] = []
        self._runs: dict[str, set[str]] = {}  # by the start of the names of all runs of a sweep

    def add(self, sweep: Sweep) -> None:
        """Note that a sweep is copied now. Call it while no driver asks for trials."""
        start = sweep.run_ids(0)[0].removesuffix("-0").removesuffix("-0" if sweep.spec.seeds > 1 else "")
        self.copied.append(sweep.folder)
        self._runs[f"{start}-"] = {path.name for path in runs_folder().glob(f"{start}-*")}

    def begun_later(self, name: str) -> bool:
        """Whether this is a run that a driver began after its sweep was copied."""
        return any(name.startswith(start) and name not in known for start, known in self._runs.items())


def _copy_sweeps(archive: ArchiveWriter) -> _Sweeps:
    """Copy all sweeps before their runs: a trial that the study has finished is finished there."""
    sweeps = _Sweeps()
    for sweep in list_sweeps():
        try:
            with sweep.change_lock().acquire(timeout=LOCK_SECONDS), sweep.journal_lock().acquire(timeout=LOCK_SECONDS):
                study = _study_of(archive, sweep) if sweep.storage else {}
                _copy_folder(archive, sweep.folder, study)
                sweeps.add(sweep)
        except Timeout:
            raise BackupError(f"The sweep {sweep.id} is held by its drivers. Try again, or stop it first.") from None
    return sweeps


def _study_of(archive: ArchiveWriter, sweep: Sweep) -> dict[str, bytes]:
    """The study of a sweep from its database, as files of its folder.

    A restored sweep has its study there. A database that does not answer is noted as missing.
    """
    from experiments.sweeps.study_copy import read_study  # not above: it loads Optuna

    try:
        study = read_study(sweep)
    except DigitLabError as error:
        archive.missing.append(f"The trials of the sweep {sweep.id} are missing: {error}")
        return {}
    return {"journal.log": study, "sweep.json": json.dumps(sweep.record(storage=""), indent=2).encode() + b"\n"}


def _copy_folder(archive: ArchiveWriter, folder: Path, instead: Mapping[str, bytes] | None = None) -> list[Path]:
    """Copy a folder with its folders; -> the files that were gone when it was their turn.

    `instead`: the content of files that are not copied as they are.
    """
    gone, first, instead = [], folder / FIRST, instead or {}
    for file, content in instead.items():
        archive.add_bytes(_inside(folder / file), content, time.time_ns())
    if first.is_file():
        archive.add_file(_inside(first), first)
    paths = sorted(folder.rglob("*"))  # only now: all files that the checkpoint knows of are there
    for path in (folder, *paths):
        name = _inside(path)
        if not is_safe_name(name):
            archive.missing.append(f"{path} is missing: its name cannot be stored.")
        elif path.is_dir():
            with suppress(FileNotFoundError):
                archive.folders[name] = max(0, path.stat().st_mtime_ns)
        elif name in archive.files or _is_passing(path):
            continue
        elif not archive.add_file(name, path):
            gone.append(path)
    return gone


def _folders(folder: Path) -> Iterator[Path]:
    """The folders below this one that have files of their own: runs, sweeps, searches, uploads."""
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if not path.is_dir() or path.name.startswith(NOT_KEPT):
                continue
            if any(child.is_file() and not _is_passing(child) for child in path.iterdir()):
                yield path
            else:
                yield from _folders(path)


def _is_passing(path: Path) -> bool:
    """Whether a file belongs to a running process: a lock, a driver, or a half-written file."""
    return path.suffix == ".lock" or path.parent.name == "drivers" or bool(TEMPORARY.fullmatch(path.name))


def _name_of(folder: Path) -> str:
    """The id of a job. That of a deleted sweep has a number after it."""
    return folder.name.partition(".")[0]


def _inside(path: Path) -> str:
    return f"{RUNS}/{path.relative_to(runs_folder()).as_posix()}"
