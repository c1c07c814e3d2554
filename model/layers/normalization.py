"""Batch normalization: mean 0 and variance 1 for each unit, then a learned scale and offset."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.layers.layer import Layer, Shape

EPSILON = 1e-5


class BatchNorm(Layer):
    """y = gamma (x - mean) / sqrt(variance + 1e-5) + beta (Ioffe and Szegedy 2015).

    In training, mean and variance are those of the batch, for each unit or channel, over all rows
    and pixels. In prediction they are running means over the batches. The running means are among
    the parameters; `gradients` holds their differences from the values of the batch.
    """

    kind = "norm"

    def __init__(self, shape: int | Shape) -> None:
        super().__init__(shape, shape)
        self.channels = self.input_shape[-1]
        # numbers in one line of an image: enough for fast inner loops in NumPy
        self.wide = int(np.prod(self.input_shape[-2:]))

    def shapes(self) -> dict[str, Shape]:
        return dict.fromkeys(("gamma", "beta", "mean", "variance"), (self.channels,))

    def bind(self, parameters: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> None:
        self.parameters, self.gradients = parameters, gradients

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        lines = rows * self.units // self.wide
        self._normal, self._y = np.empty((lines, self.wide), dtype), np.empty((lines, self.wide), dtype)
        self._ones = np.ones(lines, dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        rows, x = len(x), x.reshape(-1, self.wide)
        parameters, y = self.parameters, self._y[: len(x)]
        if random is None:
            scale = parameters["gamma"] / np.sqrt(parameters["variance"] + EPSILON)
            np.multiply(x, self._along(scale), out=y)
            np.add(y, self._along(parameters["beta"] - scale * parameters["mean"]), out=y)
            return y.reshape(rows, self.units)
        normal, count = self._normal[: len(x)], x.size // self.channels
        mean = self._sums(x) / count
        np.subtract(x, self._along(mean), out=normal)
        variance = self._sums(np.multiply(normal, normal, out=y)) / count
        self._scale = 1.0 / np.sqrt(variance + EPSILON)
        np.multiply(normal, self._along(self._scale), out=normal)
        np.multiply(normal, self._along(parameters["gamma"]), out=y)
        np.add(y, self._along(parameters["beta"]), out=y)
        self.gradients["mean"][...] = parameters["mean"] - mean
        self.gradients["variance"][...] = parameters["variance"] - variance * (count / max(count - 1, 1))
        return y.reshape(rows, self.units)

    def backward(self, dy: Floats) -> Floats:
        rows, dy = len(dy), dy.reshape(-1, self.wide)
        normal, count = self._normal[: len(dy)], dy.size // self.channels
        dgamma = self._sums(np.multiply(dy, normal, out=self._y[: len(dy)]))
        dbeta = self._sums(dy)
        self.gradients["gamma"][...], self.gradients["beta"][...] = dgamma, dbeta
        # dx = gamma / deviation * (dy - mean of dy - normal * mean of dy * normal)
        np.subtract(dy, np.multiply(normal, self._along(dgamma / count), out=normal), out=dy)
        np.subtract(dy, self._along(dbeta / count), out=dy)
        np.multiply(dy, self._along(self.parameters["gamma"] * self._scale), out=dy)
        return dy.reshape(rows, self.units)

    def _along(self, values: Floats) -> Floats:
        """Values (channels,) repeated along a row of the image."""
        return np.tile(values, self.wide // self.channels)

    def _sums(self, x: Floats) -> Floats:
        """Sum of each channel. A product with ones is faster than x.sum(axis=0)."""
        sums: Floats = np.matmul(self._ones[: len(x)], x).reshape(-1, self.channels).sum(axis=0)
        return sums
