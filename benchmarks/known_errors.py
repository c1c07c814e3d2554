"""Known label errors: labels that people found wrong, and labels that are changed here."""

import numpy as np

from dataset import Digits
from model.rng import Purpose, rng

VALIDATED = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
"""Of MNIST's test digits (Northcutt, Athalye and Mueller 2021): to check a ranking, never to make
one.
"""
FIRST_OF_TEST, FIRST_SHARE, FLIPPED = 200, 0.02, 0.01


def flipped(digits: Digits, share: float, seed: int = 0) -> tuple[Digits, np.ndarray]:
    """The digits with this share of the labels turned into others, and the rows of those."""
    random = rng(seed, Purpose.NOISE)
    rows = random.choice(len(digits), round(share * len(digits)), replace=False)
    labels = digits.labels.copy()
    labels[rows] = (labels[rows] + random.integers(1, 10, len(rows))) % 10
    return Digits(digits.images, labels, digits.source, digits.classes), np.sort(rows)


def among(order: np.ndarray, wrong: np.ndarray, first: int) -> int:
    """How many of these rows are among the first of the order."""
    return int(np.isin(wrong, order[:first]).sum())
