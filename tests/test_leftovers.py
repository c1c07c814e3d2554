"""Killed or failed starts leave nothing: no temporary files, no half-made folders."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dataset.files import atomic_write
from dataset.leftovers import remove_leftovers, temporary
from experiments.range_test import create_range_test, range_tests_folder
from experiments.runs import control, run
from experiments.runs.leftovers import remove_all_leftovers
from experiments.runs.run import RunError, create_run, runs_folder
from experiments.sweeps import SweepError, SweepSpec, open_sweep, start_sweep
from experiments.training.worker import train_run
from tests.small_runs import ENDLESS, SMALL, finish, to_end

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from dataset.files import atomic_write
with atomic_write(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] == ".")


def kill_while_writing(path):
    done = subprocess.run([sys.executable, "-c", KILLED_WRITER, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert hidden(path.parent)


def no_space(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_temporary_files_of_killed_processes_go_and_those_in_use_stay(tmp_path):
    kill_while_writing(tmp_path / "killed.json")
    with atomic_write(tmp_path / "alive.json") as file:
        file.write(b"whole")
        assert remove_leftovers(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["alive.json"]
    assert (tmp_path / "alive.json").read_bytes() == b"whole"


def test_half_made_folders_of_killed_processes_go_too(tmp_path):
    with temporary(tmp_path / "run", Path.mkdir) as made:
        shutil.copytree(made, tmp_path / ".other.0123abcd")
        assert remove_leftovers(tmp_path) == 1
        assert hidden(tmp_path) == [made.name]
        made.rename(tmp_path / "run")
    assert hidden(tmp_path) == []


def test_a_resumed_run_removes_what_its_killed_worker_left():
    made = create_run(SMALL)
    kill_while_writing(made.folder / "status.json")
    (made.folder / ".last.npz.123.tmp").write_bytes(b"half a checkpoint")
    to_end(made)
    assert hidden(made.folder) == []


def test_a_server_removes_at_its_start_what_killed_processes_left_anywhere(tmp_path):
    done = finish(SMALL)
    kill_while_writing(done.folder / "control.json")
    (done.folder / ".best.npz.123.tmp").write_bytes(b"half a checkpoint")
    kill_while_writing(tmp_path / "drawings.csv")
    (runs_folder() / ".quick.0123abcd").mkdir()
    remove_all_leftovers()
    assert hidden(done.folder) == hidden(runs_folder()) == hidden(tmp_path) == []


def test_a_run_that_cannot_be_saved_leaves_no_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(run, "write_record", no_space)
    for options in ({}, {"folder": tmp_path / "given"}):
        with pytest.raises(RunError, match="disk is full"):
            create_run(SMALL, **options)
    with pytest.raises(RunError, match="disk is full"):
        create_range_test(SMALL)
    assert list(runs_folder().rglob("*.json")) == list(range_tests_folder().iterdir()) == []
    assert not (tmp_path / "given").exists()


def test_an_existing_empty_folder_can_be_given_and_stays_empty_if_the_start_fails(monkeypatch, tmp_path):
    folder = tmp_path / "given"
    folder.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(run, "write_record", no_space)
        with pytest.raises(RunError, match="disk is full"):
            create_run(SMALL, folder=folder)
    assert list(folder.iterdir()) == []
    assert create_run(SMALL, folder=folder).status().state == "queued"
    assert hidden(folder) == []


def test_a_run_whose_process_cannot_be_started_leaves_no_folder(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", no_space)
    with pytest.raises(RunError, match="disk is full"):
        control.start_training(SMALL)
    assert list(runs_folder().iterdir()) == []


def test_a_run_whose_process_cannot_be_started_again_says_so(monkeypatch):
    made = create_run(ENDLESS)
    with_steps = train_run(made)
    while next(with_steps).step == 0:
        pass
    with_steps.close()
    monkeypatch.setattr(subprocess, "Popen", no_space)
    with pytest.raises(RunError, match="disk is full"):
        control.resume(made)
    assert made.status().state == "interrupted"
    assert "disk is full" in made.status().reason
    assert made.last.exists()


def test_a_sweep_whose_process_cannot_be_started_says_so(monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", no_space)
    with pytest.raises(SweepError, match="disk is full"):
        start_sweep(SweepSpec("rates", SMALL, {"learning_rate": (0.01, 0.1)}, sampler="grid"))
    status = open_sweep("rates").status()
    assert status.state == "failed"
    assert "disk is full" in status.reason


def test_a_run_deleted_from_outside_ends_its_worker_and_is_not_made_anew():
    made = create_run(ENDLESS)
    statuses = train_run(made)
    while next(statuses).step == 0:
        pass
    shutil.rmtree(made.folder)
    *_, status = statuses
    assert (status.state, status.reason) == ("stopped", "Its folder was deleted.")
    assert not made.folder.exists()


def test_files_written_while_a_run_was_deleted_go_too():
    made = create_run(ENDLESS)
    statuses = train_run(made)
    while next(statuses).step == 0:
        pass
    shutil.rmtree(made.folder)
    made.folder.mkdir()  # as when the worker writes between the two
    (made.folder / "status.json").write_text("{}")
    *_, status = statuses
    assert status.state == "stopped"
    assert not made.folder.exists()
