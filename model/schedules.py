"""Schedules: the learning rate as a function of how far the run has come."""

import math
from collections.abc import Callable
from typing import TypeAlias

Schedule: TypeAlias = Callable[[float, float, float], float]
"""(progress in [0, 1), epochs done, decay) -> factor by which the learning rate is multiplied."""

WARM_UP = 0.1
LOWEST = 1e-6
RISE = 0.3


def constant(progress: float, epochs: float, decay: float) -> float:
    """The learning rate as it is."""
    return 1.0


def step(progress: float, epochs: float, decay: float) -> float:
    """Multiplied by `decay` at half of the run, and again at three quarters."""
    return decay ** ((progress >= 0.5) + (progress >= 0.75))


def inverse_time(progress: float, epochs: float, decay: float) -> float:
    """1 / (1 + decay * epochs)."""
    return 1.0 / (1.0 + decay * epochs)


def cosine(progress: float, epochs: float, decay: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2016)."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def one_cycle(progress: float, epochs: float, decay: float) -> float:
    """Up from 1/25 to 1 over the first 30 %, then down towards 0, both along cosines (Smith 2018)."""
    if progress < RISE:
        return 1.0 - 0.96 * 0.5 * (1.0 + math.cos(math.pi * progress / RISE))
    return 0.5 * (1.0 + math.cos(math.pi * (progress - RISE) / (1.0 - RISE)))


def warm_up(progress: float, epochs: float, decay: float) -> float:
    """Up from 1/100 to 1 in a straight line over the first 10 %, then constant."""
    return min(1.0, 0.01 + 0.99 * progress / WARM_UP)


def range_test(progress: float, epochs: float, decay: float) -> float:
    """Up from a millionth to 1, ten times as high after each sixth of the run: to find a good rate (Smith 2015)."""
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
