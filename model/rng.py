"""Randomness: each generator is a pure function of a seed, a purpose and counters.

No state of a generator has to be saved, and there is no global generator.
"""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """The use of a stream of random numbers. Streams are independent of each other."""

    WEIGHTS = 1
    SHUFFLE = 2
    DROPOUT = 3
    AUGMENTATION = 5
    DRAWINGS = 6
    NOISE = 7


def rng(seed: int, purpose: Purpose, *counters: int) -> np.random.Generator:
    """A new generator: rng(seed, Purpose.DROPOUT, step) always gives the same numbers."""
    return np.random.default_rng((seed, int(purpose), *counters))
