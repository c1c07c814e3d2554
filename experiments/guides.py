"""Guides: prepared experiments, each with charts and three findings that its results confirm."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments import sweeps
from experiments.runs.config import RunConfig
from experiments.runs.run import RunError, open_run

if TYPE_CHECKING:
    import pandas as pd

    from model.arrays import Floats

SEEDS = 3  # of each setting: a sentence must hold for each of them
GUESSING = 2.303  # cross-entropy when each of ten digits gets the same probability

ACCURACY, LOSS = "validation_accuracy", "validation_loss"
TRAIN_ACCURACY, TRAIN_LOSS = "train_accuracy", "train_loss"


@dataclass(frozen=True, eq=False)
class Curves:
    """The histories of one setting, one per seed. Each method returns one value per seed."""

    histories: tuple[pd.DataFrame, ...]

    def end(self, column: str = ACCURACY) -> Floats:
        """The last value."""
        return self._each(lambda table: _last(table[column]))

    def lowest(self, column: str = LOSS) -> Floats:
        """The lowest value."""
        return self._each(lambda table: table[column].min())

    def highest(self, column: str = ACCURACY) -> Floats:
        """The highest value."""
        return self._each(lambda table: table[column].max())

    def after(self, epoch: float, column: str = ACCURACY) -> Floats:
        """The last value until the end of this epoch."""
        return self._each(lambda table: _last(table[table["epoch"] <= epoch][column]))

    def best_epoch(self) -> Floats:
        """The epoch with the lowest validation loss."""
        return self._each(lambda table: table["epoch"][table[LOSS].argmin()])

    def rise(self) -> Floats:
        """The validation loss at the end, divided by its lowest value."""
        return self.end(LOSS) / self.lowest()

    def first_steps(self, steps: int) -> Floats:
        """The mean training loss of the first steps."""
        return self._each(lambda table: table[table["step"] <= steps][TRAIN_LOSS].mean())

    def _each(self, measure: Callable[[pd.DataFrame], float]) -> Floats:
        return np.array([measure(table) for table in self.histories])


@dataclass(frozen=True)
class Chart:
    """A prepared chart with the curves of some settings, or of all if none is named."""

    title: str
    quantity: str
    part: str = "validation"
    against: str = "epoch"
    settings: tuple[str, ...] = ()
    smoothing: float = 0.0
    log: bool = False


@dataclass(frozen=True)
class Guide:
    """One experiment."""

    title: str
    summary: str
    base: RunConfig
    settings: dict[str, dict[str, Any]]
    """The name of each setting -> what it changes in the base."""
    charts: tuple[Chart, ...]
    sentences: dict[str, Callable[..., Iterable[Any]]]
    """A finding in words -> its claims: a function of the curves of the settings, in their order.

    The function returns truth values, or arrays with one per seed. All must be true.
    """

    @property
    def spec(self) -> sweeps.SweepSpec:
        """The sweep that trains every setting with every seed, in their order."""
        name = f"Experiment {self.title}"
        return sweeps.SweepSpec(name, self.base, {}, self.settings, sampler="grid", seeds=SEEDS)

    def sweep(self) -> sweeps.Sweep | None:
        """The newest sweep of this experiment; None if it was never started here."""
        for sweep in sweeps.list_sweeps():
            with contextlib.suppress(sweeps.SweepError):
                if replace(sweep.spec, name=self.spec.name) == self.spec:
                    return sweep
        return None

    def findings(self, curves: Mapping[str, Curves]) -> dict[str, bool]:
        """Each finding in words -> whether it holds for these curves of all settings."""
        by_setting = [curves[name] for name in self.settings]
        return {text: all(map(np.all, claims(*by_setting))) for text, claims in self.sentences.items()}

    def start(self) -> sweeps.Sweep:
        """Continue its newest sweep, or start a new one if that has ended."""
        sweep = self.sweep()
        if sweep is not None and sweep.status().state not in ("finished", "failed"):
            sweeps.resume_sweep(sweep)
            return sweep
        return sweeps.start_sweep(replace(self.spec, name=sweeps.unused_name(self.spec.name)))


def read_curves(
    trials: Iterable[sweeps.Trial], history: Callable[[str], pd.DataFrame] | None = None
) -> dict[str, Curves]:
    """The curves of each setting so far. `history` reads that of a run by its id."""
    found = {}
    for trial in trials:
        tables = []
        for run in trial.runs:
            with contextlib.suppress(RunError, OSError):
                tables.append(history(run) if history else open_run(run).history())
        found[trial.params["variant"]] = Curves(tuple(tables))
    return found


def _last(column: pd.Series[float]) -> float:
    known = column.dropna()
    return float(known.iloc[-1]) if len(known) else np.nan


# A quarter of the digits is for validation: 1,000 are enough to tell the settings apart.
MNIST = RunConfig(data="mnist-5k", validation_share=0.25)
PLAIN = MNIST.replace(optimizer="sgd", schedule="constant", learning_rate=0.1, batch_size=64, epochs=6)
FEW = PLAIN.replace(
    training_images=500, optimizer="adam", schedule="cosine", learning_rate=0.005, batch_size=50, epochs=30
)
ACCURACY_CHART = Chart("Validation accuracy", "accuracy")
SMOOTHED = Chart("Training loss, smoothed", "loss", part="train", smoothing=0.9)
BATCHES = (16, 64, 256)
EPOCHS = tuple(f"{size}, 4 epochs" for size in BATCHES)
STEPS = tuple(f"{size}, 188 steps" for size in BATCHES)

GUIDES: dict[str, Guide] = {
    "learning-rate": Guide(
        "Learning rate: too low, right, too high",
        "The most important setting: a good value, a hundredth of it, and ten times as much.",
        PLAIN.replace(hidden=(64,)),
        {
            "Too low: 0.003": {"learning_rate": 0.003},
            "Right: 0.3": {"learning_rate": 0.3},
            "Too high: 3": {"learning_rate": 3.0},
        },
        (Chart("Training loss", "loss", part="train", against="step", log=True), ACCURACY_CHART),
        {
            (
                "At 0.003 the loss falls steadily but slowly: after six epochs the network reads fewer than 75 % of "
                "the digits correctly."
            ): lambda low, *_: (low.end() < 0.75, low.end(LOSS) == low.lowest()),
            ("At 0.3 the same network passes 75 % in its first two epochs and ends above 90 %."): lambda _, right, __: (
                right.after(2) > 0.75,
                right.end() > 0.9,
            ),
            (
                "At 3 each step overshoots: the loss rises to more than five times its first value. Either training "
                "has to be stopped, or the network ends with fewer than 30 % of the digits read correctly."
            ): lambda _, __, high: (
                high.highest(TRAIN_LOSS) > 5 * high.first_steps(1),
                ~(high.end() >= 0.3),  # true also if no value is left
            ),
        },
    ),
    "initialization": Guide(
        "Initialization: 0.01 against He",
        "The same deep network with two ways to draw the first weights. With one of them the signal fades.",
        PLAIN,
        {
            "0.01, four hidden layers": {"initializer": "normal", "hidden": (64, 64, 64, 64)},
            "He, four hidden layers": {"initializer": "he", "hidden": (64, 64, 64, 64)},
            "0.01, one hidden layer": {"initializer": "normal", "hidden": (64,)},
        },
        (Chart("Validation loss", "loss"), ACCURACY_CHART),
        {
            (
                "With a spread of 0.01 the loss of the deep network stays at 2.30, the loss of pure guessing: each "
                "layer makes the signal smaller, and on the way back also the gradient."
            ): lambda deep, *_: (
                abs(deep.end(LOSS) - GUESSING) < 0.02,
                abs(deep.lowest() - GUESSING) < 0.02,
                deep.end() < 0.2,
            ),
            (
                "He initialization draws the first weights with a spread of √(2 / inputs), so that the signal keeps "
                "its size through ReLU layers, and the same network ends above 85 %."
            ): lambda _, he, __: [he.end() > 0.85],
            (
                "This matters in deep networks only: with one hidden layer, 0.01 ends above 85 % as well."
            ): lambda _, __, shallow: [shallow.end() > 0.85],
        },
    ),
    "loss": Guide(
        "Sigmoid and squared error against softmax and cross-entropy",
        "Two ways to measure the error of the same network.",
        PLAIN.replace(activation="sigmoid", initializer="xavier", hidden=(64,), learning_rate=0.5, epochs=8),
        {
            "Cross-entropy, rate 0.5": {"loss": "cross-entropy"},
            "Squared error, rate 0.5": {"loss": "squared-error"},
            "Squared error, rate 2": {"loss": "squared-error", "learning_rate": 2.0},
        },
        (ACCURACY_CHART, Chart("Gradient norm, smoothed", "gradient_norm", against="step", smoothing=0.9)),
        {
            (
                "After the first epoch cross-entropy is at least 15 points ahead: its gradient is the error of the "
                "output, while squared error multiplies that by the slope of the sigmoid, which is a quarter at most "
                "and almost zero for outputs close to 0 or 1."
            ): lambda entropy, squared, _: [entropy.after(1) - squared.after(1) > 0.15],
            ("After eight epochs squared error is closer, but still behind."): lambda entropy, squared, _: (
                entropy.end() > squared.end(),
                entropy.end() - squared.end() < entropy.after(1) - squared.after(1),
            ),
            (
                "Four times the learning rate does not help: the first steps move all outputs to where their slope is "
                "almost zero, and after the first epoch the network is further behind than before."
            ): lambda _, squared, faster: [faster.after(1) < squared.after(1)],
        },
    ),
    "batch-size": Guide(
        "Batch size: at equal epochs and at equal steps",
        "The better batch size depends on the comparison: after as many images, or after as many steps.",
        PLAIN,
        {
            **{name: {"batch_size": size, "epochs": 4} for name, size in zip(EPOCHS, BATCHES, strict=True)},
            **{name: {"batch_size": size, "steps": 188} for name, size in zip(STEPS, BATCHES, strict=True)},
        },
        (
            replace(SMOOTHED, title="Training loss at equal epochs, smoothed", settings=EPOCHS),
            replace(SMOOTHED, title="Training loss at equal steps, smoothed", settings=STEPS, against="step"),
        ),
        {
            (
                "After equal epochs the smallest batch has the lowest validation loss on average and the largest "
                "batch the highest: batches of 16 images make sixteen times as many steps as batches of 256."
            ): lambda small, middle, large, *_: (
                small.end(LOSS).mean() < middle.end(LOSS).mean(),
                middle.end(LOSS).mean() < large.end(LOSS).mean(),
                small.end(LOSS) < large.end(LOSS),
            ),
            (
                "After equal steps it is the other way round, because a gradient from more images is less noisy: 256 "
                "ends with a lower loss than 16."
            ): lambda _, __, ___, small, middle, large: [large.end(LOSS) < small.end(LOSS)],
            (
                "Even larger batches gain little: from 64 to 256 images the loss changes less than from 16 to 64, "
                "for four times the work."
            ): lambda _, __, ___, small, middle, large: [
                abs(np.mean(middle.end(LOSS) - large.end(LOSS))) < np.mean(small.end(LOSS) - middle.end(LOSS))
            ],
        },
    ),
    "momentum": Guide(
        "Momentum",
        "Each step continues a part of the step before it. Compare that with steps ten times as large.",
        PLAIN.replace(optimizer="momentum", epochs=5),
        {
            "None, rate 0.01": {"momentum": 0.0, "learning_rate": 0.01},
            "Momentum 0.9, rate 0.01": {"momentum": 0.9, "learning_rate": 0.01},
            "None, rate 0.1": {"momentum": 0.0, "learning_rate": 0.1},
        },
        (replace(SMOOTHED, against="step", smoothing=0.8), ACCURACY_CHART),
        {
            (
                "At the same rate of 0.01, momentum 0.9 ends with less than half of the validation loss."
            ): lambda plain, momentum, _: [momentum.end(LOSS) < 0.5 * plain.end(LOSS)],
            (
                "With momentum 0.9, steps in one direction add up to 1 / (1 - 0.9) = 10 times a single step, so ten "
                "times the rate without momentum ends within three points of the same accuracy."
            ): lambda _, momentum, tenfold: [abs(momentum.end() - tenfold.end()) < 0.03],
            (
                "In the first ten steps momentum still builds up, so its loss is above that of the tenfold rate, "
                "whose first step is as large as its last."
            ): lambda _, momentum, tenfold: [momentum.first_steps(10) > tenfold.first_steps(10)],
        },
    ),
    "overfitting": Guide(
        "Overfitting 500 digits",
        "A network soon memorizes 500 digits. Dropout, weight decay and augmentation work against that.",
        FEW,
        {
            "Nothing": {},
            "Dropout 0.5": {"dropout": 0.5},
            "Weight decay 0.01": {"weight_decay": 0.01},
            "Augmentation": {"shift": 1.0, "rotation": 10.0, "scale": 0.1, "shear": 0.1},
        },
        (
            Chart("Validation loss", "loss", log=True),
            ACCURACY_CHART,
            replace(SMOOTHED, log=True),
            Chart("Training accuracy, smoothed", "accuracy", part="train", smoothing=0.9),
        ),
        {
            (
                "Without any remedy the network reads every training digit correctly, while its validation loss "
                "starts to rise within ten epochs and ends at least 5 % above its lowest value."
            ): lambda nothing, *_: (
                nothing.end(TRAIN_ACCURACY) == 1,
                nothing.best_epoch() <= 10,
                nothing.rise() >= 1.05,
            ),
            (
                "With dropout or weight decay the lowest validation loss comes later and the loss rises less after "
                "it, yet the accuracy at the end changes by no more than four points."
            ): lambda nothing, dropout, decay, _: [
                (other.best_epoch() > nothing.best_epoch())
                & (other.rise() < nothing.rise())
                & (abs(other.end() - nothing.end()) <= 0.04)
                for other in (dropout, decay)
            ],
            (
                "Augmentation helps most, because the network never sees the same image twice: on average it ends "
                "more than two points above each of the others, and with less than three quarters of the loss "
                "without a remedy."
            ): lambda nothing, dropout, decay, augmented: (
                augmented.end().mean() - nothing.end().mean() > 0.02,
                augmented.end().mean() - dropout.end().mean() > 0.02,
                augmented.end().mean() - decay.end().mean() > 0.02,
                augmented.end(LOSS) < 0.75 * nothing.end(LOSS),
            ),
        },
    ),
}
"""By the name in a link."""
