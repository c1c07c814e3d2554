"""Job folders: a folder with a status, requests and a log.

One process at a time works on it, and anyone may read it. How to make a kind of job of your own:

    @dataclass(frozen=True)
    class SearchStatus(JobStatus):        # the fields of status.json; each has a default
        share: float = 0.0

    class Search(Job[SearchStatus]):
        status_type = SearchStatus
        noun = "search for label errors"  # for the sentences in errors
        error = SearchError               # which its methods raise; a subclass of JobError

- `job.status()` is the current status, `job.stored()` as its process last wrote it, and
  `job.is_alive()` tells whether a process works on it.
- Its process works inside `with job.hold():`, calls `job.set_status(share=0.5)` and `job.log(...)`,
  and polls `job.stop_requested`, which anyone sets by `job.request_stop()`.
- `read_record(path, Type)` and `write_record(path, value)` are for any other JSON file of the job.
- `experiments.jobs.launch` starts the process and has its main function, and
  `experiments.jobs.queue.work_alone` lets one job of a folder work at a time.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from filelock import FileLock, Timeout

from dataset.files import atomic_write
from dataset.leftovers import remove_leftovers
from experiments.jobs.full_disk import DISK_FULL, has_no_space, is_disk_full, overwrite
from experiments.jobs.halted import halted_reason
from experiments.jobs.values import Moment, Seconds, as_type, is_blank
from model import Diverged
from model.errors import DigitLabError
from model.reading import MOST_BYTES, DamagedError, parse_json, read_bytes

ACTIVE = ("queued", "running", "paused")  # states that need a living process
START_GRACE = 30.0  # seconds that a new process may take to import NumPy on a slow machine before it counts as gone
HOLD_SECONDS = 2.0  # readers hold the lock for a moment when they look whether the process is alive
LONGEST_ID = 200  # bytes; a file system allows 255, and a number may be appended to the name of a deleted job
INTERRUPTED = "Its process is gone; resume it to go on from the last checkpoint."

T = TypeVar("T")

_held: dict[Path, int] = {}  # the folders on whose jobs this process works, with the inode of the lock file


class JobError(DigitLabError):
    """A job that is missing, damaged, there already or in the wrong state, and what to do."""


@dataclass(frozen=True)
class JobStatus:
    """The fields that the status of every job has. Times are seconds since 1970."""

    state: str = "queued"
    reason: str = ""
    updated: Moment = 0.0
    pid: int = 0  # of its process; 0: none has begun since the job was queued
    place: int | None = None  # in the queue; 1: next
    seconds_left: Seconds | None = None

    @property
    def active(self) -> bool:
        """Whether it needs a living process."""
        return self.state in ACTIVE


S = TypeVar("S", bound=JobStatus)


@dataclass(frozen=True)
class Job(Generic[S]):
    """One job folder. Cheap to make; it holds no file open, and reads from disk when asked."""

    status_type: ClassVar[type[Any]]
    noun: ClassVar[str] = "job"
    error: ClassVar[type[JobError]] = JobError

    folder: Path

    @property
    def id(self) -> str:
        """The name of its folder."""
        return self.folder.name

    def stored(self) -> S:
        """The status as its process last wrote it, which may be outdated.

        Raises `error` where it cannot be read. A power cut may leave an empty file, because the
        progress of a job is not written to the disk at once: the job is then interrupted.
        """
        path = self.folder / "status.json"
        try:
            status: S = read_record(path, self.status_type)
            return status
        except (OSError, ValueError) as error:
            if is_blank(path):
                interrupted: S = self.status_type(state="interrupted", reason=INTERRUPTED)
                return interrupted
            raise self.damaged(error) from error

    def status(self, stored: S | None = None) -> S:
        """The current status: a job that needs a process and has none is interrupted.

        `stored` is a status that was read before, which saves reading it again.
        """
        status = stored or self.stored()
        if not status.active:
            return status
        if self.is_alive():
            return replace(status, reason=halted_reason(status.pid, status.updated) or status.reason)
        if status.state == "queued" and not status.pid and is_recent(status.updated, START_GRACE):
            return status
        # The process may have written its last status and ended after the status was read: read it
        # once more.
        status = self.stored()
        if not status.active:
            return status
        reason = DISK_FULL if has_no_space(self.folder) else INTERRUPTED
        return replace(status, state="interrupted", reason=reason, place=None, seconds_left=None)

    def write_status(self, status: S, *, durable: bool = True) -> None:
        """Replace status.json. One process at a time writes it: the one that holds the job's lock.

        `durable` as in `write_record`. Raises `error` where another process works on the job, or
        where the folder was deleted.
        """
        with self._writing():
            path = self.folder / "status.json"
            try:
                write_record(path, status, durable=durable)
            except OSError as error:
                if not is_disk_full(error):
                    raise
                overwrite(path, record_text(status))

    def set_status(self, **changes: Any) -> S:
        """Change these fields of the stored status, and the time of its last update.

        -> the new status. A new state is on the disk when this returns; progress need not be.
        """
        with self._writing():
            stored = self.stored()
            status = replace(stored, updated=time.time(), **changes)
            self.write_status(status, durable=status.state != stored.state)
            return status

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock of the job while its status is written, unless this process has it."""
        if self.folder not in _held:
            with self.hold():
                yield
            return
        if self.is_gone:
            raise self.error(f"The {self.noun} {self.id} was deleted while it was worked on.")
        yield

    @property
    def is_gone(self) -> bool:
        """Whether the folder was deleted or replaced while this process works on the job."""
        return self.folder in _held and _inode(self.folder / "worker.lock") != _held[self.folder]

    @property
    def lock(self) -> FileLock:
        """The lock that its process holds for its lifetime.

        Acquire it with a timeout: readers hold it briefly.
        """
        return FileLock(self.folder / "worker.lock")

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Work on the job: no other process can meanwhile.

        Raises `error` where another process does already, or where there is no folder.
        """
        if not self.folder.is_dir():  # the lock would make it
            raise self.error(f"The {self.noun} {self.id} is no longer there.")
        try:
            lock = self.lock.acquire(timeout=HOLD_SECONDS)
        except Timeout:
            raise self.error(f"The {self.noun} {self.id} is being worked on by another process already.") from None
        with lock:
            _held[self.folder] = _inode(self.folder / "worker.lock")
            try:
                yield
            finally:
                del _held[self.folder]

    def is_alive(self) -> bool:
        """Whether a process works on it."""
        return is_held(self.folder / "worker.lock")

    @property
    def exists(self) -> bool:
        """Whether it was ever queued."""
        return (self.folder / "status.json").is_file()

    @property
    def is_underway(self) -> bool:
        """Whether a process works on it or is about to, and nobody has asked it to end."""
        return self.exists and self.status().active and not self.stop_requested

    def request_stop(self) -> None:
        """Ask its process to end. What it has done so far stays."""
        (self.folder / "stop").touch()

    def withdraw_stop(self) -> None:
        """Take back the request to end."""
        (self.folder / "stop").unlink(missing_ok=True)

    @property
    def stop_requested(self) -> bool:
        """Whether somebody has asked it to end."""
        return (self.folder / "stop").exists()

    def log(self, text: str) -> None:
        """Append a line with the time to log.txt, unless the disk is full or the folder is gone."""
        with contextlib.suppress(OSError), (self.folder / "log.txt").open("a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")

    def damaged(self, cause: Exception) -> JobError:
        """The error to raise for a file of the job that cannot be read."""
        return self.error(f"The {self.noun} {self.id} is damaged: {cause}")


def read_record(path: Path, kind: type[T], most: int = MOST_BYTES) -> T:
    """A JSON file as a value of this type, usually a dataclass.

    Unknown keys are ignored, missing ones get their defaults.

    Raises FileNotFoundError, and DamagedError where the file does not hold such a value, or has
    more than `most` bytes.
    """
    try:
        return as_type(parse_json(read_bytes(path, most)), kind)
    except DamagedError as error:
        raise DamagedError(f"{path.name}: {error}") from error


def write_record(path: Path, value: Any, *, durable: bool = True) -> None:
    """Replace a JSON file. A reader gets the old or the new one whole.

    If it is `durable`, it is on the disk when this returns; a power cut cannot undo it.
    """
    with atomic_write(path, durable=durable) as file:
        file.write(record_text(value))


def record_text(value: Any) -> bytes:
    """A value as the text of a JSON file."""
    return json.dumps(msgspec.to_builtins(value), indent=2).encode() + b"\n"


def remove_temporary_files(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a job folder.

    Only the process that holds the job's lock calls this, because it alone writes checkpoints.
    """
    remove_leftovers(folder)
    for path in folder.glob(".*.tmp"):  # of a checkpoint
        path.unlink(missing_ok=True)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return -1


