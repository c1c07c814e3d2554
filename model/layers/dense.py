"""Dense: every input is connected with every unit."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.layers.layer import Layer


class Dense(Layer):
    """y = x @ W + b.   x (rows, inputs), W (inputs, units), b (units,) -> y (rows, units).

    `first`: the first layer of a network needs no dx, which saves the largest product of the
    backward pass. Its inputs are images: the products also leave out margins without ink.
    """

    kind = "dense"

    def __init__(self, inputs: int, units: int, *, first: bool = False) -> None:
        super().__init__(inputs, units)
        self.first = first
        # np.dot has less overhead, which matters for small products, but it copies slices
        self._product = np.matmul if first else np.dot

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {"W": (self.inputs, self.units), "b": (self.units,)}

    @property
    def products(self) -> int:
        return self.inputs * self.units

    def bind(self, parameters: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> None:
        self.W, self.b = parameters["W"], parameters["b"]
        self.dW, self.db = gradients["W"], gradients["b"]

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        self._y = np.empty((rows, self.units), dtype)
        self._dx = np.empty((0 if self.first else rows, self.inputs), dtype)
        self._ones = np.ones(rows, dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ValueError(f"Dense({self.inputs}, {self.units}) needs (rows, {self.inputs}), got {x.shape}.")
        self._used = used_pixels(x) if self.first else slice(None)
        self._x = x[:, self._used]
        y = self._y[: len(x)]
        self._product(self._x, self.W[self._used], out=y)
        np.add(y, self.b, out=y)
        return y

    def backward(self, dy: Floats) -> Floats:
        self._product(self._x.T, dy, out=self.dW[self._used])
        if self.first:
            self.dW[: self._used.start] = 0
            self.dW[self._used.stop :] = 0
        # a product with ones is faster than dy.sum(axis=0)
        np.dot(self._ones[: len(dy)], dy, out=self.db)
        dx = self._dx[: len(dy)]
        if not self.first:
            np.dot(dy, self.W.T, out=dx)
        return dx


def used_pixels(x: Floats) -> slice:
    """From the first to the last pixel that is not 0 in all rows; all pixels if there is none."""
    used: npt.NDArray[np.bool_] = np.logical_or.reduce(x, axis=0)
    return slice(int(used.argmax()), x.shape[1] - int(used[::-1].argmax()))
