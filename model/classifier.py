"""Classifier: predicts digits with the network of a checkpoint."""

import os
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy

from model.arrays import Bytes, Floats
from model.build import CLASSES, PIXELS, build_loss, build_network
from model.checkpoint import Checkpoint, load_checkpoint

SHIPPED = Path(__file__).parent / "pretrained" / "digits.npz"
"""The checkpoint that comes with the project."""


class Classifier:
    """Predicts which digit an image shows. Several threads may share one object: it has a lock."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.settings, self.config, self.about = checkpoint.settings, checkpoint.config, checkpoint.about
        self.fingerprint = checkpoint.fingerprint
        self.classes: tuple[str, ...] = tuple(checkpoint.about.get("classes", map(str, range(CLASSES))))
        # a network that was trained on digits only rejects no image
        self.rejects_above = float(checkpoint.about.get("rejects_above", np.inf))
        self.parameter_count = checkpoint.config.parameter_count()
        self._network = build_network(checkpoint.config)
        self._network.load(checkpoint.weights)
        self._loss = build_loss(checkpoint.config)
        self._lock = threading.Lock()

    @property
    def checkpoint(self) -> Checkpoint:
        """A checkpoint with its settings and weights."""
        return Checkpoint(self.settings, self._network.weights, about=self.about)

    def predict_proba(self, images: Bytes) -> npt.NDArray[np.float32]:
        """uint8 (n, 28, 28), ink 255 on paper 0 -> float32 (n, 10), rows sum to 1."""
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1] * images.shape[2] != PIXELS:
            raise ValueError(f"predict_proba needs uint8 images (n, 28, 28), got {images.dtype} {images.shape}.")
        ink = images.reshape(len(images), PIXELS)
        probabilities = np.empty((len(images), CLASSES), np.float32)
        with self._lock:
            for start in range(0, len(images), self._network.rows):
                x = np.multiply(ink[start : start + self._network.rows], np.float32(1.0 / 255.0))
                probabilities[start : start + len(x)] = self._loss.probabilities(self._network.forward(x))
        return probabilities

    def knows(self, probabilities: Floats) -> npt.NDArray[np.bool_]:
        """Whether images with these probabilities, (n, 10), show any of the classes: (n,)."""
        return np.asarray(entropy(probabilities) <= self.rejects_above)


def entropy(probabilities: Floats) -> Floats:
    """Entropy of each prediction in nats, (n,).

    0 if the prediction is certain, log 2 between two equally likely classes, log 10 among all ten.
    """
    return np.asarray(scipy.special.entr(probabilities).sum(axis=1))


def load_classifier(path: str | os.PathLike[str] | None = None) -> Classifier:
    """The classifier of a checkpoint file, by default of the shipped weights.

    Raises CheckpointError.
    """
    return Classifier(load_checkpoint(SHIPPED if path is None else path))
