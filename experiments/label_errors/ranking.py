"""Doubts: how much networks doubt the label of each digit, none of which was trained on that digit.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068): every digit is judged by networks that were not
trained on it, and its label is the more suspect the more probable they find another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from dataset import DataError, Digits, load_digits, load_training, without
from dataset.corrections import image_hashes
from dataset.sources import SOURCES
from experiments.training.cost import training_seconds
from model import PRESETS, Classifier, TrainConfig, Trainer, build_trainer

Part = Literal["test", "train", "all"]
PARTS: dict[str, str] = {"test": "test digits", "train": "training digits", "all": "all digits"}
NETWORKS = 5
EPOCHS, LEAST_STEPS = 6, 400  # few digits are gone over more often
RECIPE = PRESETS["best-mlp"].replace(hidden=(256, 128))
LEAST = 50  # digits
NEIGHBOURS = 6


class Suspects:
    """What the networks said of each digit, and the order of suspicion that follows from it."""

    def __init__(self, labels: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> None:
        self.labels, self.probabilities = labels, probabilities

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Self-confidence: the probability of the label as it is given, (n,)."""
        return np.asarray(self.probabilities[np.arange(len(self.labels)), self.labels])

    @cached_property
    def margin(self) -> NDArray[np.float32]:
        """Normalised margin: (1 + p of the label - the highest p of the others) / 2, (n,)."""
        others = self.probabilities.copy()
        others[np.arange(len(others)), self.labels] = -1
        return np.asarray((1 + self.confidence - others.max(axis=1)) / 2)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Rows, the most suspect first."""
        return np.argsort(self.margin, kind="stable")

    @property
    def doubted(self) -> int:
        """How many digits the networks read otherwise than their label says."""
        return int(np.count_nonzero(self.predicted != self.labels))


class Task(NamedTuple):
    """One network: what it is trained on, and the rows that it judges."""

    train: Digits
    rows: NDArray[np.intp]


def as_part(text: str) -> Part:
    """A word from outside. Raises DataError."""
    if text not in PARTS:
        raise DataError(f"There is no part {text!r}. Choose one of: {', '.join(PARTS)}.")
    return cast(Part, text)


def parts_of(source: str) -> tuple[Part, ...]:
    """Where a test set is a thing of its own it is judged by itself; all else is judged as one."""
    return ("test", "train") if source in SOURCES and source != "mnist-5k" else ("all",)


def judged(source: str, part: Part) -> Digits:
    """The digits whose labels are looked at, in the order of their file."""
    digits = load_training(source, 0)[0] if part == "train" else load_digits(source, part)
    check(digits)
    return digits


def check(digits: Digits) -> None:
    """Whether their labels can be looked at. Raises DataError."""
    if not digits.labelled:
        raise DataError(f"{digits.source} has no labels, so none can be wrong. Add a column named label.")
    if len(digits) < LEAST:
        raise DataError(
            f"{digits.source} has {len(digits)} digits: at least {LEAST} are needed to learn from most what the others "
            "are."
        )


def teachers(digits: Digits, source: str, part: Part) -> Digits | None:
    """What the networks learn that judge test digits: never a test digit. None where the digits judge each other."""
    return without(load_training(source, 0)[0], digits) if part == "test" else None


def tasks(digits: Digits, train: Digits | None) -> Iterator[Task]:
    """Five networks: all of them judge each digit where they learn from others, `train`.

    Else one judges each digit, which was trained on the other four fifths. Equal images stay together: one would give
    away the label of the other.
    """
    if train is not None:
        yield from [Task(train, np.arange(len(digits)))] * NETWORKS
        return
    fold = np.array([int(image, 16) % NETWORKS for image in image_hashes(digits.images)])
    for number in range(NETWORKS):
        yield Task(digits[fold != number], np.flatnonzero(fold == number))


def find(digits: Digits, train: Digits | None = None) -> Suspects:
    """The whole search in this process, with nothing kept of it."""
    answers = np.zeros((len(digits), 10), np.float32)
    for number, task in enumerate(tasks(digits, train)):
        trainer = trainer_of(task, number)
        for _ in trainer.train():
            pass
        answers[task.rows] += answers_of(trainer, digits, task)
    return Suspects(digits.labels, answers / answers.sum(axis=1, keepdims=True))


def config_for(images: int, seed: int) -> TrainConfig:
    config = RECIPE.replace(epochs=EPOCHS, seed=seed)
    return config.replace(steps=max(LEAST_STEPS, config.total_steps(images)))


def trainer_of(task: Task, seed: int) -> Trainer:
    return build_trainer(config_for(len(task.train), seed), task.train, task.train[:0])


def answers_of(trainer: Trainer, digits: Digits, task: Task) -> NDArray[np.float32]:
    return Classifier(trainer.weights_checkpoint()).predict_proba(digits.images[task.rows])


def expected_seconds(source: str, part: Part, digits: int, slowness: float = 1.0) -> float:
    """About how long a search through so many digits takes."""
    images = SOURCES[source].pool if part == "test" and source in SOURCES else round(digits * (1 - 1 / NETWORKS))
    return NETWORKS * training_seconds(config_for(images, 0), images, slowness)


def neighbours(digits: Digits, suspects: Suspects, row: int, label: int, count: int = NEIGHBOURS) -> NDArray[np.intp]:
    """The rows most like this one, pixel by pixel, whose label is this one and that the networks read so too."""
    rows = np.flatnonzero((digits.labels == label) & (suspects.predicted == label))
    difference = digits.images[rows].astype(np.float32) - digits.images[row]
    distance = np.einsum("nij,nij->n", difference, difference)
    rows, distance = rows[distance > 0], distance[distance > 0]  # neither itself nor its doubles
    return np.asarray(rows[np.argsort(distance, kind="stable")[:count]])
