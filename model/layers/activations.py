"""Activation functions. Without them, several layers equal a single matrix."""

import math

import numpy as np
import numpy.typing as npt
import scipy

from model.arrays import Floats
from model.layers.layer import Layer, Shape


class Activation(Layer):
    """y = f(x), elementwise and in place. The derivative is computed from y where possible."""

    def __init__(self, units: int | Shape) -> None:
        super().__init__(units, units)


class ReLU(Activation):
    """y = max(x, 0)."""

    kind = "relu"

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        self._active = np.empty((rows, self.units), bool)
        self._zeros = np.zeros(self.units, dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        # An array of zeros is two to four times as fast as the number 0, for which NumPy uses no
        # vector instructions.
        self._y = np.maximum(x, self._zeros, out=x)
        return self._y

    def backward(self, dy: Floats) -> Floats:
        # multiplying by the mask is faster than dy[~active] = 0
        active = np.greater(self._y, 0, out=self._active[: len(dy)])
        return np.multiply(dy, active, out=dy)


class LeakyReLU(Activation):
    """y = max(x, 0.01 x): a small slope where ReLU has none, so that every unit can learn."""

    kind = "leaky-relu"
    slope = 0.01

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        self._work = np.empty((rows, self.units), dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        self._y = np.maximum(x, np.multiply(x, self.slope, out=self._work[: len(x)]), out=x)
        return self._y

    def backward(self, dy: Floats) -> Floats:
        # 1 where y > 0, else 0.01
        slopes = np.greater(self._y, 0, out=self._work[: len(dy)], casting="unsafe")
        np.multiply(slopes, 1.0 - self.slope, out=slopes)
        np.add(slopes, self.slope, out=slopes)
        return np.multiply(dy, slopes, out=dy)


class Tanh(Activation):
    """y = tanh(x), between -1 and 1."""

    kind = "tanh"

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        self._work = np.empty((rows, self.units), dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        self._y = np.tanh(x, out=x)
        return self._y

    def backward(self, dy: Floats) -> Floats:
        slopes = np.multiply(self._y, self._y, out=self._work[: len(dy)])  # dy/dx = 1 - y^2
        np.subtract(1.0, slopes, out=slopes)
        return np.multiply(dy, slopes, out=dy)


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)), between 0 and 1."""

    kind = "sigmoid"

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        self._work = np.empty((rows, self.units), dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        # = (1 + tanh(x / 2)) / 2; NumPy's tanh is six times as fast as SciPy's expit
        x *= 0.5
        np.tanh(x, out=x)
        x *= 0.5
        x += 0.5
        self._y = x
        return x

    def backward(self, dy: Floats) -> Floats:
        slopes = np.subtract(1.0, self._y, out=self._work[: len(dy)])  # dy/dx = y (1 - y)
        np.multiply(slopes, self._y, out=slopes)
        return np.multiply(dy, slopes, out=dy)


class GELU(Activation):
    """y = x Phi(x), a smooth ReLU (Hendrycks and Gimpel 2016).

    Phi is the normal distribution function, computed exactly with erf.
    """

    kind = "gelu"

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        self._slopes = np.empty((rows, self.units), dtype)
        self._work = np.empty((rows, self.units), dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        phi, density = self._slopes[: len(x)], self._work[: len(x)]
        np.multiply(x, math.sqrt(0.5), out=phi)
        scipy.special.erf(phi, out=phi)
        np.add(phi, 1.0, out=phi)
        np.multiply(phi, 0.5, out=phi)
        np.multiply(x, x, out=density)
        np.multiply(density, -0.5, out=density)
        np.exp(density, out=density)
        np.multiply(density, 1.0 / math.sqrt(2.0 * math.pi), out=density)
        np.multiply(density, x, out=density)
        np.multiply(x, phi, out=x)
        np.add(phi, density, out=phi)  # dy/dx = Phi(x) + x phi(x), for `backward`
        return x

    def backward(self, dy: Floats) -> Floats:
        return np.multiply(dy, self._slopes[: len(dy)], out=dy)


ACTIVATIONS: dict[str, type[Activation]] = {
    each.kind: each
    for each in (
        ReLU,
        LeakyReLU,
        Tanh,
        Sigmoid,
        GELU,
    )
}
