"""TrainConfig: all settings that the network and its training depend on."""

import math
from dataclasses import dataclass

from model.build import NetworkConfig
from model.optimizers import OPTIMIZERS
from model.schedules import SCHEDULES
from model.settings import choice, number


@dataclass(frozen=True)
class TrainConfig(NetworkConfig):
    """A network and its training.

    The same config, data and machine give the same weights, bit for bit. The source of the data is
    not part of it: `experiments.runs.config.RunConfig` adds that.
    """

    optimizer: str = choice("adam", OPTIMIZERS, "The rule that computes a step of the weights from the gradient.")
    learning_rate: float = number(
        0.003, 1e-6, 100.0, "How far each step goes; the setting that matters most.", log=True
    )
    momentum: float = number(
        0.9, 0.0, 0.999, "Share of the previous step added to each step; for momentum and nesterov."
    )
    weight_decay: float = number(
        0.0, 0.0, 1.0, "Pull of the weights (not the biases) towards zero: L2, decoupled with adamw."
    )
    schedule: str = choice("one-cycle", SCHEDULES, "How the learning rate changes over the run.")
    decay: float = number(
        0.1,
        0.001,
        1.0,
        "step: factor at half and three quarters of the run. inverse-time: rate / (1 + decay x epochs).",
    )
    batch_size: int = number(128, 0, 60_000, "Images per step; 0 takes all of them (full-batch gradient descent).")
    epochs: int = number(5, 1, 1000, "How many times the network is trained on every training image.")
    steps: int = number(0, 0, 1_000_000, "Number of training steps, instead of epochs; 0: use the epochs.")

    shift: float = number(0.0, 0.0, 8.0, "Move each training image at random by up to this many pixels.")
    rotation: float = number(0.0, 0.0, 45.0, "Turn each training image at random by up to this many degrees.")
    scale: float = number(0.0, 0.0, 0.5, "Stretch each training image at random by up to this share.")
    shear: float = number(0.0, 0.0, 0.5, "Slant each training image at random by up to this share.")
    elastic: float = number(0.0, 0.0, 4.0, "Distort each training image at random by about this many pixels.")
    stroke_width: float = number(
        0.0, 0.0, 2.0, "Make the strokes of each training image at random thinner or thicker by up to this many pixels."
    )

    patience: int = number(
        0, 0, 1000, "Stop after this many validations without a lower loss, and restore the best weights; 0: never."
    )
    seed: int = number(0, 0, 2**31 - 1, "Start of all random numbers: the same seed gives the same weights.")

    def steps_per_epoch(self, images: int) -> int:
        """Number of batches in an epoch of `images` images; the last may be smaller."""
        return 1 if self.batch_size == 0 else math.ceil(images / self.batch_size)

    def total_steps(self, images: int) -> int:
        """Number of steps of a run on `images` training images."""
        return self.steps or self.epochs * self.steps_per_epoch(images)

    def scheduled_rate(self, step: int, images: int) -> float:
        """Learning rate of step `step` (from 0) of a run on `images` training images."""
        progress = step / self.total_steps(images)
        return self.learning_rate * SCHEDULES[self.schedule](progress, step / self.steps_per_epoch(images), self.decay)

    def learning_rates(self, images: int, points: int = 200) -> tuple[list[int], list[float]]:
        """The scheduled learning rate at about `points` steps of a run: (steps, rates)."""
        total = self.total_steps(images)
        steps = list(range(0, total, max(1, total // points)))
        return steps, [self.scheduled_rate(step, images) for step in steps]
