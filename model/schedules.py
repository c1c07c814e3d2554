"""Learning-rate schedules: the learning rate as a function of the progress of a run."""

import math
from collections.abc import Callable
from typing import TypeAlias

Schedule: TypeAlias = Callable[[float, float, float], float]
"""(progress in [0, 1), epochs done, decay) -> factor of the learning rate."""

WARM_UP = 0.1  # share of the run in which warm_up rises
LOWEST = 1e-6  # factor with which range_test begins
RISE = 0.3  # share of the run in which one_cycle rises


def constant(progress: float, epochs: float, decay: float) -> float:
    """Always 1."""
    return 1.0


def step(progress: float, epochs: float, decay: float) -> float:
    """Multiply by `decay` after half of the run, and again after three quarters."""
    return decay ** ((progress >= 0.5) + (progress >= 0.75))


def inverse_time(progress: float, epochs: float, decay: float) -> float:
    """1 / (1 + decay * epochs)."""
    return 1.0 / (1.0 + decay * epochs)


def cosine(progress: float, epochs: float, decay: float) -> float:
    """From 1 to 0 along half a cosine (Loshchilov and Hutter 2016)."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def one_cycle(progress: float, epochs: float, decay: float) -> float:
    """From 1/25 up to 1 in the first 30 %, then down to 0, both along cosines (Smith 2018)."""
    if progress < RISE:
        return 1.0 - 0.96 * 0.5 * (1.0 + math.cos(math.pi * progress / RISE))
    return 0.5 * (1.0 + math.cos(math.pi * (progress - RISE) / (1.0 - RISE)))


def warm_up(progress: float, epochs: float, decay: float) -> float:
    """From 1/100 up to 1 along a straight line in the first 10 %, then constant."""
    return min(1.0, 0.01 + 0.99 * progress / WARM_UP)


def range_test(progress: float, epochs: float, decay: float) -> float:
    """From one millionth up to 1, ten times as high after each sixth of the run.

    The learning-rate range test of Smith (2015) uses it.
    """
    return float(LOWEST ** (1.0 - progress))


SCHEDULES: dict[str, Schedule] = {
    "constant": constant,
    "step": step,
    "inverse-time": inverse_time,
    "cosine": cosine,
    "one-cycle": one_cycle,
    "warm-up": warm_up,
    "range-test": range_test,
}
