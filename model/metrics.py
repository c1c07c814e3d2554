"""Metrics: how good predictions are, and how sure one can be of that."""

import numpy as np
import numpy.typing as npt

from model.arrays import Floats, Integers

Z95 = 1.959963984540054
"""Half-width of the central 95 % of the normal distribution, in standard deviations."""


def accuracy(labels: Integers, predictions: Integers) -> float:
    """Share of predictions that are right; NaN of no labels."""
    return float(np.mean(labels == predictions)) if len(labels) else float("nan")


def wilson_interval(correct: int, total: int, z: float = Z95) -> tuple[float, float]:
    """Interval in which the true share lies: 95 % unless z says else (Wilson 1927). (0, 1) of no labels."""
    if total == 0:
        return 0.0, 1.0
    share, spread = correct / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / total + spread / (4 * total))
    # at the ends the formula is exact but for rounding
    low = 0.0 if correct == 0 else float(centre - half)
    high = 1.0 if correct == total else float(centre + half)
    return low, high


def confusion_matrix(labels: Integers, predictions: Integers, classes: int = 10) -> npt.NDArray[np.int64]:
    """Counts (classes, classes): row = true class, column = predicted class."""
    cells = labels.astype(np.int64) * classes + predictions
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def precision_recall_f1(confusion: npt.NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Per class, (classes,) float64 each; 0 where a class was never predicted or never occurs.

    precision: of those called k, the share that is k. recall: of those that are k, the share called k. F1: their
    harmonic mean.
    """
    hits = np.diag(confusion).astype(np.float64)
    called, occurring = confusion.sum(axis=0), confusion.sum(axis=1)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    recall = np.divide(hits, occurring, out=np.zeros_like(hits), where=occurring > 0)
    both = called + occurring
    f1 = np.divide(2 * hits, both, out=np.zeros_like(hits), where=both > 0)
    return precision, recall, f1


def log_losses(probabilities: Floats, labels: Integers) -> Floats:
    """Surprise at each true label, -log p(label), (n,) float64; p is held above 1e-12, so it is finite."""
    wanted = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    losses: Floats = -np.log(np.maximum(wanted, 1e-12))
    return losses


def auroc(positive: Floats, negative: Floats) -> float:
    """Chance that a positive scores higher than a negative, ties counting half: the area under the ROC curve."""
    ordered = np.sort(negative)
    below, not_above = (np.searchsorted(ordered, positive, side=side).mean() for side in ("left", "right"))
    return float((below + not_above) / 2 / len(negative))


def calibration_error(probabilities: Floats, labels: Integers, bins: int = 15) -> float:
    """How far confidence is from accuracy: sum over bins of n_bin / n * |accuracy - mean confidence|; NaN of no labels.

    Bins of equal width over the confidence, the largest probability of each answer (Guo et al. 2017, equation 3).
    """
    if not len(labels):
        return float("nan")
    confidences = probabilities.max(axis=1).astype(np.float64)
    surplus = confidences - (probabilities.argmax(axis=1) == labels)
    # as there, each bin holds its upper end and not its lower
    places = np.clip(np.ceil(confidences * bins).astype(np.int64) - 1, 0, bins - 1)
    return float(np.abs(np.bincount(places, weights=surplus, minlength=bins)).sum() / len(labels))
