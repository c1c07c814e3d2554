"""Trainer: the loop from minibatch to weight update, as a generator of events."""

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from model.arrays import Bytes, Floats, Integers, LabelledImages, flat
from model.augmentation import Augmenter
from model.build import PIXELS, build_loss, build_network
from model.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from model.config import TrainConfig
from model.copies import Copies, CopyMaker
from model.initializers import INITIALIZERS
from model.optimizers import OPTIMIZERS
from model.progress import (
    Diverged,
    DivergenceGuard,
    EarlyStopping,
    EpochDone,
    Event,
    PartDone,
    Progress,
    StepDone,
    Tally,
    advice,
    restore,
)
from model.reading import decoding
from model.rng import Purpose, rng
from model.settings import ConfigError

REPORTS = 400  # approximate number of reported steps in a run: the points of a curve on a screen
CHECKS = 100  # largest number of validations in a run, for runs whose epochs are very short


class Trainer:
    """Trains one network.

    Between two events of `train`, its learning rate may be set and its state saved.
    """

    def __init__(
        self,
        config: TrainConfig,
        train: LabelledImages,
        validation: LabelledImages,
        *,
        weights: dict[str, Floats] | None = None,
        copies: Copies | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        if len(train.labels) == 0:
            raise ConfigError("there are no training images; choose data that has some, or a smaller validation share.")
        if config.patience and len(validation.labels) == 0:
            raise ConfigError("early stopping needs validation images; raise validation_share or set patience to 0.")
        self.config = config
        self.network = build_network(config, dtype=dtype)
        if weights is None:
            self.network.initialize(INITIALIZERS[config.initializer], rng(config.seed, Purpose.WEIGHTS))
        else:
            self.network.load(weights)
        self.loss = build_loss(config)
        self.optimizer = OPTIMIZERS[config.optimizer](
            self.network.learned,
            decayed=self.network.decayed,
            weight_decay=config.weight_decay,
            momentum=config.momentum,
            dtype=dtype,
        )
        self._train, self._validation = flat(train), flat(validation)
        self._copies = CopyMaker(copies, self._train[0], config.seed)
        self.images = self._copies.rows
        self.steps_per_epoch = config.steps_per_epoch(self.images)
        self.total_steps = config.total_steps(self.images)
        self._report_every = max(1, self.total_steps // REPORTS)
        self._check_every = self.steps_per_epoch * max(1, self.total_steps // self.steps_per_epoch // CHECKS)

        self.progress = Progress()
        self._epoch_tally, self._report_tally = Tally(), Tally()
        self._guard = DivergenceGuard(config.loss)
        self._early_stopping = EarlyStopping(config.patience, self.network.parameters)

        self._batch, rows = min(config.batch_size or self.images, self.images), self.network.rows
        self._bytes = np.empty((rows, PIXELS), np.uint8)
        self._x: Floats = np.empty((rows, PIXELS), dtype)
        # the sum of the gradients of a batch that is processed in several parts
        self._sum = np.zeros_like(self.network.gradients) if self._batch > rows else None
        # whether any layer works differently in training and in prediction
        self._has_training_mode = config.dropout > 0 or self.network.learned < self.network.parameters.size
        self._order: Integers = np.arange(self.images)
        self._order_epoch = -1
        self._augmenter = Augmenter(**{f.name: getattr(config, f.name) for f in fields(Augmenter)})

    @property
    def step(self) -> int:
        """Number of steps done."""
        return self.progress.step

    @property
    def epoch(self) -> float:
        """Number of epochs done."""
        return self.progress.step / self.steps_per_epoch

    @property
    def best_epoch(self) -> float:
        """The epoch with the lowest validation loss."""
        return self.progress.best_step / self.steps_per_epoch

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping ended the run."""
        return self.progress.stopped_early

    @property
    def finished(self) -> bool:
        """Whether the run has ended."""
        return self.stopped_early or (self.step == self.total_steps == self.progress.last_check)

    @property
    def learning_rate_override(self) -> float | None:
        """Learning rate set by a person for all further steps; None: that of the schedule."""
        return self.progress.learning_rate_override

    @learning_rate_override.setter
    def learning_rate_override(self, rate: float | None) -> None:
        self.progress.learning_rate_override = rate

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        if self.learning_rate_override is not None:
            return self.learning_rate_override
        return self.config.scheduled_rate(min(self.step, self.total_steps - 1), self.images)

    def train(self) -> Iterator[Event]:
        """Train from the current state to the end.

        To stop earlier, stop iterating: the state is then that of the last complete step.
        Raises Diverged.
        """
        while not self.finished:
            if self.check_is_due():
                yield from self._check()
            else:
                yield from self._step()

    def _step(self) -> Iterator[Event]:
        """Train on one minibatch, a large one in several parts."""
        epoch, index = divmod(self.step, self.steps_per_epoch)
        rows = self._batch_rows(epoch, index)
        network, gradients = self.network, self.network.gradients
        tally = Tally()
        parts = range(0, len(rows), network.rows)
        if self._sum is not None:
            self._sum[:] = 0
        for start in parts:
            x, labels = self._inputs(self._train, self._copies.sources(rows[start : start + network.rows]))
            self._copies.fill(x, self._order, epoch, index * self._batch + start)
            if self._augmenter.active:
                self._augmenter.augment(x, self._random(Purpose.AUGMENTATION, start), out=x)
            outputs = network.forward(x, self._random(Purpose.DROPOUT, start) if self._has_training_mode else None)
            tally.count(self.loss.forward(outputs, labels), outputs, labels)
            network.backward(self.loss.backward(outputs, labels, len(rows)))
            if self._sum is not None and len(parts) > 1:
                np.add(self._sum, gradients, out=gradients if start == parts[-1] else self._sum)
                yield PartDone()
        self._guard.check(tally, self.progress, self._base_rate)

        rate = self.learning_rate
        report = self.step == 0 or (self.step + 1) % self._report_every == 0 or self.check_is_due(self.step + 1)
        learned = gradients[: network.learned]
        norm = float(np.sqrt(np.dot(learned, learned))) if report else math.nan
        self.optimizer.step(network.parameters[: network.learned], learned, rate, self.step + 1)
        network.update_statistics(len(parts))
        self.progress.step += 1
        self._epoch_tally.add(tally)
        self._report_tally.add(tally)
        reported = self._report_tally
        if report:  # before the yield, where a caller may save the state after this step
            self._report_tally = Tally()
        yield StepDone(self.step, self.epoch, rate, reported.mean_loss, reported.accuracy, norm, report)

    def check_is_due(self, step: int | None = None) -> bool:
        """Whether a validation comes before the next step."""
        step = self.step if step is None else step
        return step > self.progress.last_check and (step % self._check_every == 0 or step == self.total_steps)

    def _check(self) -> Iterator[Event]:
        """Validate: compute loss and accuracy on the validation images."""
        tally = Tally()
        for start in range(0, len(self._validation[1]), self.network.rows):
            rows = np.arange(start, min(start + self.network.rows, len(self._validation[1])))
            x, labels = self._inputs(self._validation, rows)
            outputs = self.network.forward(x)
            tally.count(self.loss.forward(outputs, labels), outputs, labels)
            yield PartDone()
        if not np.isfinite(self.network.parameters).all() or (tally.images and not math.isfinite(tally.loss)):
            raise Diverged(f"The weights became infinite by step {self.step:,}: {advice(self._base_rate)}")
        is_last = self.step == self.total_steps
        best = self._early_stopping.update(self.progress, tally.mean_loss, self.network.parameters, is_last=is_last)
        self.progress.last_check = self.step
        done, self._epoch_tally = self._epoch_tally, Tally()
        yield EpochDone(
            self.step, self.epoch, done.mean_loss, done.accuracy, tally.mean_loss, tally.accuracy, best=best
        )

    def _batch_rows(self, epoch: int, index: int) -> Integers:
        """Row numbers of batch `index` of an epoch. Each epoch has a new random order."""
        if epoch != self._order_epoch:
            self._order_epoch = epoch
            if self.steps_per_epoch > 1:
                self._order = rng(self.config.seed, Purpose.SHUFFLE, epoch).permutation(self.images)
        return self._order[index * self._batch : (index + 1) * self._batch]

    def _inputs(self, digits: tuple[Bytes, Integers], rows: Integers) -> tuple[Floats, Integers]:
        """The images of some rows as numbers from 0 to 1, (rows, 784), and their labels."""
        images, labels = digits
        x = self._x[: len(rows)]
        # mode="clip": the default mode copies through a buffer to check for impossible errors
        x[...] = images.take(rows, axis=0, out=self._bytes[: len(rows)], mode="clip")
        x *= 1.0 / 255.0  # a separate step: bytes times a number would go through float64
        return x, labels.take(rows)

    def _random(self, purpose: Purpose, part: int) -> np.random.Generator:
        return rng(self.config.seed, purpose, self.step, part)

    @property
    def _base_rate(self) -> float:
        """The learning rate that a person chose, before the schedule."""
        return self.learning_rate_override or self.config.learning_rate

    def weights_checkpoint(self, **about: Any) -> Checkpoint:
        """A checkpoint of the weights without the state of training. `about`: JSON values."""
        return Checkpoint(self.config.to_dict(), dict(self.network.weights), about=about)

    def save(self, path: str | os.PathLike[str], **about: Any) -> None:
        """Save everything that an exact resume needs, unless a weight is NaN or infinite."""
        if not np.isfinite(self.network.parameters).all():
            return
        state = dict(self.optimizer.state)
        if self._early_stopping.best is not None:
            state["best"] = self._early_stopping.best
        progress = asdict(self.progress) | {
            "images": self.images,
            "tallies": [asdict(tally) for tally in (self._epoch_tally, self._report_tally, self._guard.tally)],
        }
        save_checkpoint(path, Checkpoint(self.config.to_dict(), dict(self.network.weights), state, progress, about))

    def save_weights(self, path: str | os.PathLike[str], **about: Any) -> None:
        """Save the weights only: a smaller file, enough for predictions and as a start."""
        save_checkpoint(path, self.weights_checkpoint(**about))

    def load(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """Restore the state that `save` wrote. -> its `about`. Raises CheckpointError."""
        checkpoint = load_checkpoint(path)
        if not checkpoint.progress:
            raise CheckpointError(f"{path} holds weights only: training can start from it, but not be resumed.")
        if type(self.config).from_dict(checkpoint.settings) != self.config:
            raise CheckpointError(f"{path} belongs to a run with other settings; resume it with its own config.")
        progress = dict(checkpoint.progress)
        if progress.pop("images", None) != self.images:
            raise CheckpointError(f"{path} was written while training on other data; resume it with the same data.")
        with decoding(path, "resume it from another checkpoint, or start a new run.", CheckpointError):
            epoch, report, guard = (restore(Tally, values) for values in progress.pop("tallies"))
            restored = restore(Progress, progress)
            if not 0 <= restored.last_check <= restored.step <= self.total_steps:
                raise ValueError(f"step {restored.step} of {self.total_steps}")
        self._epoch_tally, self._report_tally, self._guard.tally = epoch, report, guard
        self.progress = restored
        self.network.load(checkpoint.weights)
        for name, array in self.optimizer.state.items():
            array[:] = checkpoint.state[name]
        if self._early_stopping.best is not None:
            self._early_stopping.best[:] = checkpoint.state["best"]
        return checkpoint.about


def build_trainer(
    config: TrainConfig,
    train: LabelledImages,
    validation: LabelledImages,
    *,
    start: Checkpoint | None = None,
    copies: Copies | None = None,
) -> Trainer:
    """The trainer of a config, with fresh weights or those of `start`.

    Raises CheckpointError if `start` has another network or loss.
    """
    if start is not None and config.with_network_of(start.config) != config:
        raise CheckpointError(
            f"the model to start from is {start.config.architecture}, this config {config.architecture}; "
            "network and loss must be the same."
        )
    return Trainer(config, train, validation, weights=start.weights if start else None, copies=copies)
