"""Seeds: one run becomes five, which differ by nothing else."""

from pathlib import Path

import pytest

from experiments.runs.config import RunConfig
from experiments.runs.control import SEEDS, train_with_seeds
from experiments.runs.run import Run, create_run
from experiments.runs.table import run_rows, seed_groups
from tests.small_runs import SMALL, finish


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """What was started, without processes."""
    made: list[Run] = []

    def start(config: RunConfig, *, name: str, start: Path | None) -> Run:
        made.append(create_run(config, name=name, start=start))
        return made[-1]

    monkeypatch.setattr("experiments.runs.control.start_training", start)
    return made


def test_a_run_becomes_five_that_differ_by_their_seed_only(started: list[Run]) -> None:
    run = create_run(SMALL.replace(seed=7), name="mine")
    runs = train_with_seeds(run)
    assert runs == [run, *started]
    assert [other.config for other in runs] == [SMALL.replace(seed=seed) for seed in range(7, 7 + SEEDS)]
    assert [len(group) for group in seed_groups(run_rows())] == [SEEDS]
    assert started[0].name == "mine, seed 8"


def test_what_is_there_already_is_not_trained_again(started: list[Run]) -> None:
    run, other = finish(SMALL), finish(SMALL.replace(seed=1))
    assert train_with_seeds(run)[:2] == [run, other]
    assert len(started) == SEEDS - 2
    train_with_seeds(run)
    assert len(started) == SEEDS - 2


def test_a_run_that_was_stopped_does_not_count(started: list[Run]) -> None:
    run, other = create_run(SMALL), create_run(SMALL.replace(seed=1))
    other.write_status(other.status().__class__("stopped"))
    train_with_seeds(run)
    assert len(started) == SEEDS - 1


def test_runs_that_go_on_from_a_model_all_go_on_from_the_same(started: list[Run]) -> None:
    run = create_run(SMALL, start=finish(SMALL).model)
    runs = train_with_seeds(run)
    assert {other.config.start_from for other in runs} == {run.config.start_from}
    assert all(other.start.read_bytes() == run.start.read_bytes() for other in started)


def test_after_the_last_seed_comes_the_first(started: list[Run]) -> None:
    runs = train_with_seeds(create_run(SMALL.replace(seed=2**31 - 2)))
    assert [run.config.seed for run in runs] == [2**31 - 2, 0, 1, 2, 3]
