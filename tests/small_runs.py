"""Small runs for tests, which train within a second, and functions that wait for processes."""

import time
from collections.abc import Callable

import pytest

from experiments.runs.config import RunConfig
from experiments.runs.run import Run, Status, create_run
from experiments.training.worker import train_run

SMALL = RunConfig(data="mnist-5k", hidden=(8,), epochs=2, dropout=0.1)
"""29 steps an epoch, with everything that draws random numbers."""
ENDLESS = SMALL.replace(steps=1_000_000)


def finish(config: RunConfig) -> Run:
    """A new run, trained to its end in this process."""
    run = create_run(config)
    assert to_end(run).state == "finished", run.status()
    return run


def to_end(run: Run) -> Status:
    """Train a run until it ends, however it ends."""
    *_, status = train_run(run)
    return status


def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> float:
    """Wait for something that must come; -> how long it took."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + seconds:
            pytest.fail(f"Waited {seconds:g} s for {what}.")
        time.sleep(0.005)
    return time.monotonic() - began


def in_state(run: Run, *states: str) -> Callable[[], bool]:
    def look() -> bool:
        status = run.status()
        assert status.active or status.state in states, status
        return status.state in states

    return look


def underway(run: Run) -> Callable[[], bool]:
    return lambda: run.status().state == "running" and run.status().step > 0


def log(run: Run) -> str:
    return (run.folder / "log.txt").read_text()
