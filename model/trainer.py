"""Trainer: the loop from minibatch to weight update, as a generator that reports what happens."""

import math
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from model.arrays import Bytes, Floats, Integers
from model.augmentation import Augmenter
from model.build import CLASSES, PIXELS, build_loss, build_network
from model.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from model.config import TrainConfig
from model.errors import DigitLabError
from model.initializers import INITIALIZERS
from model.losses import CrossEntropy
from model.optimizers import OPTIMIZERS
from model.rng import Purpose, rng
from model.settings import ConfigError

REPORTS = 400
"""Steps reported in a run, about: as many points as a curve on a screen can show."""
CHECKS = 100
"""Validations in a run, about: where an epoch is a single step, not every epoch is worth one."""
GUARD_IMAGES = 512
"""The divergence guard looks at the mean loss of at least so many images, since a single one may well be wrong."""
GUARD_FACTOR = 10.0


class LabelledImages(Protocol):
    """What a network learns from: images (n, 28, 28) uint8 and labels (n,) uint8."""

    @property
    def images(self) -> Bytes: ...
    @property
    def labels(self) -> Bytes: ...


class Pulse(NamedTuple):
    """A part of a long step or of a validation is done: a moment to see whether somebody asks to stop."""


class StepDone(NamedTuple):
    """A step is done; loss and accuracy are means since the last step with `report`, which comes about 400 times."""

    step: int
    epoch: float
    learning_rate: float
    loss: float
    accuracy: float
    gradient_norm: float
    report: bool


class EpochDone(NamedTuple):
    """The weights were tried on the validation images. `best`: never was the validation loss lower."""

    step: int
    epoch: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    best: bool


Event: TypeAlias = Pulse | StepDone | EpochDone


class Diverged(DigitLabError):
    """Training ran away; the message says how far, and what to try."""


@dataclass
class Tally:
    """Loss and hits over a stretch of images; `others` of them show no digit, so nothing in them can be hit."""

    loss: float = 0.0
    correct: int = 0
    images: int = 0
    others: int = 0

    def add(self, other: "Tally") -> None:
        self.loss += other.loss
        self.correct += other.correct
        self.images += other.images
        self.others += other.others

    def count(self, losses: Floats, outputs: Floats, labels: Integers) -> None:
        """Add rows that went through the network."""
        self.loss += float(losses.sum())
        self.correct += int(np.count_nonzero(outputs.argmax(axis=1) == labels))
        self.images += len(labels)
        self.others += int(np.count_nonzero(labels >= CLASSES))

    @property
    def mean_loss(self) -> float:
        return self.loss / self.images if self.images else math.nan

    @property
    def accuracy(self) -> float:
        digits = self.images - self.others
        return self.correct / digits if digits else math.nan


@dataclass
class Progress:
    """Where training stands, besides the arrays: all of it is in a checkpoint, so a resume is exact."""

    step: int = 0
    last_check: int = 0
    learning_rate_override: float | None = None
    start_loss: float = math.nan
    best_loss: float = math.inf
    best_step: int = 0
    checks_without_better: int = 0
    stopped_early: bool = False


