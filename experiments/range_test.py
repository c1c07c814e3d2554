"""Range test: one short training whose learning rate rises from far too low to far too high, and what it tells.

After Smith 2015 (arXiv:1506.01186) and 2018 (arXiv:1803.09820): where the loss falls, the rate is high enough; where it
rises again, too high.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING

import numpy as np

from dataset.files import written_whole
from experiments.jobs.launch import start
from experiments.runs.config import RunConfig
from experiments.runs.run import Run, RunError, create_run, is_id, open_run, runs_folder
from experiments.training.cost import training_seconds
from model.build import CLASSES
from model.losses import CrossEntropy
from model.schedules import LOWEST

if TYPE_CHECKING:
    import pandas as pd

    from model.arrays import Floats

GROUP = "range-test"
HIGHEST = 10.0  # no preset learns at more, with whatever optimizer; a millionth of it is too little for all of them
IMAGES = 32_000  # in all, if the time allows: fewer do not show what a slow optimizer can do
STEPS = (100, 400)  # fewer make no curve; more are a warm-up so gentle that rates survive which no run could start with
SECONDS = 1.2  # of training, about; with the start of a process that makes less than three
FULL_BATCH = 5000  # images that stand for all of them where a step takes all
SMOOTHED = 0.05  # share of the curve over which the loss is averaged, about: a third of a decade
FALLEN = 0.1  # share of its first value by which the loss must fall for the test to tell anything
CHANCE = {True: math.log(CLASSES), False: 1 - 1 / CLASSES}  # loss of who guesses: cross-entropy, and squared error
MARGIN = 2.0  # from the highest rate worth trying down to the suggested one
WIDTH = 10.0  # from the highest down to the lowest (Smith 2018)
RISEN = 1.02  # what has hardly learned more than to guess diverges where its loss has risen by so much


@dataclass(frozen=True)
class RangeTest:
    """The curve by learning rate, and what is read from it; None where it does not say."""

    rates: Floats
    losses: Floats
    smoothed: Floats
    suggested_low: float | None = None
    suggested_high: float | None = None
    suggested: float | None = None
    diverges_at: float | None = None

    @classmethod
    def nothing(cls) -> RangeTest:
        """Of a test that has no step yet."""
        none = np.empty(0)
        return cls(none, none, none)


def range_test_config(config: RunConfig) -> RunConfig:
    """The training that tests the rates of a config: its network, data and optimizer, in a second or so."""
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


def start_range_test(config: RunConfig, *, name: str = "range test") -> Run:
    """A test and a worker on it."""
    run = make_range_test(config, name=name)
    start(run)
    return run


def make_range_test(config: RunConfig, *, name: str = "range test") -> Run:
    """A run in a place of its own: it waits for none of the others, and stands in no list of theirs."""
    folder = range_tests_folder() / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{token_hex(3)}"
    run = create_run(range_test_config(config), name=name, group=GROUP, folder=folder)
    with written_whole(run.folder / "tested.json") as file:
        file.write(json.dumps(config.to_dict(), indent=2).encode())
    return run


def open_range_test(which: str) -> Run:
    """The test with this id. Raises RunError."""
    if not is_id(which):
        raise RunError(f"{which!r} is not the id of a range test.")
    if not (range_tests_folder() / which / "tested.json").is_file():
        raise RunError(f"There is no range test {which} here any more; run it again.")
    return open_run(range_tests_folder() / which)


def config_tested(run: Run) -> RunConfig:
    """The config whose learning rate is looked for."""
    try:
        return RunConfig.from_dict(json.loads((run.folder / "tested.json").read_text()))
    except (OSError, ValueError) as error:
        raise RunError(f"The range test {run.id} is damaged: {error}") from error


def range_tests_folder() -> Path:
    return runs_folder() / ".range-tests"


def read_range_test(history: pd.DataFrame, config: RunConfig, *, diverged: bool) -> RangeTest:
    """What the history of a test tells so far; `diverged` says that the guard of training has ended it.

    The loss is smoothed exponentially, corrected for its start: s = a / (1 - b^n) with a <- b a + (1 - b) loss. Where s
    is lowest lies the highest rate worth trying, and a tenth of it is the lowest (Smith 2018). Training diverges where
    half of what it had learned at best, compared with guessing, is lost again.
    """
    rows = history[history["learning_rate"] > 0]
    if rows.empty:
        return RangeTest.nothing()
    rates, losses = rows["learning_rate"].to_numpy(), rows["train_loss"].to_numpy()
    # half of the points of a run may be reported, so the share counts, not a number of points
    points = math.log(1 / LOWEST) / math.log(rates[1] / rates[0]) if len(rates) > 1 else 1.0
    smoothed = _smooth(losses, 1 - 1 / max(1.0, SMOOTHED * points))
    lowest = int(smoothed.argmin())
    floor = smoothed[lowest]
    lost = smoothed[lowest:] > max((floor + CHANCE[config.loss == CrossEntropy.name]) / 2, RISEN * floor)
    end = rates[lowest + lost.argmax()] if lost.any() else rates[-1] if diverged else None
    end = None if end is None else _rounded(end)
    if floor > (1 - FALLEN) * smoothed[0]:
        return RangeTest(rates, losses, smoothed, diverges_at=end)
    best = rates[lowest]
    return RangeTest(
        rates,
        losses,
        smoothed,
        suggested_low=_rounded(best / WIDTH),
        suggested_high=_rounded(best),
        suggested=_rounded(best / MARGIN),
        diverges_at=end,
    )


def _smooth(losses: Floats, beta: float) -> Floats:
    smoothed, mean = np.empty_like(losses), 0.0
    for place, loss in enumerate(losses):
        mean = beta * mean + (1 - beta) * loss
        smoothed[place] = mean / (1 - beta ** (place + 1))
    return smoothed


def _rounded(rate: float) -> float:
    """To two digits: no test tells more."""
    return float(f"{rate:.2g}")
