"""Randomness: a generator as a pure function of (seed, purpose, counters): nothing to save, nothing global."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream of random numbers is for; the streams are independent of each other."""

    WEIGHTS = 1
    SHUFFLE = 2
    DROPOUT = 3
    AUGMENTATION = 5
    DRAWINGS = 6
    NOISE = 7


def rng(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """The generator of one moment: rng(seed, Purpose.DROPOUT, step) is the same whenever it is asked for."""
    return np.random.default_rng((seed, int(purpose), *counters))
