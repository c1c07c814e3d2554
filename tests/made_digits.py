"""Digits made by the tests: small, quick to learn, the same each time."""

from dataclasses import dataclass

import numpy as np

from model.arrays import Bytes


@dataclass(frozen=True)
class MadeDigits:
    """What a trainer asks for: images and labels."""

    images: Bytes
    labels: Bytes


def made_digits(count: int, *, seed: int = 0) -> MadeDigits:
    """Ten random patterns under noise: learnt in a few steps, and not by chance."""
    patterns = np.random.default_rng(1).integers(0, 256, (10, 28, 28))
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count).astype(np.uint8)
    images = 0.6 * patterns[labels] + 0.4 * random.integers(0, 256, (count, 28, 28))
    return MadeDigits(images.astype(np.uint8), labels)
