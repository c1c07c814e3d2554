"""Losses: the error of a batch of logits, and its gradient."""

from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import scipy

from model.arrays import Floats, Integers


class Loss(Protocol):
    """Works in place: `forward` turns logits into outputs, `backward` turns outputs into gradients.

    A label outside the classes, such as 255, marks an image that shows none of them: its targets
    t_k are all 1 / classes.
    """

    def forward(self, logits: Floats, labels: Integers) -> Floats:
        """Loss of each row, (rows,). `logits` (rows, classes) then holds the outputs.

        The largest output is where the largest logit was.
        """
        ...

    def backward(self, outputs: Floats, labels: Integers, batch: int) -> Floats:
        """Gradient of the mean loss of the batch by the logits; overwrites `outputs`.

        `batch` is the number of rows of the whole batch; these rows may be a part of it.
        """
        ...

    def probabilities(self, logits: Floats) -> Floats:
        """Class probabilities; each row sums to 1. Overwrites `logits`."""
        ...


class CrossEntropy(Loss):
    """Softmax cross-entropy: -sum_k t_k log softmax(z)_k, t_k = (1 - s) [k = label] + s / classes.

    s is the label smoothing. The largest logit is subtracted first, so the loss of finite logits is
    finite.
    """

    name: ClassVar[str] = "cross-entropy"

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def forward(self, logits: Floats, labels: Integers) -> Floats:
        logits -= row_maxima(logits)
        # sum_k t_k z_k, before the logits become probabilities
        wanted = row_sums(logits * targets(logits, labels, self.label_smoothing))
        np.exp(logits, out=logits)
        total = row_sums(logits)
        logits /= total
        losses: Floats = (np.log(total) - wanted)[:, 0]
        return losses

    def backward(self, outputs: Floats, labels: Integers, batch: int) -> Floats:
        outputs -= targets(outputs, labels, self.label_smoothing)
        outputs *= 1.0 / batch
        return outputs

    def probabilities(self, logits: Floats) -> Floats:
        logits -= row_maxima(logits)
        np.exp(logits, out=logits)
        logits /= row_sums(logits)
        return logits


class SquaredError(Loss):
    """Squared error of sigmoid outputs: sum_k (sigmoid(z)_k - t_k)^2 with t_k = [k = label].

    It learns more slowly than cross-entropy, because the slope of the sigmoid is nearly zero where
    an output is very wrong.
    """

    name: ClassVar[str] = "squared-error"

    def forward(self, logits: Floats, labels: Integers) -> Floats:
        scipy.special.expit(logits, out=logits)
        errors = logits - targets(logits, labels)
        losses: Floats = row_sums(np.multiply(errors, errors, out=errors))[:, 0]
        return losses

    def backward(self, outputs: Floats, labels: Integers, batch: int) -> Floats:
        slopes = 1.0 - outputs
        slopes *= outputs
        slopes *= 2.0 / batch
        outputs -= targets(outputs, labels)
        outputs *= slopes
        return outputs

    def probabilities(self, logits: Floats) -> Floats:
        scipy.special.expit(logits, out=logits)
        total = row_sums(logits)
        # all outputs of a row may be rounded to 0: then all classes are equally likely
        np.divide(logits, total, out=logits, where=total > 0)
        logits[total[:, 0] == 0] = 1.0 / logits.shape[1]
        return logits


def targets(outputs: Floats, labels: Integers, smoothing: float = 0.0) -> Floats:
    """The correct outputs t, (rows, classes)."""
    # mode="clip": labels outside the classes take the last row; `take` is faster than indexing
    return target_table(outputs.shape[1], smoothing, outputs.dtype).take(labels, axis=0, mode="clip")


@lru_cache
def target_table(classes: int, smoothing: float, dtype: npt.DTypeLike) -> Floats:
    """Targets for each label, (classes + 1, classes). The last row is for images of no class."""
    certain = np.vstack([np.eye(classes), np.full(classes, 1.0 / classes)])
    return (certain * (1.0 - smoothing) + smoothing / classes).astype(dtype)


def row_maxima(values: Floats) -> Floats:
    """values.max(axis=1, keepdims=True), three to nine times as fast by comparing whole columns."""
    maxima: Floats = values.T.copy().max(axis=0)[:, None]
    return maxima


def row_sums(values: Floats) -> Floats:
    """values.sum(axis=1, keepdims=True), faster as a product with ones."""
    sums: Floats = values.dot(np.ones(values.shape[1], values.dtype))[:, None]
    return sums


LOSSES = {loss.name: loss for loss in (CrossEntropy, SquaredError)}
