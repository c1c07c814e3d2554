"""Losses: how wrong a batch of logits is, and in which direction."""

from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from model.arrays import Floats, Integers


class Loss(Protocol):
    """Works in place on the logits: `forward` turns them into outputs, `backward` the outputs into gradients."""

    def forward(self, logits: Floats, labels: Integers) -> Floats:
        """Loss of each row, (rows,); `logits` (rows, classes) now holds the outputs, the largest still largest."""
        ...

    def backward(self, outputs: Floats, labels: Integers, batch: int) -> Floats:
        """Gradient of the batch's mean loss by the logits, in the place of `outputs`.

        `batch` is the number of rows of the whole batch, of which these may be a part.
        """
        ...

    def probabilities(self, logits: Floats) -> Floats:
        """Class probabilities, rows sum to 1, in the place of `logits`."""
        ...


class CrossEntropy:
    """Softmax cross-entropy: -sum_k t_k log softmax(z)_k, with t_k = (1 - s) [k = label] + s / classes.

    The largest logit is subtracted first, so it is finite for any finite logits. s is the label smoothing.
    A label beyond the classes, such as 255, says that the image shows none of them: then every t_k is 1 / classes.
    """

    name: ClassVar[str] = "cross-entropy"

    def __init__(self, label_smoothing: float = 0.0) -> None:
        self.label_smoothing = label_smoothing

    def forward(self, logits: Floats, labels: Integers) -> Floats:
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=logits)
        # sum_k t_k z_k, before the logits become probabilities
        wanted = np.einsum("ij,ij->i", logits, self._targets(logits, labels))
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        np.divide(logits, total, out=logits)
        losses: Floats = np.log(total[:, 0]) - wanted
        return losses

    def backward(self, outputs: Floats, labels: Integers, batch: int) -> Floats:
        np.subtract(outputs, self._targets(outputs, labels), out=outputs)
        return np.multiply(outputs, 1.0 / batch, out=outputs)

    def _targets(self, outputs: Floats, labels: Integers) -> Floats:
        """t, (rows, classes)."""
        table = target_table(outputs.shape[1], self.label_smoothing, outputs.dtype)
        # the last row is for all labels beyond the classes; one take is faster than picking columns by index
        return table.take(labels, axis=0, mode="clip")

    def probabilities(self, logits: Floats) -> Floats:
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=logits)
        np.exp(logits, out=logits)
        np.divide(logits, logits.sum(axis=1, keepdims=True), out=logits)
        return logits


class SquaredError:
    """Squared error of sigmoid outputs: sum_k (sigmoid(z)_k - [k = label])^2, the mean taken over the batch.

    Slower to learn than cross-entropy: where an output is surely wrong, the sigmoid's slope is nearly zero.
    """

    name: ClassVar[str] = "squared-error"

    def forward(self, logits: Floats, labels: Integers) -> Floats:
        expit(logits, out=logits)
        rows = np.arange(len(labels))
        # sum of y^2 over all, then (1 - y)^2 instead of y^2 for the label
        losses: Floats = np.einsum("ij,ij->i", logits, logits) + (1.0 - 2.0 * logits[rows, labels])
        np.maximum(losses, 0, out=losses)  # rounding may leave -1e-8
        return losses

    def backward(self, outputs: Floats, labels: Integers, batch: int) -> Floats:
        slopes = outputs * (1.0 - outputs)
        outputs[np.arange(len(labels)), labels] -= 1.0
        np.multiply(outputs, slopes, out=outputs)
        return np.multiply(outputs, 2.0 / batch, out=outputs)

    def probabilities(self, logits: Floats) -> Floats:
        expit(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        # every output may be 0 to the last bit: then no class is likelier than another
        np.divide(logits, total, out=logits, where=total > 0)
        logits[total[:, 0] == 0] = 1.0 / logits.shape[1]
        return logits


@lru_cache
def target_table(classes: int, smoothing: float, dtype: npt.DTypeLike) -> Floats:
    """What is wanted for each label, (classes + 1, classes): in the last row, for none of them, all alike."""
    certain = np.vstack([np.eye(classes), np.full(classes, 1.0 / classes)])
    return (certain * (1.0 - smoothing) + smoothing / classes).astype(dtype)


LOSSES = {loss.name: loss for loss in (CrossEntropy, SquaredError)}
