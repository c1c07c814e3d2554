"""Convolution: the same small filters at every position of an image."""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import as_strided

from model.arrays import Floats
from model.layers.layer import Layer, Shape

BLOCK = 2**17  # numbers in a matrix of patches: small enough for the processor's cache


class Conv2D(Layer):
    """y[h, w] = sum_ij x[stride h + i - pad, stride w + j - pad] @ W[i, j] + b; x is 0 outside.

    x (rows, height, width, channels), W (kernel, kernel, channels, filters)
    -> y (rows, height', width', filters). Padding "same": kernel // 2 on each side; "valid": none.

    One matrix product with all patches computes y (im2col, Chellapilla et al. 2006). The last
    column of the patches is 1 and multiplies the bias. dx is a convolution of dy with the filters
    turned by 180 degrees.

    If windows of size `window` fill the image, the outputs are grouped by windows (see `Layer`). A
    MaxPool2D with this input_window then computes the maximum of whole arrays.
    """

    kind = "conv"

    def __init__(
        self,
        shape: Shape,
        filters: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        padding: str = "same",
        window: int = 1,
        bias: bool = True,
        first: bool = False,
    ) -> None:
        height, width, _ = shape
        pad = kernel // 2 if padding == "same" else 0
        if min(height, width) + 2 * pad < kernel:
            raise ValueError(
                f"a convolution of {kernel}x{kernel} needs an image at least as large, got {height}x{width}: "
                "use a smaller kernel, the padding 'same', or less pooling before it."
            )
        outputs = [(side + 2 * pad - kernel) // stride + 1 for side in (height, width)]
        super().__init__(shape, (*outputs, filters))
        self.kernel, self.stride, self.pad, self.bias, self.first = kernel, stride, pad, bias, first
        self.output_window = 1 if any(side % window for side in outputs) else window
        self.windows = outputs[0] * outputs[1] // self.output_window**2

    def shapes(self) -> dict[str, Shape]:
        W = (self.kernel, self.kernel, self.input_shape[2], self.output_shape[2])
        return {"W": W, "b": W[-1:]} if self.bias else {"W": W}

    @property
    def products(self) -> int:
        return self.units * self.kernel**2 * self.input_shape[2]

    def bind(self, parameters: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> None:
        self._parameters = [array.reshape(-1, self.output_shape[2]) for array in parameters.values()]
        self._gradients = [array.reshape(-1, self.output_shape[2]) for array in gradients.values()]
        self.W = parameters["W"]

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        height, width, channels = self.input_shape
        filters, kernel, pad, window = self.output_shape[2], self.kernel, self.pad, self.output_window
        padded = (height + 2 * pad, width + 2 * pad, channels)
        self._x = _Patches(rows, padded, kernel, self.stride, window, bias=self.bias, dtype=dtype)
        self._y = np.empty((window**2, rows, self.windows, filters), dtype)
        if not self.first:
            spread = (height + kernel - 1, width + kernel - 1, filters)
            self._dy = _Patches(rows, spread, kernel, 1, 1, bias=False, dtype=dtype)
            self._dx = np.empty((1, rows, height * width, channels), dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        rows, pad, (height, width, _) = len(x), self.pad, self.input_shape
        self._x.padded[:rows, pad : pad + height, pad : pad + width] = x.reshape(rows, *self.input_shape)
        weights = np.concatenate(self._parameters)
        for part, patches in self._x.blocks(rows):
            np.matmul(patches, weights, out=_matrices(self._y[:, part]))
        return self._y[:, :rows] if self.output_window > 1 else self._y[0, :rows].reshape(rows, self.units)

    def backward(self, dy: Floats) -> Floats:
        dy = dy.reshape(self.output_window**2, -1, self.windows, self.output_shape[2])
        rows = dy.shape[1]
        total = sum(
            np.matmul(patches.swapaxes(1, 2), _matrices(dy[:, part])).sum(axis=0)
            for part, patches in self._x.blocks(rows, unchanged=True)
        )
        for gradient, part_of_total in zip(self._gradients, np.split(total, [len(self._gradients[0])]), strict=False):
            gradient[...] = part_of_total
        if self.first:
            return dy
        self._spread(dy)
        channels = self.input_shape[2]
        turned = np.ascontiguousarray(self.W[::-1, ::-1].swapaxes(2, 3)).reshape(-1, channels)
        for part, patches in self._dy.blocks(rows):
            np.matmul(patches, turned, out=_matrices(self._dx[:, part]))
        return self._dx[0, :rows].reshape(rows, self.inputs)

    def _spread(self, dy: Floats) -> None:
        """Write dy into the padded array, at the positions of the outputs: every `stride` pixels.

        This also undoes the grouping by windows.
        """
        window, (height, width, filters) = self.output_window, self.output_shape
        start = self.kernel - 1 - self.pad
        row, down, across, one = (spread := self._dy.padded[: dy.shape[1], start:, start:]).strides
        down, across = down * self.stride, across * self.stride
        shape = (window, window, dy.shape[1], height // window, width // window, filters)
        target = as_strided(spread, shape, (down, across, row, down * window, across * window, one))
        np.copyto(target, dy.reshape(shape))


class _Patches:
    """Padded images, and the matrix of their patches, for one block of images at a time."""

    def __init__(
        self, rows: int, shape: Shape, kernel: int, stride: int, window: int, *, bias: bool, dtype: npt.DTypeLike
    ) -> None:
        self.padded = np.zeros((rows, *shape), dtype)
        row, down, across, one = self.padded.strides
        height, width = ((side - kernel) // stride + 1 for side in shape[:2])
        step, span = (down * stride, across * stride), (down * stride * window, across * stride * window)
        self._views = as_strided(
            self.padded,
            (window, window, rows, height // window, width // window, kernel, kernel, shape[2]),
            (*step, row, *span, down, across, one),
        )
        self._numbers = kernel * kernel * shape[2]
        columns, windows = self._numbers + bias, height * width // window**2
        self._block = min(rows, max(1, BLOCK // (height * width * columns)))
        if shape[2] == 1:
            # With one channel, few numbers of a patch are neighbours in memory. Copying column by
            # column, along the rows of all images, is faster.
            self._block = rows
            self._matrix = np.ones((columns, window**2, self._block, windows), dtype).transpose(1, 2, 3, 0)
        else:
            self._matrix = np.ones((window**2, self._block, windows, columns), dtype)

    def blocks(self, rows: int, *, unchanged: bool = False) -> Iterator[tuple[slice, Floats]]:
        """Blocks of images with their patches.

        Patches: (window * window, images * windows, kernel * kernel * channels + bias).
        `unchanged`: the images are those of the last call, so a single block need not be copied.
        """
        for start in range(0, rows, self._block):
            part = slice(start, min(start + self._block, rows))
            matrix = self._matrix[:, : part.stop - start]
            if not unchanged or rows > self._block:
                views = self._views[:, :, part]
                np.copyto(matrix[..., : self._numbers].reshape(views.shape, copy=False), views)
            yield part, _matrices(matrix)


def _matrices(array: Floats) -> Floats:
    """A view of (positions, rows, windows, columns) as (positions, rows * windows, columns)."""
    return array.reshape(array.shape[0], -1, array.shape[3], copy=False)
