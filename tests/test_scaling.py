"""More than one machine: a sweep on two processes with PostgreSQL, and on a Dask cluster."""

import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import optuna
import psutil
import pytest
from distributed import LocalCluster
from filelock import FileLock
from optuna.trial import FrozenTrial, TrialState

from experiments.runs.history import ValidationReader, append_row, cut_rows
from experiments.runs.run import create_run, runs_folder
from experiments.runs.table import list_runs
from experiments.sweeps import Sweep, SweepSpec, create_sweep, open_sweep
from experiments.sweeps.driver import run_sweep
from experiments.sweeps.study import open_storage
from experiments.sweeps.trainer import train_for
from tests.small_runs import SMALL, log, until

pytest_plugins = ["tests.postgres"]

RATES, WIDTHS = (0.001, 0.003, 0.01, 0.03, 0.1), (8, 16)
TRIALS = len(RATES) * len(WIDTHS)
SPEC = SweepSpec(
    name="shared",
    base=SMALL.replace(hidden=(16,), epochs=60),
    search={"learning_rate": RATES, "width": WIDTHS},
    sampler="grid",
    workers=2,
)


def drive(sweep: Sweep) -> subprocess.Popen[bytes]:
    """One more process that drives it."""
    return subprocess.Popen([sys.executable, "-m", "experiments.sweeps.worker", sweep.folder])


def ours() -> list[psutil.Process]:
    """All processes that work in the runs folder of this test, but the test itself."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("DIGITS_RUNS") == str(runs_folder()):
                found.append(process)
        except psutil.Error:
            continue
    return found


def times_ended() -> Counter[int]:
    """By the number of a trial, how many times a training of it came to its end."""
    found: Counter[int] = Counter()
    for run in list_runs():
        found[run.status().trial] += log(run).count("finished at step")
    return found


def trials_in_optuna(sweep: Sweep) -> list[FrozenTrial]:
    with open_storage(sweep) as storage:
        return optuna.load_study(study_name=sweep.id, storage=storage).get_trials()


@pytest.mark.slow
def test_of_two_processes_that_share_a_study_in_postgresql_one_may_be_killed(postgres: str) -> None:
    sweep = create_sweep(SPEC, postgres)
    first, second = drive(sweep), drive(sweep)
    try:
        until(lambda: sum(trial.over for trial in sweep.trials()) >= 3, "three trials", 120)
        first.kill()
        first.wait()
        second.wait(120)
    finally:
        for process in (first, second):
            process.kill()
            process.wait()
    status = sweep.status()
    assert status.state == "finished", status.reason
    trials = sweep.trials()
    assert [trial.number for trial in trials] == list(range(TRIALS))
    assert {trial.state for trial in trials} == {"done"}
    cells = {(trial.params["learning_rate"], trial.params["width"]) for trial in trials}
    assert cells == set(itertools.product(RATES, WIDTHS))
    assert times_ended() == dict.fromkeys(range(TRIALS), 1)
    found = trials_in_optuna(sweep)
    assert [trial.state for trial in found] == [TrialState.COMPLETE] * TRIALS
    assert [trial.value for trial in found] == [trial.value for trial in trials]
    until(lambda: not ours(), "all processes to go")


CONFIG = """
name = "on a cluster"
sampler = "grid"
settings = { epochs = 30, hidden = [16] }
[search]
learning_rate = [0.003, 0.01, 0.03]
optimizer = ["adam", "momentum"]
"""


@pytest.fixture
def cluster() -> Iterator[LocalCluster]:
    """A scheduler here, and two workers, each a process with one thread."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as made:
        yield made


def sweep_on(cluster: LocalCluster, folder: Path) -> subprocess.Popen[str]:
    """The command that people give."""
    config = folder / "sweep.toml"
    config.write_text(CONFIG)
    executor = cluster.scheduler_address.replace("tcp://", "dask://")
    command = [sys.executable, "-m", "experiments", "sweep", config, "--executor", executor, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_dask_cluster_trains_the_trials_of_a_sweep(cluster: LocalCluster, tmp_path: Path) -> None:
    with sweep_on(cluster, tmp_path) as command:
        output, progress = command.communicate(timeout=200)
    assert command.returncode == 0, progress
    assert progress.startswith("Sweep on-a-cluster: 6 trials, grid, 2 at a time")
    found = json.loads(output)
    assert (found["state"], found["done"], found["failed"]) == ("finished", 6, 0)
    assert times_ended() == dict.fromkeys(range(6), 1)
    assert {run.status().pid for run in list_runs()} == {worker.pid for worker in cluster.workers.values()}


@pytest.mark.slow
def test_a_dask_worker_and_then_the_driver_may_be_killed(cluster: LocalCluster, tmp_path: Path) -> None:
    with sweep_on(cluster, tmp_path) as command:
        until(lambda: len(list_runs()) == 3, "the third run", 120)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        until(lambda: len(list_runs()) == 5, "the fifth run", 120)
        command.kill()
    sweep = open_sweep("on-a-cluster")
    until(lambda: not any(run.is_alive() for run in list_runs()), "the cluster to let the runs go")
    assert sweep.status().state == "interrupted"
    with sweep_on(cluster, tmp_path) as command:
        _, progress = command.communicate(timeout=200)
    assert command.returncode == 0, progress
    assert {trial.state for trial in sweep.trials()} == {"done"}
    assert times_ended() == dict.fromkeys(range(6), 1)


@pytest.mark.slow
def test_two_runs_folders_that_are_not_shared_do_not_train_each_others_trials(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(SPEC, name="apart", base=SPEC.base.replace(epochs=1000))
    first = create_sweep(spec, postgres)
    process = drive(first)
    try:
        until(lambda: first.status().running == 2, "two runs")
        with monkeypatch.context() as elsewhere:
            elsewhere.setenv("DIGITS_RUNS", str(tmp_path / "elsewhere"))
            *_, status = run_sweep(create_sweep(spec, postgres))
            assert status.state == "failed"
            assert "is being worked on in another runs folder" in status.reason
            assert list_runs() == []
    finally:
        process.terminate()
        process.wait()
    assert first.status().state == "interrupted"


def test_a_history_that_was_cut_and_has_grown_again_is_not_read_from_the_middle_of_a_row() -> None:
    """A driver reads on at its position, where a resumed run may have other rows by now."""
    run = create_run(SMALL)
    reader = ValidationReader(run.folder)
    for epoch in (1, 2):
        append_row(run.folder, [29 * epoch, epoch, 0.001, 0.5, 0.8, 0.4, 0.9, 1.0, 1000.0, epoch])
    assert [(found.epoch, found.accuracy) for found in reader.new()] == [(1, 0.9), (2, 0.9)]
    cut_rows(run.folder, 29)
    for epoch in (2, 3):
        append_row(run.folder, [29 * epoch, epoch, 0.0012345, 0.54321, 0.8, 0.4, 0.9, 1.0, 1000.0, epoch])
    assert [(found.epoch, found.accuracy) for found in reader.new()] == [(3, 0.9)]


def test_a_run_that_is_over_is_not_begun_again_by_a_cluster_that_lost_its_result() -> None:
    run = create_run(SMALL)
    token = runs_folder() / "token"
    with FileLock(token):
        train_for(str(run.folder), str(token))
        before = log(run)
        train_for(str(run.folder), str(token))
    assert run.status().state == "finished"
    assert log(run) == before
