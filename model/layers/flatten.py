"""Flatten: turns an image into a row of numbers for the dense layers after it."""

import numpy as np

from model.arrays import Floats
from model.layers.layer import Layer, Shape


class Flatten(Layer):
    """x (rows, height, width, channels) -> y (rows, height * width * channels), channels last."""

    kind = "flatten"

    def __init__(self, shape: Shape) -> None:
        super().__init__(shape, int(np.prod(shape)))

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        return x

    def backward(self, dy: Floats) -> Floats:
        return dy
