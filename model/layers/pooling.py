"""Pooling: one number for each small window makes an image smaller."""

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.layers.layer import Layer, Shape


class _Pool2D(Layer):
    """x (rows, height, width, channels) -> y (rows, height // size, width // size, channels).

    Pixels at the right and the bottom that fill no window are ignored. `input_window` is 1, or the
    size if the layer before groups its outputs by windows (see `Layer`).
    """

    def __init__(self, shape: Shape, size: int = 2, *, input_window: int = 1) -> None:
        height, width, channels = shape
        if size > min(height, width):
            raise ValueError(
                f"pooling windows of {size}x{size} need an image at least as large, got {height}x{width}: "
                "use smaller windows, or fewer layers that shrink the image before them."
            )
        super().__init__(shape, (height // size, width // size, channels))
        self.size, self.input_window = size, input_window
        self.grouped = input_window > 1

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        height, width, channels = self.output_shape
        self._y = np.empty((rows, height, width, channels), dtype)
        self._dx = np.empty((self.size**2, rows, self.units) if self.grouped else (rows, *self.input_shape), dtype)
        self._larger = np.empty((self.size**2 - 1, *self._y.shape), bool)

    def _empty_dx(self, rows: int) -> Floats:
        """The buffer of dx, with 0 in the pixels outside all windows.

        They are set in each step, because the layer before may overwrite the buffer.
        """
        if self.grouped:
            return self._dx[:, :rows]
        dx, (height, width, _) = self._dx[:rows], self.output_shape
        dx[:, height * self.size :] = dx[:, :, width * self.size :] = 0
        return dx

    def _positions(self, x: Floats, rows: int) -> list[Floats]:
        """A view of x for each position in the window, (rows, height', width', channels)."""
        height, width, channels = self.output_shape
        if self.grouped:
            return list(x.reshape(self.size**2, rows, height, width, channels))
        inside = x.reshape(rows, *self.input_shape)[:, : height * self.size, : width * self.size]
        windows = inside.reshape(rows, height, self.size, width, self.size, channels)
        return [windows[:, :, i, :, j] for i in range(self.size) for j in range(self.size)]


class MaxPool2D(_Pool2D):
    """Maximum of each window. If several numbers are largest, the first gets the whole gradient."""

    kind = "max-pool"

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        rows = x.shape[1] if self.grouped else len(x)
        positions, y = self._positions(x, rows), self._y[:rows]
        np.copyto(y, positions[0])
        for position, larger in zip(positions[1:], self._larger, strict=True):
            np.greater(position, y, out=larger[:rows])
            np.maximum(y, position, out=y)
        return y.reshape(rows, self.units)

    def backward(self, dy: Floats) -> Floats:
        rows = len(dy)
        dy = dy.reshape(rows, *self.output_shape)
        dx = self._empty_dx(rows)
        positions = self._positions(dx, rows)
        # from the end: the first position that was larger than all before it gets the gradient
        for position, larger in zip(reversed(positions[1:]), reversed(self._larger), strict=True):
            np.multiply(dy, larger[:rows], out=position)
            np.subtract(dy, position, out=dy)
        np.copyto(positions[0], dy)
        return dx if self.grouped else dx.reshape(rows, self.inputs)


class AveragePool2D(_Pool2D):
    """Mean of each window."""

    kind = "average-pool"

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        y = self._y[: len(x)]
        first, *others = self._positions(x, len(x))
        np.copyto(y, first)
        for other in others:
            np.add(y, other, out=y)
        return np.multiply(y, 1.0 / self.size**2, out=y).reshape(len(x), self.units)

    def backward(self, dy: Floats) -> Floats:
        np.multiply(dy, 1.0 / self.size**2, out=dy)
        dx = self._empty_dx(len(dy))
        for position in self._positions(dx, len(dy)):
            position[...] = dy.reshape(len(dy), *self.output_shape)
        return dx.reshape(len(dy), self.inputs)
