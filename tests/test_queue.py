"""The queue of runs: its order, its lock, and clocks that were set back."""

import os
import socket
import time
from dataclasses import replace
from itertools import islice

import pytest
from filelock import FileLock

from experiments.jobs import queue
from experiments.jobs.queue import begin, queue_of, queue_version
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
        assert queue_of(early) == (0, [early.id, later[1].id, later[0].id])


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
