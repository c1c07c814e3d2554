"""The queue of runs: its order, its lock, and clocks that were set back."""

import os
import socket
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice

import pytest
from filelock import FileLock

from experiments.jobs import queue
from experiments.jobs.launch import Shutdown
from experiments.jobs.queue import Person, begin, jobs_of, queue_of, queue_version
from experiments.runs.run import create_run
from experiments.training import worker
from experiments.training.worker import train_run
from tests.small_runs import SMALL, finish

HOUR = 3600.0


def waiting_run(queued):
    """A run that waits since this time, with its lock held here."""
    run = create_run(SMALL)
    run.write_status(replace(run.stored(), queued=queued, pid=os.getpid(), host=socket.gethostname()))
    return run


def test_a_run_queued_before_the_clock_was_set_back_does_not_wait_for_ever():
    run = create_run(SMALL)
    run.write_status(replace(run.stored(), updated=time.time() + HOUR))
    assert run.status().state == "interrupted"


def test_a_run_queued_before_the_clock_was_set_back_goes_before_later_ones():
    early = waiting_run(time.time() + HOUR)  # the clock was an hour ahead
    later = [waiting_run(time.time() - 1), waiting_run(time.time() - 2)]
    with early.hold(), later[0].hold(), later[1].hold():
        assert queue_of(early).waiting == [early.id, later[1].id, later[0].id]


def test_jobs_of_different_persons_take_turns(monkeypatch):
    """One person queues five runs, and another one a run after them: it is the next to begin."""
    monkeypatch.setenv("DIGITS_WORKERS", "1")

    def join(person, state="queued"):
        with jobs_of(Person(person)):
            run = create_run(SMALL)
        held.enter_context(run.hold())
        queue = queue_of(run)
        run.set_status(pid=os.getpid(), host=socket.gethostname(), state=state, turn=queue.turn, queued=time.time())
        return run

    def look(*runs):
        for run in runs:  # as each worker does a few times a second
            run.set_status(turn=queue_of(run).turns[run.id])

    def begin_next():
        first = next(run for run in (*many, other, third) if run.id == queue_of(other).waiting[0])
        running.pop().set_status(state="finished")
        first.set_status(state="running")
        running.append(first)
        look(*(run for run in (*many, other, third) if run.id in queue_of(other).waiting))
        return first

    with ExitStack() as held:
        running = [join("a", "running")]
        many = [join("a") for _ in range(4)]
        look(*many)
        other = join("b")
        assert queue_of(other).waiting == [other.id, *(run.id for run in many)]
        third = other
        assert begin_next() == other
        third = join("c")
        assert begin_next() == third  # this person had no run yet
        assert [begin_next() for _ in many] == many


def test_runs_of_one_person_begin_as_they_were_queued():
    runs = [waiting_run(time.time() - age) for age in (3, 1, 2)]
    with runs[0].hold(), runs[1].hold(), runs[2].hold():
        runs[1].set_status(turn=0)
        runs[2].set_status(turn=4)  # their workers joined the queue in another order
        assert queue_of(runs[0]).waiting == [runs[0].id, runs[2].id, runs[1].id]


def test_the_queue_is_looked_at_without_its_lock(monkeypatch):
    free = []

    def look(run):
        with FileLock(run.folder.parent / "queue.lock", timeout=0):
            free.append(True)
        return queue_of(run)

    monkeypatch.setattr(worker, "queue_of", look)
    finish(SMALL)
    assert free


def test_a_run_that_began_meanwhile_lets_no_other_begin_on_an_outdated_look(tmp_path):
    version, begun = queue_version(tmp_path), []
    assert begin(tmp_path, version, lambda: begun.append("first"))
    assert not begin(tmp_path, version, lambda: begun.append("second"))
    assert begin(tmp_path, queue_version(tmp_path), lambda: begun.append("second"))
    assert begun == ["first", "second"]


@pytest.mark.timeout(30)
def test_a_run_that_finds_the_lock_held_can_be_stopped(monkeypatch):
    monkeypatch.setattr(queue, "LOCK_SECONDS", 0.05)
    run = create_run(SMALL)
    with FileLock(run.folder.parent / "queue.lock"):
        waiting = train_run(run)
        assert [status.state for status in islice(waiting, 1)] == ["queued"]
        run.request("stop")
        *_, status = waiting
    assert status.state == "stopped"


def test_a_worker_that_comes_after_the_end_of_its_run_changes_nothing():
    run = finish(SMALL)
    before = run.stored()
    late = Shutdown()
    late.requested = True  # as when the process that started it is gone
    assert [status.state for status in train_run(run, late)] == ["finished"]
    assert run.stored() == before
