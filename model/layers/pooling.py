"""Pooling: one number for each small window of an image, which makes the image smaller."""

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.layers.layer import Layer, Shape


class _Pool2D(Layer):
    """x (rows, height, width, channels) -> y (rows, height // size, width // size, channels).

    What is left over at the right and at the bottom is not looked at. `by_window`: x is already cut into arrays by the
    place in the window, as Conv2D with a `window` gives it where the size divides the image.
    """

    def __init__(self, shape: Shape, size: int = 2, *, by_window: bool = False) -> None:
        height, width, channels = shape
        if size > min(height, width):
            raise ValueError(
                f"pooling windows of {size}x{size} need an image at least as large, got {height}x{width}: "
                "take smaller windows, or fewer layers that shrink the image before them."
            )
        super().__init__(shape, (height // size, width // size, channels))
        self.size, self.by_window = size, by_window and height % size == width % size == 0

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        height, width, channels = self.output_shape
        self._y = np.empty((rows, height, width, channels), dtype)
        self._dx = np.empty((self.size**2, rows, self.units) if self.by_window else (rows, *self.input_shape), dtype)
        self._won = np.empty((self.size**2 - 1, *self._y.shape), bool)

    def _slopes(self, rows: int) -> Floats:
        """The buffer of dx, zero where the windows leave pixels over: the layer before may have worked in it."""
        if self.by_window:
            return self._dx[:, :rows]
        dx, (height, width, _) = self._dx[:rows], self.output_shape
        dx[:, height * self.size :] = dx[:, :, width * self.size :] = 0
        return dx

    def _places(self, x: Floats, rows: int) -> list[Floats]:
        """A view for each place in the window, (rows, height', width', channels)."""
        height, width, channels = self.output_shape
        if self.by_window:
            return list(x.reshape(self.size**2, rows, height, width, channels))
        kept = x.reshape(rows, *self.input_shape)[:, : height * self.size, : width * self.size]
        windows = kept.reshape(rows, height, self.size, width, self.size, channels)
        return [windows[:, :, i, :, j] for i in range(self.size) for j in range(self.size)]


class MaxPool2D(_Pool2D):
    """The largest number of each window; where several are, the gradient goes to the first alone."""

    kind = "max-pool"

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        rows = x.shape[1] if self.by_window else len(x)
        places, y = self._places(x, rows), self._y[:rows]
        np.copyto(y, places[0])
        for place, won in zip(places[1:], self._won, strict=True):
            np.greater(place, y, out=won[:rows])
            np.maximum(y, place, out=y)
        return y.reshape(rows, self.units)

    def backward(self, dy: Floats) -> Floats:
        rows = len(dy)
        dy = dy.reshape(rows, *self.output_shape)
        dx = self._slopes(rows)
        places = self._places(dx, rows)
        # the last that beat all before it takes the gradient, and leaves nothing
        for place, won in zip(reversed(places[1:]), reversed(self._won), strict=True):
            np.multiply(dy, won[:rows], out=place)
            np.subtract(dy, place, out=dy)
        np.copyto(places[0], dy)
        return dx if self.by_window else dx.reshape(rows, self.inputs)


class AveragePool2D(_Pool2D):
    """The mean of each window."""

    kind = "average-pool"

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        y = self._y[: len(x)]
        first, *others = self._places(x, len(x))
        np.copyto(y, first)
        for place in others:
            np.add(y, place, out=y)
        return np.multiply(y, 1.0 / self.size**2, out=y).reshape(len(x), self.units)

    def backward(self, dy: Floats) -> Floats:
        np.multiply(dy, 1.0 / self.size**2, out=dy)
        dx = self._slopes(len(dy))
        for place in self._places(dx, len(dy)):
            place[...] = dy.reshape(len(dy), *self.output_shape)
        return dx.reshape(len(dy), self.inputs)
