"""Guides: experiments ready to run, each with what to look at in it and the check that this is what the numbers say."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.runs.config import RunConfig
from experiments.runs.run import RunError, open_run
from experiments.sweeps import Sweep, SweepError, SweepSpec, Trial, list_sweeps, start_sweep, unused_name

if TYPE_CHECKING:
    import pandas as pd

    from model.arrays import Floats

SEEDS = 3  # of each setting: what is said must hold for every one of them
GUESSING = 2.303  # cross-entropy of who gives each of ten digits the same probability

ACCURACY, LOSS = "validation_accuracy", "validation_loss"
TRAIN_ACCURACY, TRAIN_LOSS = "train_accuracy", "train_loss"


@dataclass(frozen=True, eq=False)
class Results:
    """The histories of an experiment: for each of its settings, one a seed. What is asked comes as one value a seed."""

    histories: Mapping[str, tuple[pd.DataFrame, ...]]

    def end(self, setting: str, column: str = ACCURACY) -> Floats:
        return np.array([_last(table[column]) for table in self.histories[setting]])

    def lowest(self, setting: str, column: str = LOSS) -> Floats:
        return np.array([table[column].min() for table in self.histories[setting]])

    def highest(self, setting: str, column: str = ACCURACY) -> Floats:
        return np.array([table[column].max() for table in self.histories[setting]])

    def after(self, setting: str, epoch: float, column: str = ACCURACY) -> Floats:
        """The last value by then."""
        return np.array([_last(table[table["epoch"] <= epoch][column]) for table in self.histories[setting]])

    def best_epoch(self, setting: str) -> Floats:
        """After which the validation loss was lowest."""
        return np.array([table["epoch"][table[LOSS].argmin()] for table in self.histories[setting]])

    def rise(self, setting: str) -> Floats:
        """The validation loss at the end, by its lowest."""
        return self.end(setting, LOSS) / self.lowest(setting)

    def first_steps(self, setting: str, steps: int) -> Floats:
        """Mean training loss of the first steps."""
        return np.array([table[table["step"] <= steps][TRAIN_LOSS].mean() for table in self.histories[setting]])


@dataclass(frozen=True)
class Sentence:
    """What to look at, and whether the results are so."""

    text: str
    holds: Callable[[Results], bool]


@dataclass(frozen=True)
class Chart:
    """A prepared chart: curves of some settings (empty: of all) over one another."""

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
    """A name for each setting -> what it changes about the base."""
    charts: tuple[Chart, ...]
    sentences: tuple[Sentence, Sentence, Sentence]

    @property
    def spec(self) -> SweepSpec:
        """Every setting with every seed, one after the other as they stand here."""
        return SweepSpec(
            name=f"Experiment {self.title}",
            base=self.base,
            search={"variant": tuple(self.settings)},
            variants=self.settings,
            sampler="grid",
            seeds=SEEDS,
        )

    def sweep(self) -> Sweep | None:
        """The newest that did, or does, just this; None: it was never started here."""
        for sweep in list_sweeps():
            with contextlib.suppress(SweepError):
                if replace(sweep.spec, name=self.spec.name) == self.spec:
                    return sweep
        return None

    def start(self) -> Sweep:
        """Go on with it, or begin it under a name of its own."""
        sweep = self.sweep()
        if sweep is not None and sweep.status().state not in ("finished", "failed"):
            sweep.resume()
            return sweep
        return start_sweep(replace(self.spec, name=unused_name(self.spec.name)))


def read_results(trials: Iterable[Trial], history: Callable[[str], pd.DataFrame] | None = None) -> Results:
    """What the trials have come to so far; a run that is gone is left out. `history` reads that of a run by its id."""
    found: dict[str, tuple[pd.DataFrame, ...]] = {}
    for trial in trials:
        tables = []
        for run in trial.runs:
            with contextlib.suppress(RunError, OSError):
                tables.append(history(run) if history else open_run(run).history())
        found[trial.params["variant"]] = tuple(tables)
    return Results(found)


def _last(column: pd.Series[float]) -> float:
    known = column.dropna()
    return float(known.iloc[-1]) if len(known) else np.nan


# A quarter of the 4,000 digits validates, so that 1,000 tell the settings apart.
PLAIN = RunConfig(
    data="mnist-5k",
    validation_share=0.25,
    optimizer="sgd",
    schedule="constant",
    learning_rate=0.1,
    batch_size=64,
    epochs=6,
)
FEW = PLAIN.replace(
    training_images=500, optimizer="adam", schedule="cosine", learning_rate=0.005, batch_size=50, epochs=30
)
BOTH = (Chart("Validation loss", "loss"), Chart("Validation accuracy", "accuracy"))

GUIDES: dict[str, Guide] = {
    "learning-rate": Guide(
        "Learning rate: too low, right, too high",
        "The setting that matters most, at a hundredth and at ten times of a good value.",
        PLAIN.replace(hidden=(64,)),
        {
            "Too low: 0.003": {"learning_rate": 0.003},
            "Right: 0.3": {"learning_rate": 0.3},
            "Too high: 3": {"learning_rate": 3.0},
        },
        (
            Chart("Training loss", "loss", part="train", against="step", log=True),
            Chart("Validation accuracy", "accuracy"),
        ),
        (
            Sentence(
                "At 0.003 the loss falls steadily but so slowly that after six epochs fewer than 75 % of the digits "
                "are read correctly.",
                lambda r: bool(
                    (r.end("Too low: 0.003") < 0.75).all()
                    and (r.end("Too low: 0.003", LOSS) == r.lowest("Too low: 0.003")).all()
                ),
            ),
            Sentence(
                "At 0.3 the same network passes 75 % in its first two epochs and ends above 90 %.",
                lambda r: bool(
                    (r.after("Right: 0.3", 2) > 0.75).all() and (r.end("Right: 0.3") > 0.9).all(),
                ),
            ),
            Sentence(
                "At 3 each step overshoots: the loss shoots up to more than five times its first value, and what is "
                "left after that reads fewer than 30 % correctly, or training has to be stopped.",
                lambda r: bool(
                    (r.highest("Too high: 3", TRAIN_LOSS) > 5 * r.first_steps("Too high: 3", 1)).all()
                    and not (r.end("Too high: 3") >= 0.3).any()
                ),
            ),
        ),
    ),
    "initialization": Guide(
        "Initialization: 0.01 against He",
        "The same deep network twice, once with first weights that let the signal fade.",
        PLAIN,
        {
            "0.01, four hidden layers": {"initializer": "normal", "hidden": (64, 64, 64, 64)},
            "He, four hidden layers": {"initializer": "he", "hidden": (64, 64, 64, 64)},
            "0.01, one hidden layer": {"initializer": "normal", "hidden": (64,)},
        },
        BOTH,
        (
            Sentence(
                "With first weights of spread 0.01 the deep network never leaves a loss of 2.30, which is that of "
                "guessing: each layer makes the signal smaller, and the gradient on its way back too.",
                lambda r: bool(
                    (abs(r.end("0.01, four hidden layers", LOSS) - GUESSING) < 0.02).all()
                    and (abs(r.lowest("0.01, four hidden layers") - GUESSING) < 0.02).all()
                    and (r.end("0.01, four hidden layers") < 0.2).all()
                ),
            ),
            Sentence(
                "He draws them with a spread of √(2 / inputs), which keeps the size of the signal through ReLU, and "
                "the same network ends above 85 %.",
                lambda r: bool((r.end("He, four hidden layers") > 0.85).all()),
            ),
            Sentence(
                "Depth is what makes it matter: with one hidden layer 0.01 ends above 85 % as well.",
                lambda r: bool((r.end("0.01, one hidden layer") > 0.85).all()),
            ),
        ),
    ),
    "loss": Guide(
        "Sigmoid and squared error against softmax and cross-entropy",
        "Two ways to say how wrong an answer is, after the same hidden layer.",
        PLAIN.replace(activation="sigmoid", initializer="xavier", hidden=(64,), learning_rate=0.5, epochs=8),
        {
            "Cross-entropy, rate 0.5": {"loss": "cross-entropy"},
            "Squared error, rate 0.5": {"loss": "squared-error"},
            "Squared error, rate 2": {"loss": "squared-error", "learning_rate": 2.0},
        },
        (
            Chart("Validation accuracy", "accuracy"),
            Chart("Gradient norm, smoothed", "gradient_norm", against="step", smoothing=0.9),
        ),
        (
            Sentence(
                "After the first epoch cross-entropy is at least 15 points ahead: its gradient is what the answer is "
                "wrong by, while that of squared error is also multiplied by the slope of the sigmoid, a quarter at "
                "most and nearly nothing where an output is sure of itself.",
                lambda r: bool(
                    (r.after("Cross-entropy, rate 0.5", 1) - r.after("Squared error, rate 0.5", 1) > 0.15).all()
                ),
            ),
            Sentence(
                "After eight epochs squared error has come closer, but is still behind.",
                lambda r: bool(
                    (r.end("Cross-entropy, rate 0.5") > r.end("Squared error, rate 0.5")).all()
                    and (
                        r.end("Cross-entropy, rate 0.5") - r.end("Squared error, rate 0.5")
                        < r.after("Cross-entropy, rate 0.5", 1) - r.after("Squared error, rate 0.5", 1)
                    ).all()
                ),
            ),
            Sentence(
                "Four times the rate is no cure: the first steps drive all outputs to where their slope is nearly "
                "nothing, and after the first epoch it is further behind than before.",
                lambda r: bool((r.after("Squared error, rate 2", 1) < r.after("Squared error, rate 0.5", 1)).all()),
            ),
        ),
    ),
    "batch-size": Guide(
        "Batch size: at equal epochs and at equal steps",
        "Which batch size is better depends on what is held equal: the images seen, or the steps made.",
        PLAIN,
        {
            "16, 4 epochs": {"batch_size": 16, "epochs": 4},
            "64, 4 epochs": {"batch_size": 64, "epochs": 4},
            "256, 4 epochs": {"batch_size": 256, "epochs": 4},
            "16, 188 steps": {"batch_size": 16, "steps": 188},
            "64, 188 steps": {"batch_size": 64, "steps": 188},
            "256, 188 steps": {"batch_size": 256, "steps": 188},
        },
        (
            Chart(
                "Training loss at equal epochs, smoothed",
                "loss",
                part="train",
                settings=("16, 4 epochs", "64, 4 epochs", "256, 4 epochs"),
                smoothing=0.9,
            ),
            Chart(
                "Training loss at equal steps, smoothed",
                "loss",
                part="train",
                against="step",
                settings=("16, 188 steps", "64, 188 steps", "256, 188 steps"),
                smoothing=0.9,
            ),
        ),
        (
            Sentence(
                "At equal epochs the smallest batch ends with the lowest validation loss on average and the largest "
                "with the highest: 16 images a step make sixteen times as many steps as 256.",
                lambda r: bool(
                    r.end("16, 4 epochs", LOSS).mean() < r.end("64, 4 epochs", LOSS).mean()
                    and r.end("64, 4 epochs", LOSS).mean() < r.end("256, 4 epochs", LOSS).mean()
                    and (r.end("16, 4 epochs", LOSS) < r.end("256, 4 epochs", LOSS)).all()
                ),
            ),
            Sentence(
                "At equal steps it is the other way round, because a gradient from more images is less noisy: 256 "
                "ends with a lower loss than 16.",
                lambda r: bool((r.end("256, 188 steps", LOSS) < r.end("16, 188 steps", LOSS)).all()),
            ),
            Sentence(
                "Beyond that the gain is small: from 64 to 256 images the loss changes less than from 16 to 64, for "
                "four times the work.",
                lambda r: bool(
                    abs(np.mean(r.end("64, 188 steps", LOSS) - r.end("256, 188 steps", LOSS)))
                    < np.mean(r.end("16, 188 steps", LOSS) - r.end("64, 188 steps", LOSS))
                ),
            ),
        ),
    ),
    "momentum": Guide(
        "Momentum",
        "Steps that remember the steps before them, against steps that are ten times as large.",
        PLAIN.replace(optimizer="momentum", epochs=5),
        {
            "None, rate 0.01": {"momentum": 0.0, "learning_rate": 0.01},
            "Momentum 0.9, rate 0.01": {"momentum": 0.9, "learning_rate": 0.01},
            "None, rate 0.1": {"momentum": 0.0, "learning_rate": 0.1},
        },
        (
            Chart("Training loss, smoothed", "loss", part="train", against="step", smoothing=0.8),
            Chart("Validation accuracy", "accuracy"),
        ),
        (
            Sentence(
                "At the same rate of 0.01, momentum 0.9 ends with less than half of the validation loss.",
                lambda r: bool((r.end("Momentum 0.9, rate 0.01", LOSS) < 0.5 * r.end("None, rate 0.01", LOSS)).all()),
            ),
            Sentence(
                "Steps in the same direction add up to 1 / (1 - 0.9) = 10 times one of them, so ten times the rate "
                "without momentum ends within three points of the same accuracy.",
                lambda r: bool((abs(r.end("Momentum 0.9, rate 0.01") - r.end("None, rate 0.1")) < 0.03).all()),
            ),
            Sentence(
                "Look at the first ten steps: momentum has to gather speed, and its loss is still above that of the "
                "tenfold rate, whose first step is as large as its last.",
                lambda r: bool(
                    (r.first_steps("Momentum 0.9, rate 0.01", 10) > r.first_steps("None, rate 0.1", 10)).all()
                ),
            ),
        ),
    ),
    "overfitting": Guide(
        "Overfitting 500 digits",
        "Few digits are soon learned by heart: what dropout, weight decay and augmentation do about it.",
        FEW,
        {
            "Nothing": {},
            "Dropout 0.5": {"dropout": 0.5},
            "Weight decay 0.01": {"weight_decay": 0.01},
            "Augmentation": {"shift": 1.0, "rotation": 10.0, "scale": 0.1, "shear": 0.1},
        },
        (
            Chart("Validation loss", "loss", log=True),
            Chart("Validation accuracy", "accuracy"),
            Chart("Training loss, smoothed", "loss", part="train", smoothing=0.9, log=True),
            Chart("Training accuracy, smoothed", "accuracy", part="train", smoothing=0.9),
        ),
        (
            Sentence(
                "With nothing against it the network reads every training digit correctly, while its validation loss "
                "turns within ten epochs and ends at least 5 % above its lowest point.",
                lambda r: bool(
                    (r.end("Nothing", TRAIN_ACCURACY) == 1).all()
                    and (r.best_epoch("Nothing") <= 10).all()
                    and (r.rise("Nothing") >= 1.05).all()
                ),
            ),
            Sentence(
                "With dropout or weight decay that point comes later and the loss rises less after it, yet the "
                "accuracy at the end changes by no more than four points.",
                lambda r: all(
                    bool(
                        (r.best_epoch(cure) > r.best_epoch("Nothing")).all()
                        and (r.rise(cure) < r.rise("Nothing")).all()
                        and (abs(r.end(cure) - r.end("Nothing")) <= 0.04).all()
                    )
                    for cure in ("Dropout 0.5", "Weight decay 0.01")
                ),
            ),
            Sentence(
                "Augmentation helps most, because no image comes twice: on average it ends more than two points above "
                "each of the others, and with less than three quarters of the loss of nothing.",
                lambda r: bool(
                    all(
                        r.end("Augmentation").mean() - r.end(other).mean() > 0.02
                        for other in ("Nothing", "Dropout 0.5", "Weight decay 0.01")
                    )
                    and (r.end("Augmentation", LOSS) < 0.75 * r.end("Nothing", LOSS)).all()
                ),
            ),
        ),
    ),
}
"""By the name that a link gives."""
