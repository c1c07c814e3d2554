"""A full disk: jobs say so, also where not even a new status can be written."""

import errno
import os
import resource
import subprocess
import sys
from collections import namedtuple

import pytest

from experiments.jobs import full_disk, record
from experiments.jobs.full_disk import DISK_FULL, overwrite
from experiments.runs.run import RunError, create_run
from experiments.training import recording
from tests.small_runs import SMALL, to_end, until

Usage = namedtuple("Usage", "total used free")
SMALL_FILES = 20_000  # bytes; a status is smaller, a checkpoint is larger


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_worker_whose_files_find_no_space_says_that_the_disk_is_full():
    run = create_run(SMALL)
    done = subprocess.run(
        [sys.executable, "-m", "experiments", "resume", run.id],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_FILES, SMALL_FILES)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.status().state, run.status().reason) == ("failed", DISK_FULL)
    assert DISK_FULL in done.stdout + done.stderr
    assert to_end(run).state == "finished"  # once there is space


def test_a_status_is_written_in_place_where_no_new_file_can_be(monkeypatch):
    run = create_run(SMALL)
    monkeypatch.setattr(recording, "append_row", no_space)
    monkeypatch.setattr(record, "write_record", no_space)
    assert to_end(run).reason == DISK_FULL
    assert run.status() == run.stored()
    assert run.status().state == "failed"


def test_a_text_that_does_not_fit_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "status.json"
    path.write_bytes(b"before")
    with pytest.raises(OSError, match="No space"):
        overwrite(path, b"x" * 1_000_000)
    assert path.read_bytes() == b"before"


def test_a_run_whose_process_died_on_a_full_disk_says_so(monkeypatch):
    run = create_run(SMALL)
    run.set_status(state="running", pid=1)
    assert "Its process is gone" in run.status().reason
    monkeypatch.setattr(full_disk.shutil, "disk_usage", lambda _: Usage(1, 1, 0))
    assert (run.status().state, run.status().reason) == ("interrupted", DISK_FULL)


def test_only_the_process_that_works_on_a_run_writes_its_status(monkeypatch):
    monkeypatch.setattr(record, "HOLD_SECONDS", 0.2)
    run = create_run(SMALL.replace(steps=1_000_000))
    worker = subprocess.Popen([sys.executable, "-m", "experiments", "resume", run.id], stdout=subprocess.DEVNULL)
    try:
        until(lambda: run.status().step, "a step")
        for write in (run.enqueue, lambda: run.set_status(state="stopped"), lambda: run.write_status(run.stored())):
            with pytest.raises(RunError, match="by another process already"):
                write()
        assert run.status().state == "running"
    finally:
        worker.terminate()
        worker.wait()
    run.enqueue()
    assert run.status().state == "queued"
