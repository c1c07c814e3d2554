"""Queue: the order in which the jobs of one folder work."""

from __future__ import annotations

import contextlib
import os
import socket
import time
import traceback
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TypeVar

from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from experiments.jobs.record import Job, JobError, JobStatus, S, sentence_of

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class QueuedStatus(JobStatus):
    """The status of a job that waits in a queue with others of its machine."""

    host: str = ""
    queued: float = 0.0  # since when it waits for its turn


Q = TypeVar("Q", bound=QueuedStatus)


def queue_of(job: Job[Q]) -> tuple[int, list[str]]:
    """The other active jobs of this folder on this machine.

    -> how many run, and the ids of those that wait, the next one first.
    """
    host = socket.gethostname()
    running, waiting = 0, []
    for path in job.folder.parent.glob("*/status.json"):
        other = type(job)(path.parent)
        with contextlib.suppress(JobError):
            if not other.is_alive():  # of many jobs few are; looking for a lock is quicker than reading
                continue
            status = other.stored()
            if status.pid and status.host == host:
                running += status.state == "running"
                waiting += [(status.queued, other.id)] if status.state == "queued" else []
    return running, [job_id for _, job_id in sorted(waiting)]


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
        raise job.error(f"Nothing can be written in {job.folder}: {error.strerror}.") from error


def work_alone(job: Job[S], work: Callable[[], Generator[S, None, None]]) -> Generator[S, None, None]:
    """Do the work when no other job of the same folder works, yielding the job's status.

    The last status says how it ended. Raises the job's error where another process works on this
    job. Stop iterating to interrupt the work.
    """
    with job.hold():
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
