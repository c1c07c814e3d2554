"""Dense: every input is connected with every unit."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.layers.layer import Layer


class Dense(Layer):
    """y = x @ W + b.   x (rows, inputs), W (inputs, units), b (units,) -> y (rows, units).

    With `first`, nobody asks for dx, so its product, the largest of the backward pass, is left out.
    """

    kind = "dense"

    def __init__(self, inputs: int, units: int, *, first: bool = False) -> None:
        super().__init__(inputs, units)
        self.first = first

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
        self._x = x
        y = self._y[: len(x)]
        np.matmul(x, self.W, out=y)
        np.add(y, self.b, out=y)
        return y

    def backward(self, dy: Floats) -> Floats:
        np.matmul(self._x.T, dy, out=self.dW)
        # a product with ones is faster than dy.sum(axis=0)
        np.matmul(self._ones[: len(dy)], dy, out=self.db)
        dx = self._dx[: len(dy)]
        if not self.first:
            np.matmul(dy, self.W.T, out=dx)
        return dx
