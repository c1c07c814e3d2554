"""Queue: the order in which the jobs of one folder work."""

from __future__ import annotations

import contextlib
import os
import socket
import time
import traceback
import uuid
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from experiments.jobs.record import Job, JobError, JobStatus, S, remove_temporary_files, sentence_of

POLL_SECONDS = 0.2
LOCK_SECONDS = 1.0  # a process holds the queue's lock for milliseconds; one that was halted may hold it longer


@dataclass(frozen=True)
class QueuedStatus(JobStatus):
    """The status of a job that waits in a queue with others of its machine."""

    host: str = ""
    queued: float = 0.0  # since when it waits for its turn


Q = TypeVar("Q", bound=QueuedStatus)


def queue_of(job: Job[Q]) -> tuple[int, list[str]]:
    """The other active jobs of this folder on this machine.

    -> how many run, and the ids of those that wait, the next one first. It reads all folders, so
    nobody calls it while holding the queue's lock.
    """
    host, now = socket.gethostname(), time.time()
    running, waiting = 0, []
    for path in job.folder.parent.glob("*/status.json"):
        other = type(job)(path.parent)
        with contextlib.suppress(JobError):
            if not other.is_alive():  # of many jobs few are; looking for a lock is quicker than reading
                continue
            status = other.stored()
            if status.pid and status.host == host:
                running += status.state == "running"
                # A time in the future: the clock was set back after this job was queued.
                is_later = status.queued <= now
                waiting += [(is_later, status.queued, other.id)] if status.state == "queued" else []
    return running, [job_id for *_, job_id in sorted(waiting)]


def queue_version(folder: Path) -> str:
    """A text that changes whenever a job of this folder begins to run."""
    try:
        return (folder / "queue.version").read_text()
    except FileNotFoundError:
        return ""


def begin(folder: Path, version: str, set_running: Callable[[], None]) -> bool:
    """Call `set_running` under the queue's lock, if no other job began since `version` was read.

    -> whether it was called. So a job reads the version, looks at all folders without the lock, and
    begins only if it saw the present state. Raises filelock.Timeout where the lock is not free.
    """
    with FileLock(folder / "queue.lock", timeout=LOCK_SECONDS):
        if queue_version(folder) != version:
            return False
        set_running()
        (folder / "queue.version").write_text(uuid.uuid4().hex)
        return True


def queue_up(job: Job[S], status: S, write_request: Callable[[], None]) -> None:
    """Make a job ready for its process: write its request and then its status.

    Raises the job's error where nothing can be written.
    """
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
        job.withdraw_stop()
        write_request()
        job.write_status(replace(status, updated=time.time()))
    except OSError as error:
        raise job.error(f"Nothing can be written in {job.folder}: {sentence_of(error)}") from error


def work_alone(job: Job[S], work: Callable[[], Generator[S, None, None]]) -> Generator[S, None, None]:
    """Do the work when no other job of the same folder works, yielding the job's status.

    The last status says how it ended. Raises the job's error where another process works on this
    job. Stop iterating to interrupt the work.
    """
    with job.hold():
        remove_temporary_files(job.folder)
        job.set_status(state="queued", pid=os.getpid())
        turn = FileLock(job.folder.parent / "turn.lock")
        while True:
            try:
                turn.acquire(timeout=0)
                break
            except Timeout:
                if job.stop_requested:
                    yield job.set_status(state="stopped")
                    return
                yield job.stored()
                time.sleep(POLL_SECONDS)
        with turn, threadpool_limits(1), contextlib.closing(work()) as statuses:
            try:
                yield from statuses
            except Exception as error:
                job.log(traceback.format_exc())
                yield job.set_status(state="failed", reason=sentence_of(error))
