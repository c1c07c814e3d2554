"""Sweeps whose database, disk or folder fails."""

import shutil
import time

import pytest
from filelock import FileLock

from experiments.runs.table import list_runs
from experiments.sweeps import SweepSpec, create_sweep, start_sweep
from experiments.sweeps.driver import run_sweep
from experiments.sweeps.study import Study, open_storage
from reliability.postgres import HOW_TO_INSTALL, binaries, halted, postgres_server
from tests.small_runs import ENDLESS, SMALL, until

SPEC = SweepSpec("some", SMALL, {"learning_rate": (0.001, 0.01, 0.1)}, sampler="grid", workers=1)


def test_half_a_line_that_a_kill_left_in_the_study_does_not_damage_it():
    sweep = create_sweep(SPEC)
    with open_storage(sweep) as storage:
        Study(sweep, storage).ask().lock.release()
    with (sweep.folder / "journal.log").open("ab") as file:
        file.write(b'{"op_code": 5, "half')
    *_, status = run_sweep(sweep)
    assert (status.state, status.done) == ("finished", 3)
    with open_storage(sweep) as storage:
        assert len(Study(sweep, storage).trials()) == 3


def test_stopping_does_not_wait_for_a_driver_that_holds_a_lock():
    sweep = create_sweep(SPEC)
    began = time.monotonic()
    with FileLock(sweep.folder / "sweep.lock"):
        sweep.request_stop()
    assert sweep.stop_requested
    assert time.monotonic() - began < 3


def test_a_sweep_deleted_from_outside_ends_its_driver_and_is_not_made_anew():
    sweep = create_sweep(SPEC)
    statuses = run_sweep(sweep)
    next(statuses)
    shutil.rmtree(sweep.folder)
    *_, status = statuses
    assert (status.state, status.reason) == ("stopped", "Its folder was deleted.")
    assert not sweep.folder.exists()


@pytest.mark.slow
def test_stopping_a_sweep_does_not_wait_for_a_database_that_does_not_answer():
    if binaries() is None:
        pytest.skip(HOW_TO_INSTALL)
    with postgres_server() as server:
        spec = SweepSpec("endless", ENDLESS, {"learning_rate": (0.001, 0.01)}, sampler="grid", workers=2)
        sweep = start_sweep(spec, server.address)
        until(lambda: len(list_runs()) == 2 and all(run.status().step for run in list_runs()), "the runs to train")
        with halted(server):
            time.sleep(3)  # until the driver waits for it
            began = time.monotonic()
            sweep.request_stop()
            assert time.monotonic() - began < 2
            until(lambda: not any(run.is_alive() for run in list_runs()), "the runs to stop", 20)
            until(lambda: sweep.status().state == "stopped", "the sweep to stop", 20)
            until(lambda: "did not answer" in sweep.status().reason, "the driver to end", 20)
            assert all(run.last.exists() for run in list_runs())


def test_the_lock_of_a_trial_whose_driver_was_killed_after_its_end_goes():
    sweep = create_sweep(SPEC)
    (sweep.folder / "trials" / "7.lock").touch()
    *_, status = run_sweep(sweep)
    assert status.state == "finished"
    assert list((sweep.folder / "trials").iterdir()) == []
