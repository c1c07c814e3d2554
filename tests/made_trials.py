"""Made trials: results that a sweep might have, without any training."""

from dataclasses import replace
from typing import Any

from experiments.runs.run import create_run
from experiments.sweeps import Sweep, SweepSpec, Trial, create_sweep
from experiments.sweeps.space import Range, Space
from tests.small_runs import SMALL

GRID: Space = {
    "learning_rate": Range(0.001, 0.1, log=True, points=3),
    "width": Range(16, 64, log=True, points=2),
}


def trial(number: int, *values: float, state: str = "done", runs: tuple[str, ...] = (), **params: Any) -> Trial:
    over = state not in ("running", "stopped")
    return Trial(number, params, state, over, values, runs, 2.0, 0.5, 1.0 + number)


def grid_trials(runs: tuple[str, ...] = ()) -> list[Trial]:
    """Six cells: one diverged, one running, the best is trial 3."""
    cells = [(rate, width) for rate in (0.001, 0.01, 0.1) for width in (16, 64)]
    outcomes: list[tuple[tuple[float, ...], str]] = [
        ((0.80,), "done"),
        ((0.85,), "done"),
        ((0.92,), "done"),
        ((0.95,), "done"),
        ((0.50,), "diverged"),
        ((), "running"),
    ]
    return [
        trial(number, *values, state=state, runs=runs, learning_rate=rate, width=width)
        for number, ((rate, width), (values, state)) in enumerate(zip(cells, outcomes, strict=True))
    ]


def made_sweep(*, state: str = "finished", reason: str = "", trials: int = 6, **options: Any) -> Sweep:
    """A sweep in the runs folder whose trials are these; each has the same run, which never
    trained.
    """
    spec = SweepSpec(**{"name": "made", "base": SMALL, "search": GRID, "sampler": "grid"} | options)
    sweep = create_sweep(spec)
    run = create_run(SMALL, name="made, trial 0", group=sweep.id, trial=0)
    run.write_status(replace(run.stored(), state="stopped"))
    sweep.publish_trials(grid_trials((run.id,))[:trials])
    sweep.set_begun(1)
    sweep.set_status(state=state, reason=reason)
    return sweep
