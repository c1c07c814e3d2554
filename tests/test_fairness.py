"""Fairness: a visitor's run begins soon, however many runs others have queued; with processes."""

import time

import pytest

from experiments.jobs.queue import Person, jobs_of
from experiments.runs import control
from experiments.runs.run import Run
from experiments.runs.table import run_rows
from experiments.sweeps import SweepSpec, start_sweep
from experiments.sweeps.space import Range
from tests.small_runs import SMALL, underway, until

LONG = SMALL.replace(epochs=60)  # about a second


def begin_times(runs: list[Run]) -> list[float]:
    return [run.status().started for run in runs]


@pytest.mark.slow
def test_the_next_visitors_run_begins_after_the_one_that_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    """One visitor has queued six runs. The run of another one, queued last, begins second."""
    monkeypatch.setenv("DIGITS_WORKERS", "1")
    with jobs_of(Person("a")):
        many = [control.start_training(LONG.replace(seed=seed)) for seed in range(6)]
    until(lambda: sum(run.status().state == "queued" and run.status().place is not None for run in many) == 5, "them")
    with jobs_of(Person("b")):
        other = control.start_training(LONG)
    until(lambda: all(run.status().state == "finished" for run in [*many, other]), "the end of all", 120)
    begun = sorted([*many, other], key=lambda run: run.status().started)
    assert begun.index(other) <= 2  # one may have ended while the process of the other run started
    assert other.status().started - other.status().created < 20


@pytest.mark.slow
def test_the_runs_of_a_sweep_take_turns_with_other_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_WORKERS", "1")
    space = {"learning_rate": Range(1e-4, 1e-2, log=True)}
    with jobs_of(Person("a")):
        sweep = start_sweep(SweepSpec("many", base=LONG, search=space, sampler="random", trials=8))
    until(lambda: any(underway(row.run)() for row in run_rows()), "the first trial")
    with jobs_of(Person("b")):
        other = control.start_training(LONG)
    until(lambda: other.status().state == "finished", "the end of the other run", 60)
    before = [row for row in run_rows() if row.status.group == sweep.id and row.status.started]
    assert len(before) <= 4, "The sweep's trials went first."
    assert {row.status.person for row in before} == {"a"}
    assert time.time() - other.status().created < 60
    sweep.request_stop()
    until(lambda: not sweep.is_alive(), "the end of the sweep")
