"""Journal: the file of a sweep's study, with a lock that survives kills and full disks."""

from __future__ import annotations

import os
from pathlib import Path

from filelock import FileLock
from optuna.storages.journal._file import BaseJournalFileLock

TAIL = 1 << 20  # bytes; no line of the file is longer


class JournalLock(BaseJournalFileLock):
    """A lock that ends with its process; Optuna's own blocks half a minute after a kill."""

    def __init__(self, journal: Path, lock: FileLock) -> None:
        self._journal, self._lock = journal, lock

    def acquire(self) -> bool:
        """Wait for the lock, and remove half a line that a kill or a full disk left at the end.

        Optuna would append to that line, and could never read the study again.
        """
        self._lock.acquire(poll_interval=0.005)
        remove_half_line(self._journal)
        return True

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()


def remove_half_line(path: Path) -> None:
    """Cut a file after its last whole line."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - TAIL)
        file.seek(start)
        tail = file.read()
        if not tail.endswith(b"\n"):
            file.truncate(start + tail.rfind(b"\n") + 1)
