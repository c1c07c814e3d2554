"""Initializers: the initial weights of a layer, at a scale that preserves the size of signals."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from model.arrays import Floats

Initializer: TypeAlias = Callable[[np.random.Generator, int, int], Floats]
"""(generator, inputs, units) -> W (inputs, units), float64."""


def he(generator: np.random.Generator, inputs: int, units: int) -> Floats:
    """Normal with variance 2 / inputs: ReLU layers keep the variance (He et al. 2015)."""
    return generator.normal(0.0, np.sqrt(2.0 / inputs), (inputs, units))


def xavier(generator: np.random.Generator, inputs: int, units: int) -> Floats:
    """Uniform with variance 2 / (inputs + units) (Glorot and Bengio 2010).

    A compromise between keeping the variance forward and backward.
    """
    limit = np.sqrt(6.0 / (inputs + units))
    return generator.uniform(-limit, limit, (inputs, units))


def lecun(generator: np.random.Generator, inputs: int, units: int) -> Floats:
    """Normal with variance 1 / inputs: tanh layers keep the variance (LeCun et al. 1998)."""
    return generator.normal(0.0, np.sqrt(1.0 / inputs), (inputs, units))


def normal(generator: np.random.Generator, inputs: int, units: int) -> Floats:
    """Normal with standard deviation 0.01: signals become too small in deep networks."""
    return generator.normal(0.0, 0.01, (inputs, units))


def zeros(generator: np.random.Generator, inputs: int, units: int) -> Floats:
    """All zero, for demonstration: all units of a hidden layer then stay equal."""
    return np.zeros((inputs, units))


INITIALIZERS: dict[str, Initializer] = {
    "he": he,
    "xavier": xavier,
    "lecun": lecun,
    "normal": normal,
    "zeros": zeros,
}
