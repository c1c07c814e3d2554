"""Queue: the order in which the jobs of one folder work."""

from __future__ import annotations

import contextlib
import os
import socket
import time
import traceback
import uuid
from collections.abc import Callable, Generator, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from experiments.jobs.record import Job, JobError, JobStatus, S, remove_temporary_files, sentence_of
from experiments.jobs.values import Moment

POLL_SECONDS = 0.2
LOCK_SECONDS = 1.0  # a process holds the queue's lock for milliseconds; one that was halted may hold it longer


@dataclass(frozen=True)
class QueuedStatus(JobStatus):
    """The status of a job that waits in a queue with others of its machine."""

    host: str = ""
    queued: Moment = 0.0  # since when it waits for its turn
    person: str = ""  # who started it; jobs of different persons take turns
    most_seconds: float = 0.0  # that its process may work after each start; 0: no limit
    turn: int = 0  # jobs with a lower number come first, and of the same number the one that waits longest


@dataclass(frozen=True)
class Queue:
    """The other active jobs of a folder on this machine, when somebody looked."""

    running: int
    waiting: list[str]  # ids, the next one first
    turns: dict[str, int]  # of those that wait, by their ids
    turn: int  # which a job gets that joins now


Q = TypeVar("Q", bound=QueuedStatus)


@dataclass(frozen=True)
class Person:
    """Who starts jobs, and how many seconds each of them may work after a start; 0: no limit."""

    name: str = ""  # the owner and commands have none
    most_seconds: float = 0.0


NOBODY = Person()  # the owner or a command
_person: ContextVar[Person] = ContextVar("person", default=NOBODY)


@contextlib.contextmanager
def jobs_of(person: Person) -> Iterator[None]:
    """Inside this block, new jobs are those of this person."""
    token = _person.set(person)
    try:
        yield
    finally:
        _person.reset(token)


def current_person() -> Person:
    """The person whose jobs are made now."""
    return _person.get()


def queue_of(job: Job[Q]) -> Queue:
    """The active jobs of this job's folder on this machine, in an order that is fair to persons.

    A person's first job joins the turn of the job that runs, and each further one comes a turn
    later. So a job waits for at most one job of each other person, however many they have. This is
    start-time fair queueing (Goyal, Vin and Cheng 1997) in which each job counts as one. A job that
    waits stores its turn, because it must not come earlier when the job before it has ended.

    It reads all folders, so nobody calls it while holding the queue's lock.
    """
    active, now = _active_jobs(job), time.time()
    running = [status for _, status in active if status.state == "running"]
    waiting = [(job_id, status) for job_id, status in active if status.state == "queued"]
    # A time in the future: the clock was set back after this job was queued.
    since = {job_id: (status.queued <= now, status.queued, job_id) for job_id, status in waiting}
    turns = {}
    for person in {status.person for _, status in waiting}:
        own = [(job_id, status.turn) for job_id, status in waiting if status.person == person]
        last = max((status.turn for status in running if status.person == person), default=-1)
        stored = sorted(turn for _, turn in own)
        for job_id, turn in zip(sorted((job_id for job_id, _ in own), key=since.__getitem__), stored, strict=True):
            last = turns[job_id] = max(turn, last + 1)
    order = sorted(turns, key=lambda job_id: (turns[job_id], since[job_id]))
    turn = max((status.turn for status in running), default=min(turns.values(), default=0))
    return Queue(len(running), order, turns, turn)


def _active_jobs(job: Job[Q]) -> list[tuple[str, Q]]:
    """The ids and statuses of the jobs of this folder that a process of this machine works on."""
    host, found = socket.gethostname(), []
    for path in job.folder.parent.glob("*/status.json"):
        other = type(job)(path.parent)
        with contextlib.suppress(JobError):
            if not other.is_alive():  # of many jobs few are; looking for a lock is quicker than reading
                continue
            status = other.stored()
            if status.pid and status.host == host:
                found.append((other.id, status))
    return found


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