def is_recent(moment: float, seconds: float) -> bool:
    """Whether a moment is at most this long ago.

    One as far in the future counts too: clocks of machines differ. A later one does not: the clock
    was set back since, and would have to reach that moment again.
    """
    return abs(time.time() - moment) < seconds


def is_job_id(text: str) -> bool:
    """Whether a text from outside can name a job.

    It may be no path, which might lead out of the folder, and not too long.
    """
    return (
        bool(text)
        and text.isprintable()
        and len(os.fsencode(text)) <= LONGEST_ID
        and Path(text).name == text
        and text != ".."
    )


def shortened(text: object, longest: int = 60) -> str:
    """A text from outside, cut so that it fits into an error message."""
    whole = str(text)
    return whole if len(whole) <= longest else f"{whole[:longest]}..."


def sentence_of(error: Exception) -> str:
    """One sentence for people about an error that ended a job; the traceback is in its log."""
    if isinstance(error, DigitLabError | Diverged):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory. Make the network or the batch size smaller, or use fewer digits."
    if isinstance(error, OSError) and is_disk_full(error):
        return DISK_FULL
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'a file of the job'}. See log.txt in its folder."
    return f"{type(error).__name__}: {error} See log.txt in its folder."


def is_held(path: Path) -> bool:
    """Whether another process holds this file lock.

    Two processes that look at once do not disturb each other.
    """
    try:
        import fcntl
    except ImportError:  # Windows has no shared lock to look with
        try:
            with FileLock(path).acquire(timeout=0):
                return False
        except Timeout:
            return True
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
