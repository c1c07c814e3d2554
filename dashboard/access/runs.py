"""Permitted, runs: whatever starts, steers, names or deletes them, each only for who may; else it raises a Refusal."""

from pathlib import Path
from typing import Any

from dashboard.access.decision import Action, require, training
from dataset import SOURCES, count_by_digit
from experiments import fine_tuning, range_test
from experiments.runs import control
from experiments.runs import trash as deletion
from experiments.runs.config import RunConfig
from experiments.runs.run import Run, RunError
from experiments.runs.table import run_rows
from experiments.training.cost import expected_seconds, slowness

LATEST = 30  # runs that tell how fast this machine is


def start_training(config: RunConfig, *, name: str, start: Path | None = None) -> Run:
    with training(seconds_of(config)) as begun:
        run = control.start_training(config, name=name, start=start)
        begun(run.id, lambda: is_active(run))
    return run


def train_with_seeds(run: Run) -> list[Run]:
    with training(seconds_of(run.config), count=control.SEEDS - 1) as begun:
        found = control.train_with_seeds(run)
        for other in found[1:]:
            begun(other.id, lambda other=other: is_active(other))
    return found


def start_range_test(config: RunConfig, *, name: str) -> Run:
    with training(seconds_of(range_test.range_test_config(config))) as begun:
        run = range_test.create_range_test(config, name=name)
        control.start(run)
        begun(run.id, lambda: is_active(run))
    return run


def start_fine_tuning(model: Path) -> Run:
    with training() as begun:
        run = fine_tuning.create_fine_tuning(model)
        control.start(run)
        begun(run.id, lambda: is_active(run))
    return run


def resume(run: Run) -> None:
    steer(run)
    if run.status().active:  # it is paused, so it counts already
        control.resume(run)
        return
    with training(seconds_of(run.config)) as begun:
        control.resume(run)
        begun(run.id, lambda: is_active(run))


def pause(run: Run) -> None:
    steer(run)
    control.pause(run)


def stop(run: Run) -> None:
    steer(run)
    control.stop(run)


def set_learning_rate(run: Run, rate: float | None) -> None:
    steer(run)
    control.set_learning_rate(run, rate)


def set_label(run: Run, **label: Any) -> None:
    require(Action.RUNS)
    run.set_label(**label)


def delete_run(run: Run) -> None:
    require(Action.RUNS)
    deletion.delete_run(run)


def restore_run(run_id: str) -> None:
    require(Action.RUNS)
    deletion.restore_run(run_id)


def steer(run: Run) -> None:
    """Raises a Refusal where somebody else began it."""
    require(Action.STEER, of=run.id)


def seconds_of(config: RunConfig) -> float:
    """About how long a training takes here."""
    if config.data not in SOURCES:
        require(Action.FILES)
        return 0.0  # who may train on files may train for as long as they like
    pool = SOURCES[config.data].pool
    images = pool - round(pool * config.validation_share)
    images = min(images, config.training_images or images) + config.drawings_weight * int(count_by_digit().sum())
    return expected_seconds(config, images, slowness(row.run for row in run_rows()[:LATEST]))


def is_active(run: Run) -> bool:
    try:
        return run.status().active
    except RunError:
        return False  # it is gone
