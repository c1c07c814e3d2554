"""Learning-rate range test: one short training whose rate rises from far too low to far too high.

After Smith 2015 (arXiv:1506.01186) and 2018 (arXiv:1803.09820): where the loss falls, the rate is
high enough; where it rises again, too high.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dataset.files import is_there
from experiments.jobs.record import is_job_id, read_record, shortened
from experiments.runs.config import RunConfig
from experiments.runs.run import Run, RunError, create_run, open_run, runs_folder
from experiments.training.cost import training_seconds
from model.build import CLASSES
from model.losses import CrossEntropy
from model.schedules import LOWEST

if TYPE_CHECKING:
    import pandas as pd

    from model.arrays import Floats

GROUP = "range-test"
HIGHEST = 10.0  # above it no preset learns, with any optimizer; a millionth of it is too low for all
IMAGES = 32_000  # in all, if the time allows: with fewer, a slow optimizer shows no progress
STEPS = (
    100,
    400,
)  # fewer make no curve; with more, the rate rises so slowly that rates look usable at which no run can start
SECONDS = 1.2  # of training, about; with the start of a process that makes less than three
FULL_BATCH = 5000  # images that stand for all of them where a step uses all
SMOOTHED = 0.05  # share of the curve over which the loss is averaged, about: a third of a decade
FALLEN = 0.1  # share of its first value by which the loss must fall for the test to suggest anything
CHANCE = {True: math.log(CLASSES), False: 1 - 1 / CLASSES}  # loss of guessing: cross-entropy, and squared error
MARGIN = 2.0  # from the highest rate worth trying down to the suggested one
WIDTH = 10.0  # from the highest down to the lowest (Smith 2018)
RISEN = 1.02  # a network that is hardly better than guessing diverges where its loss has risen by this factor


@dataclass(frozen=True)
class RangeTest:
    """The curve by learning rate, and the rates read from it; None where it shows none.

    Empty before the first step.
    """

    rates: Floats = field(default_factory=lambda: np.empty(0))
    losses: Floats = field(default_factory=lambda: np.empty(0))
    smoothed: Floats = field(default_factory=lambda: np.empty(0))
    suggested_low: float | None = None
    suggested_high: float | None = None
    suggested: float | None = None
    diverges_at: float | None = None


def range_test_config(config: RunConfig) -> RunConfig:
    """The training that tests the learning rates of a config, in a second or so."""
    images = min(config.training_images or FULL_BATCH, FULL_BATCH) if not config.batch_size else config.training_images
    batch = config.batch_size or images
    tested = config.replace(
        learning_rate=HIGHEST,
        schedule="range-test",
        validation_share=0.0,  # nothing is chosen by it
        patience=0,
        drawings_weight=0,
        training_images=images,
        start_from="",
        steps=STEPS[1],
    )
    possible = STEPS[1] * SECONDS / training_seconds(tested, batch, 1.0)
    return tested.replace(steps=int(np.clip(min(IMAGES / batch, possible), *STEPS)))


def create_range_test(config: RunConfig, *, name: str = "range test") -> Run:
    """The run that tests the learning rates of a config, in a folder apart from other runs.

    `runs.control.start` starts it. It waits for no other run.
    """
    records = {"tested.json": config.to_dict()}
    return create_run(range_test_config(config), name=name, group=GROUP, parent=range_tests_folder(), records=records)


def open_range_test(which: str) -> Run:
    """The test with this id. Raises RunError."""
    if not is_job_id(which):
        raise RunError(f"{shortened(which)!r} is not the id of a range test.")
    if not is_there(range_tests_folder() / which / "tested.json"):
        raise RunError(f"There is no range test {which} here any more; run it again.")
    return open_run(range_tests_folder() / which)


def config_tested(run: Run) -> RunConfig:
    """The config that the test is to find a learning rate for.

    Raises RunError where it cannot be read.
    """
    try:
        return RunConfig.from_dict(read_record(run.folder / "tested.json", dict[str, Any]))
    except (OSError, ValueError) as error:
        raise RunError(f"The range test {run.id} is damaged: {error}") from error


def range_tests_folder() -> Path:
    """Where range tests are: hidden among the runs."""
    return runs_folder() / ".range-tests"


def read_range_test(history: pd.DataFrame, config: RunConfig, *, diverged: bool) -> RangeTest:
    """The result so far, from the history of the test.

    `diverged`: training has ended for that reason.

    The loss is smoothed exponentially, corrected for its start. Where it is lowest lies the highest
    rate worth trying, and a tenth of it is the lowest (Smith 2018). Training diverges where half of
    what it had learned at best, compared with guessing, is lost again.
    """
    rows = history[history["learning_rate"] > 0]
    if rows.empty:
        return RangeTest()
    rates, losses = rows["learning_rate"].to_numpy(), rows["train_loss"].to_numpy()
    # Only a part of the steps may be reported, so the window is a share of the curve, not a number
    # of points.
    points = math.log(1 / LOWEST) / math.log(rates[1] / rates[0]) if len(rates) > 1 else 1.0
    smoothed = rows["train_loss"].ewm(alpha=1 / max(1.0, SMOOTHED * points)).mean().to_numpy()
    lowest = int(smoothed.argmin())
    floor = smoothed[lowest]
    lost = smoothed[lowest:] > max((floor + CHANCE[config.loss == CrossEntropy.name]) / 2, RISEN * floor)
    end = rates[lowest + lost.argmax()] if lost.any() else rates[-1] if diverged else None
    end = None if end is None else _rounded(end)
    if floor > (1 - FALLEN) * smoothed[0]:
        return RangeTest(rates, losses, smoothed, diverges_at=end)
    low, high, suggested = (_rounded(rates[lowest] / factor) for factor in (WIDTH, 1.0, MARGIN))
    return RangeTest(rates, losses, smoothed, low, high, suggested, end)


def _rounded(rate: float) -> float:
    """To two digits: no test is more exact."""
    return float(f"{rate:.2g}")
