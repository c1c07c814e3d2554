"""Evaluation: what a classifier answered on labelled digits, how often it was right and where it was not."""

from dataclasses import dataclass
from functools import cached_property
from random import Random

import numpy as np

from model.metrics import confusion_matrix, log_losses, wilson_interval


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Answers to n images in their order: labels uint8 (n,), probabilities float32 (n, classes)."""

    labels: np.ndarray
    probabilities: np.ndarray

    @cached_property
    def predictions(self) -> np.ndarray:
        return self.probabilities.argmax(axis=1)

    @cached_property
    def losses(self) -> np.ndarray:
        """-ln of the probability that each true class was given."""
        return log_losses(self.probabilities, self.labels)

    @cached_property
    def confusion(self) -> np.ndarray:
        """Counts, true classes in rows, predicted ones in columns."""
        return confusion_matrix(self.labels, self.predictions, self.probabilities.shape[1])

    @property
    def total(self) -> int:
        return len(self.labels)

    @property
    def correct(self) -> int:
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        return self.correct / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy."""
        return wilson_interval(self.correct, self.total)

    def worst_first(self, rows: np.ndarray) -> np.ndarray:
        """The rows by falling loss; equal ones stay in their order."""
        return rows[np.argsort(-self.losses[rows], kind="stable")]

    @cached_property
    def mistakes(self) -> np.ndarray:
        """The rows that were answered wrongly, the worst first."""
        return self.worst_first(np.flatnonzero(self.predictions != self.labels))

    def cell(self, true: int, predicted: int) -> np.ndarray:
        """The rows of one cell of the confusion matrix, the worst first."""
        return self.worst_first(np.flatnonzero((self.labels == true) & (self.predictions == predicted)))

    @cached_property
    def commonest_mistake(self) -> tuple[int, int] | None:
        """(true, predicted) of the fullest cell off the diagonal; None where every answer is right."""
        if not len(self.mistakes):
            return None
        off_diagonal = self.confusion - np.diag(np.diag(self.confusion))
        true, predicted = np.unravel_index(off_diagonal.argmax(), off_diagonal.shape)
        return int(true), int(predicted)

    def sample(self, count: int, seed: int) -> np.ndarray:
        """`count` rows picked at random; the same seed picks the same rows."""
        return np.array(Random(seed).sample(range(self.total), min(count, self.total)), dtype=np.int64)
