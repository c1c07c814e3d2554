"""Dropout: set a random share of the units to 0 in training, against overfitting."""

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.layers.layer import Layer


class Dropout(Layer):
    """y = x * mask / (1 - rate), with a new random mask in each step (Srivastava et al. 2014).

    In prediction, y = x.
    """

    kind = "dropout"

    def __init__(self, units: int, rate: float) -> None:
        super().__init__(units, units)
        self.rate = rate

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        # not in place: the layer before needs its output in `backward`
        self._y = np.empty((rows, self.units), dtype)
        self._mask = np.empty((rows, self.units), dtype)
        self._uniform = np.empty((rows, self.units), np.float32)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        if random is None:
            return x
        rows = len(x)
        uniform, mask, y = self._uniform[:rows], self._mask[:rows], self._y[:rows]
        random.random(out=uniform, dtype=np.float32)
        np.greater_equal(uniform, self.rate, out=mask, casting="unsafe")
        np.multiply(mask, 1.0 / (1.0 - self.rate), out=mask)
        np.multiply(x, mask, out=y)
        return y

    def backward(self, dy: Floats) -> Floats:
        np.multiply(dy, self._mask[: len(dy)], out=dy)
        return dy
