"""Leftovers: temporary files and folders of processes that were killed while they wrote them.

A process locks each temporary file and folder that it makes. A kill ends the lock, so anybody can
tell a leftover from a file that is being written.
"""

import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: only the age tells
    fcntl = None  # type: ignore[assignment]

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}")  # ".status.json.1f2e3d4c"
OLD = 3600.0  # seconds after which a temporary file counts as a leftover where there are no locks


@contextmanager
def temporary(path: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """A new hidden file or folder beside `path`, which `make` makes.

    It is locked until the block ends, and removed if the block fails. The block renames it when it
    is complete.
    """
    while True:
        made = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
        make(made)
        try:
            lock = _lock(made)
            break
        except (FileNotFoundError, BlockingIOError):  # taken for a leftover before it was locked
            continue
    try:
        yield made
    except BaseException:
        _remove(made)
        raise
    finally:
        if lock is not None:
            os.close(lock)


def remove_leftovers(folder: Path) -> int:
    """Remove the temporary files and folders in this folder whose process is gone; -> how many."""
    removed = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if TEMPORARY.fullmatch(entry.name):
                removed += _remove_leftover(Path(entry.path))
    return removed


def _lock(path: Path) -> int | None:
    """Lock a file or folder that was just made; -> the open descriptor.

    Raises FileNotFoundError or BlockingIOError where it has been taken for a leftover.
    """
    if fcntl is None:
        return None
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.fstat(descriptor).st_nlink:
            raise FileNotFoundError(path)
    except (FileNotFoundError, BlockingIOError):
        os.close(descriptor)
        raise
    except OSError:  # a file system without locks
        os.close(descriptor)
        return None
    return descriptor


def _remove_leftover(path: Path) -> bool:
    """Remove a temporary file or folder whose process is gone; -> whether it was."""
    if fcntl is None:
        is_old = time.time() - path.stat().st_mtime > OLD
        if is_old:
            _remove(path)
        return is_old
    with suppress(OSError):  # locked, or replaced meanwhile
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)  # while it is locked, so that a process that just made it makes another
            return True
        finally:
            os.close(descriptor)
    return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