class Trainer:
    """Trains one network. Between two events of `train` it can be steered, saved or left."""

    def __init__(
        self,
        config: TrainConfig,
        train: LabelledImages,
        validation: LabelledImages,
        *,
        weights: dict[str, Floats] | None = None,
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
        self._train, self._validation = _flat(train), _flat(validation)
        self.images = len(self._train[1])
        self.steps_per_epoch = config.steps_per_epoch(self.images)
        self.total_steps = config.total_steps(self.images)
        self._report_every = max(1, self.total_steps // REPORTS)
        epochs = self.total_steps // self.steps_per_epoch
        self._check_every = self.steps_per_epoch * max(1, epochs // CHECKS)

        self.progress = Progress()
        self._epoch_tally, self._report_tally, self._guard_tally = Tally(), Tally(), Tally()
        self._best = self.network.parameters.copy() if config.patience else None

        batch = min(config.batch_size or self.images, self.images)
        rows = self.network.rows
        self._bytes = np.empty((rows, PIXELS), np.uint8)
        self._x: Floats = np.empty((rows, PIXELS), dtype)
        # a batch of several parts adds up its gradients here
        self._sum = np.zeros_like(self.network.gradients) if batch > rows else None
        # layers that work otherwise in training than when predicting
        self._learning = config.dropout > 0 or self.network.learned < self.network.parameters.size
        self._order: Integers = np.arange(self.images)
        self._order_epoch = -1
        self._augmenter = Augmenter(**{f.name: getattr(config, f.name) for f in fields(Augmenter)})

    @property
    def step(self) -> int:
        """Steps done."""
        return self.progress.step

    @property
    def epoch(self) -> float:
        """Epochs done."""
        return self.progress.step / self.steps_per_epoch

    @property
    def best_epoch(self) -> float:
        """Epochs after which the validation loss was lowest."""
        return self.progress.best_step / self.steps_per_epoch

    @property
    def stopped_early(self) -> bool:
        """Whether early stopping ended the run."""
        return self.progress.stopped_early

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.stopped_early or (self.step == self.total_steps == self.progress.last_check)

    @property
    def learning_rate_override(self) -> float | None:
        """The rate that a person set while it runs; the next step uses it, and all after. None: as scheduled."""
        return self.progress.learning_rate_override

    @learning_rate_override.setter
    def learning_rate_override(self, rate: float | None) -> None:
        self.progress.learning_rate_override = rate

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        if self.learning_rate_override is not None:
            return self.learning_rate_override
        return self.config.scheduled_rate(min(self.step, self.total_steps - 1), self.images)

    def train(self) -> Iterator[Event]:
        """Go on from wherever the trainer stands. To stop, stop iterating: the state is that of the last whole step.

        Raises Diverged.
        """
        while not self.finished:
            if self.check_is_due():
                yield from self._check()
            else:
                yield from self._step()

    def _step(self) -> Iterator[Event]:
        """One minibatch, in parts where it is large."""
        epoch, index = divmod(self.step, self.steps_per_epoch)
        rows = self._batch_rows(epoch, index)
        network, gradients = self.network, self.network.gradients
        tally = Tally()
        parts = range(0, len(rows), network.rows)
        if self._sum is not None:
            self._sum[:] = 0
        for start in parts:
            x, labels = self._inputs(self._train, rows[start : start + network.rows])
            if self._augmenter.active:
                self._augmenter.augment(x, self._random(Purpose.AUGMENTATION, start), out=x)
            outputs = network.forward(x, self._random(Purpose.DROPOUT, start) if self._learning else None)
            tally.count(self.loss.forward(outputs, labels), outputs, labels)
            network.backward(self.loss.backward(outputs, labels, len(rows)))
            if self._sum is not None and len(parts) > 1:
                np.add(self._sum, gradients, out=gradients if start == parts[-1] else self._sum)
                yield Pulse()
        self._guard(tally)

        rate = self.learning_rate
        report = self.step == 0 or (self.step + 1) % self._report_every == 0 or self.check_is_due(self.step + 1)
        slopes = gradients[: network.learned]
        norm = float(np.sqrt(np.dot(slopes, slopes))) if report else math.nan
        self.optimizer.step(network.parameters[: network.learned], slopes, rate, self.step + 1)
        network.update_statistics(len(parts))
        self.progress.step += 1
        self._epoch_tally.add(tally)
        self._report_tally.add(tally)
        told = self._report_tally
        if report:  # before the yield: whoever saves there saves the state after this step
            self._report_tally = Tally()
        yield StepDone(self.step, self.epoch, rate, told.mean_loss, told.accuracy, norm, report)

    def check_is_due(self, step: int | None = None) -> bool:
        """Whether a validation comes next, before another step."""
        step = self.step if step is None else step
        return step > self.progress.last_check and (step % self._check_every == 0 or step == self.total_steps)

    def _check(self) -> Iterator[Event]:
        """Try the weights on the validation images."""
        tally = Tally()
        for start in range(0, len(self._validation[1]), self.network.rows):
            rows = np.arange(start, min(start + self.network.rows, len(self._validation[1])))
            x, labels = self._inputs(self._validation, rows)
            outputs = self.network.forward(x)
            tally.count(self.loss.forward(outputs, labels), outputs, labels)
            yield Pulse()
        if not np.isfinite(self.network.parameters).all() or (tally.images and not math.isfinite(tally.loss)):
            raise Diverged(f"The weights became infinite by step {self.step:,}: {self._advice()}")
        progress = self.progress
        best = tally.mean_loss < progress.best_loss
        if best:
            progress.best_loss, progress.best_step, progress.checks_without_better = tally.mean_loss, self.step, 0
        else:
            progress.checks_without_better += 1
        if self._best is not None:
            if best:
                self._best[:] = self.network.parameters
            progress.stopped_early = progress.checks_without_better >= self.config.patience
            if progress.stopped_early or self.step == self.total_steps:
                self.network.parameters[:] = self._best
        progress.last_check = self.step
        done, self._epoch_tally = self._epoch_tally, Tally()
        yield EpochDone(
            self.step, self.epoch, done.mean_loss, done.accuracy, tally.mean_loss, tally.accuracy, best=best
        )

    def _batch_rows(self, epoch: int, index: int) -> Integers:
        """Row numbers of batch `index` of an epoch, in an order drawn anew for each epoch."""
        if epoch != self._order_epoch:
            self._order_epoch = epoch
            if self.steps_per_epoch > 1:
                self._order = rng(self.config.seed, Purpose.SHUFFLE, epoch).permutation(self.images)
        size = self.config.batch_size or self.images
        return self._order[index * size : (index + 1) * size]

    def _inputs(self, digits: tuple[Bytes, Integers], rows: Integers) -> tuple[Floats, Integers]:
        """The rows as numbers in [0, 1], (rows, 784), and their labels."""
        images, labels = digits
        x = self._x[: len(rows)]
        # the default mode of take copies through a buffer, for an error that cannot occur here
        x[...] = images.take(rows, axis=0, out=self._bytes[: len(rows)], mode="clip")
        x *= 1.0 / 255.0  # apart: a product of bytes goes through float64
        return x, labels.take(rows)

    def _random(self, purpose: Purpose, part: int) -> np.random.Generator:
        return rng(self.config.seed, purpose, self.step, part)

    def _guard(self, tally: Tally) -> None:
        """Raise Diverged where the loss of a step is no number, or far above that of the first step."""
        progress, guard = self.progress, self._guard_tally
        if not math.isfinite(tally.loss):
            raise Diverged(f"The loss became infinite at step {self.step + 1}: {self._advice()}")
        if math.isnan(progress.start_loss):
            # a lucky first batch, or a network that goes on from good weights, may start near zero
            chance = math.log(CLASSES) if self.config.loss == CrossEntropy.name else 1.0
            progress.start_loss = max(tally.mean_loss, chance)
        guard.add(tally)
        if guard.images >= GUARD_IMAGES:
            if guard.mean_loss > GUARD_FACTOR * progress.start_loss:
                raise Diverged(
                    f"The loss rose from {progress.start_loss:.2f} to {guard.mean_loss:,.2f} "
                    f"by step {self.step + 1:,}: {self._advice()}"
                )
            self._guard_tally = Tally()

    def _advice(self) -> str:
        rate = self.learning_rate_override or self.config.learning_rate
        return f"learning rate {rate:g} is too high for this network; try {_round_down(rate / 10):g}."

    def weights_checkpoint(self, **about: Any) -> Checkpoint:
        """The weights as they are, without the state of training; `about` is kept beside them (JSON values)."""
        return Checkpoint(self.config.to_dict(), dict(self.network.weights), about=about)

    def save(self, path: str | os.PathLike[str], **about: Any) -> None:
        """Write everything that an exact resume needs. A network that holds NaN or infinity is not written."""
        if not np.isfinite(self.network.parameters).all():
            return
        state = dict(self.optimizer.state)
        if self._best is not None:
            state["best"] = self._best
        progress = asdict(self.progress) | {
            "images": self.images,
            "tallies": [asdict(tally) for tally in (self._epoch_tally, self._report_tally, self._guard_tally)],
        }
        save_checkpoint(path, Checkpoint(self.config.to_dict(), dict(self.network.weights), state, progress, about))

    def save_weights(self, path: str | os.PathLike[str], **about: Any) -> None:
        """Write the weights only: a smaller file, to answer with or to start from."""
        save_checkpoint(path, self.weights_checkpoint(**about))

    def load(self, path: str | os.PathLike[str]) -> dict[str, Any]:
        """Take up the state that `save` wrote; returns what was said about it. Raises CheckpointError."""
        checkpoint = load_checkpoint(path)
        if not checkpoint.progress:
            raise CheckpointError(f"{path} holds weights only: training can start from it, but not be resumed.")
        if type(self.config).from_dict(checkpoint.settings) != self.config:
            raise CheckpointError(f"{path} belongs to a run with other settings; resume it with its own config.")
        progress = dict(checkpoint.progress)
        if progress.pop("images") != self.images:
            raise CheckpointError(f"{path} was written while training on other data; resume it with the same data.")
        tallies = [Tally(**values) for values in progress.pop("tallies")]
        self._epoch_tally, self._report_tally, self._guard_tally = tallies
        self.progress = Progress(**progress)
        self.network.load(checkpoint.weights)
        for name, array in self.optimizer.state.items():
            array[:] = checkpoint.state[name]
        if self._best is not None:
            self._best[:] = checkpoint.state["best"]
        return checkpoint.about


def build_trainer(
    config: TrainConfig, train: LabelledImages, validation: LabelledImages, *, start: Checkpoint | None = None
) -> Trainer:
    """The trainer of a config: with fresh weights, or with those of `start`, whose layers must be the same."""
    if start is not None and config.with_network_of(start.config) != config:
        raise CheckpointError(
            f"the model to start from is {start.config.architecture}, this config {config.architecture}; "
            "network and loss must be the same."
        )
    return Trainer(config, train, validation, weights=start.weights if start else None)


def _flat(digits: LabelledImages) -> tuple[Bytes, Integers]:
    # labels as row indices once, instead of at each step
    return digits.images.reshape(-1, PIXELS), digits.labels.astype(np.intp)


def _round_down(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten below: 0.8 -> 0.5."""
    power = 10.0 ** math.floor(math.log10(value))
    return max(digit * power for digit in (1, 2, 5) if digit * power <= value * (1 + 1e-9))
