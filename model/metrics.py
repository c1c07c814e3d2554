"""Metrics: measures of the quality of predictions, and the uncertainty of these measures."""

import numpy as np
import numpy.typing as npt

from model.arrays import Floats, Integers

Z95 = 1.959963984540054
"""Half-width of the central 95 % of the normal distribution, in standard deviations."""


def accuracy(labels: Integers, predictions: Integers) -> float:
    """Share of correct predictions; NaN without labels."""
    return float(np.mean(labels == predictions)) if len(labels) else float("nan")


def wilson_interval(correct: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Confidence interval of a share, 95 % by default (Wilson 1927); (0, 1) if total is 0."""
    if total == 0:
        return 0.0, 1.0
    share, spread = correct / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / total + spread / (4 * total))
    # exact values at both ends, without rounding errors
    low = 0.0 if correct == 0 else float(centre - half)
    high = 1.0 if correct == total else float(centre + half)
    return low, high


def confusion_matrix(labels: Integers, predictions: Integers, classes: int = 10) -> npt.NDArray[np.int64]:
    """Counts (classes, classes): row = true class, column = predicted class."""
    cells = labels.astype(np.int64) * classes + predictions
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(confusion: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Precision, recall and F1 of each class, (classes,) float64; 0 if a class does not occur.

    precision: share of class k among the predictions k. recall: share of the predictions k in class
    k. F1: their harmonic mean.
    """
    hits = np.diag(confusion).astype(np.float64)
    predicted, occurring = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(hits, predicted, out=np.zeros_like(hits), where=predicted > 0)
    recall = np.divide(hits, occurring, out=np.zeros_like(hits), where=occurring > 0)
    both = predicted + occurring
    f1 = np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0)
    return precision, recall, f1


def log_losses(probabilities: Floats, labels: Integers) -> Floats:
    """-log p(label) for each true label, (n,) float64. p is at least 1e-12, so it is finite."""
    of_labels = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    losses: Floats = -np.log(np.maximum(of_labels, 1e-12))
    return losses


def auroc(positive: Floats, negative: Floats) -> float:
    """Area under the ROC curve: probability that a positive scores higher than a negative.

    Ties count half.
    """
    ordered = np.sort(negative)
    below, not_above = (np.searchsorted(ordered, positive, side=side).mean() for side in ("left", "right"))
    return float((below + not_above) / 2 / len(negative))


def calibration_error(probabilities: Floats, labels: Integers, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017, equation 3); NaN without labels.

    The sum over bins of n_bin / n * |accuracy - mean confidence|. The bins have equal width over
    the confidence, which is the largest probability of a prediction.
    """
    if not len(labels):
        return float("nan")
    confidences = probabilities.max(axis=1).astype(np.float64)
    surplus = confidences - (probabilities.argmax(axis=1) == labels)
    # as in that paper, a bin includes its upper end and not its lower
    bin_of_each = np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(bin_of_each, weights=surplus, minlength=bins)).sum() / len(labels))
