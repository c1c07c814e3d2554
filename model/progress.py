"""Progress of a training: events, counts, state, early stopping and the divergence guard."""

import math
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from model.arrays import Floats, Integers
from model.build import CLASSES
from model.errors import DigitLabError
from model.losses import CrossEntropy

GUARD_IMAGES = 512  # the divergence guard averages the loss of at least this many images
GUARD_FACTOR = 10.0  # the loss has diverged if it is this many times the first one

T = TypeVar("T", "Progress", "Tally")


class PartDone(NamedTuple):
    """A part of a long step or of a validation is done; the caller can stop here."""


class StepDone(NamedTuple):
    """A step is done. Loss and accuracy are means since the last step with `report`.

    About 400 steps of a run have `report`.
    """

    step: int
    epoch: float
    learning_rate: float
    loss: float
    accuracy: float
    gradient_norm: float
    report: bool


class EpochDone(NamedTuple):
    """A validation is done. `best`: its loss is the lowest so far."""

    step: int
    epoch: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    best: bool


Event: TypeAlias = PartDone | StepDone | EpochDone


class Diverged(DigitLabError):
    """The loss grew without limit; the message names the learning rate and a lower one to try."""


@dataclass
class Tally:
    """Loss and number of correct predictions over some images.

    `others` counts the images that show no digit: no prediction for them can be correct.
    """

    loss: float = 0.0
    correct: int = 0
    images: int = 0
    others: int = 0

    def add(self, other: "Tally") -> None:
        """Add the counts of another tally."""
        self.loss += other.loss
        self.correct += other.correct
        self.images += other.images
        self.others += other.others

    def count(self, losses: Floats, outputs: Floats, labels: Integers) -> None:
        """Add the rows of one forward pass."""
        self.loss += float(losses.sum())
        self.correct += int(np.count_nonzero(outputs.argmax(axis=1) == labels))
        self.images += len(labels)
        self.others += int(np.count_nonzero(labels >= CLASSES))

    @property
    def mean_loss(self) -> float:
        """Mean loss of all images; NaN without images."""
        return self.loss / self.images if self.images else math.nan

    @property
    def accuracy(self) -> float:
        """Share of the digits that were predicted correctly; NaN without digits."""
        digits = self.images - self.others
        return self.correct / digits if digits else math.nan


@dataclass
class Progress:
    """The state of a training besides its arrays. A checkpoint holds all of it."""

    step: int = 0
    last_check: int = 0
    learning_rate_override: float | None = None
    start_loss: float = math.nan
    best_loss: float = math.inf
    best_step: int = 0
    checks_without_better: int = 0
    stopped_early: bool = False


def restore(kind: type[T], values: Any) -> T:
    """The progress or tally with these fields, as a checkpoint holds them. Raises ValueError."""
    if isinstance(values, dict):
        kinds = {field.name: type(field.default) for field in fields(kind)}
        numbers = {int: (int,), bool: (bool,), float: (int, float), type(None): (int, float, type(None))}
        if all(name in kinds and type(value) in numbers[kinds[name]] for name, value in values.items()):
            return kind(**values)
    raise ValueError(f"the state of training should have the fields of {kind.__name__}, got {values!r:.60}")


@dataclass
class DivergenceGuard:
    """Raises Diverged if the loss is not finite, or far above that of the first step.

    A single image may have a large loss, so the guard averages over at least 512 images.
    """

    loss_name: str
    tally: Tally = field(default_factory=Tally)

    def check(self, step: Tally, progress: Progress, learning_rate: float) -> None:
        """Check the loss of one step. Raises Diverged."""
        if not math.isfinite(step.loss):
            raise Diverged(f"The loss became infinite at step {progress.step + 1}: {advice(learning_rate)}")
        if math.isnan(progress.start_loss):
            # The first batch may be easy, and a network that starts from good weights has a loss
            # near zero: compare with the loss of guessing instead.
            guessing = math.log(CLASSES) if self.loss_name == CrossEntropy.name else 1.0
            progress.start_loss = max(step.mean_loss, guessing)
        self.tally.add(step)
        if self.tally.images >= GUARD_IMAGES:
            if self.tally.mean_loss > GUARD_FACTOR * progress.start_loss:
                raise Diverged(
                    f"The loss rose from {progress.start_loss:.2f} to {self.tally.mean_loss:,.2f} "
                    f"by step {progress.step + 1:,}: {advice(learning_rate)}"
                )
            self.tally = Tally()


class EarlyStopping:
    """Stops after `patience` validations without a lower loss, and restores the best weights.

    With patience 0 it only records which validation was best.
    """

    def __init__(self, patience: int, parameters: Floats) -> None:
        self.patience = patience
        self.best = parameters.copy() if patience else None

    def update(self, progress: Progress, loss: float, parameters: Floats, *, is_last: bool) -> bool:
        """Record a validation; at the end of the run, restore the best weights.

        -> whether this validation was the best so far.
        """
        is_best = loss < progress.best_loss
        if is_best:
            progress.best_loss, progress.best_step, progress.checks_without_better = loss, progress.step, 0
        else:
            progress.checks_without_better += 1
        if self.best is not None:
            if is_best:
                self.best[:] = parameters
            progress.stopped_early = progress.checks_without_better >= self.patience
            if progress.stopped_early or is_last:
                parameters[:] = self.best
        return is_best


def advice(learning_rate: float) -> str:
    """The end of the message of Diverged: a learning rate to try."""
    return f"learning rate {learning_rate:g} is too high for this network; try {_round_down(learning_rate / 10):g}."


def _round_down(value: float) -> float:
    """The next lower 1, 2 or 5 times a power of ten: 0.8 -> 0.5."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(digit * power for digit in (1, 2, 5) if digit * power <= value * (1 + 1e-9))
