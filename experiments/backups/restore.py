"""Restore: put a backup into an empty folder of runs and an empty storage of drawings.

Everything is checked and written beside its place first, so that a damaged backup changes nothing.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from dataset.snapshot import check_snapshot, require_empty, write_snapshot
from experiments.backups.archive import DRAWINGS, RUNS, BackupError, Contents, open_archive
from experiments.formats import size
from experiments.runs.run import runs_folder

STAGING = ".restore-"
RESERVE = 1 << 24  # bytes of the disk that stay free


def restore_backup(path: str | Path) -> Contents:
    """Restore everything or, after an error, nothing; -> the list of what was restored.

    Raises BackupError for a file that is no backup or is damaged, and BackupError or DataError
    where runs or drawings exist already.
    """
    root = runs_folder()
    _require_no_runs(root)
    require_empty()
    with open_archive(path) as archive, _staging(root) as staging:
        free = shutil.disk_usage(root).free
        if archive.size + RESERVE > free:
            raise BackupError(f"{path} needs {size(archive.size)}, and the disk of {root} has {size(free)} free.")
        archive.extract(staging)
        drawings = staging / DRAWINGS
        snapshot = {file.name: file.read_bytes() for file in drawings.iterdir()} if drawings.is_dir() else {}
        check_snapshot(snapshot)
        write_snapshot(snapshot)
        runs = staging / RUNS
        for folder in sorted(runs.iterdir()) if runs.is_dir() else ():
            folder.rename(root / folder.name)
        return archive.contents


def _require_no_runs(root: Path) -> None:
    found = root.glob("*/**/*") if root.is_dir() else iter(())  # files of the queue are no runs
    files = (path for path in found if path.is_file() and path.suffix != ".lock" and not _is_staging(path, root))
    if first := next(files, None):
        raise BackupError(f"{root} is not empty ({first.relative_to(root)}). Set DIGITS_RUNS to an empty folder.")


def _is_staging(path: Path, root: Path) -> bool:
    """Whether this is left from a restoring that was killed."""
    return path.relative_to(root).parts[0].startswith(STAGING)


@contextmanager
def _staging(root: Path) -> Iterator[Path]:
    """A path on the disk of the runs for the files until all are checked; removed afterwards."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / "restore.lock").acquire(timeout=0):
            for left in root.glob(f"{STAGING}*"):
                shutil.rmtree(left)
            staging = root / f"{STAGING}{uuid.uuid4().hex[:8]}"
            try:
                yield staging
            finally:
                shutil.rmtree(staging, ignore_errors=True)
    except Timeout:
        raise BackupError(f"Another program restores a backup into {root}. Wait until it has ended.") from None
