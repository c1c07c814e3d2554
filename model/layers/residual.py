"""Residual: layers that learn what to add to their input, so that a deep network is no harder to train."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.layers.layer import Layer, Shape, bind, parameter_shapes


class Residual(Layer):
    """y = last(branch(x) + shortcut(x)), the shortcut being x itself unless the branch changes its shape (He 2015)."""

    kind = "residual"

    def __init__(self, branch: Sequence[Layer], shortcut: Sequence[Layer], last: Layer) -> None:
        super().__init__(branch[0].input_shape, branch[-1].output_shape)
        self.branch, self.shortcut, self.last = list(branch), list(shortcut), last
        self.layers = [*branch, *shortcut, last]

    def shapes(self) -> dict[str, Shape]:
        return parameter_shapes(self.layers)

    @property
    def products(self) -> int:
        return sum(layer.products for layer in self.layers)

    def bind(self, parameters: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> None:
        bind(self.layers, parameters, gradients)

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        for layer in self.layers:
            layer.allocate(rows, dtype)
        self._dy = np.empty((rows, self.units), dtype)

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        y = kept = x
        for layer in self.branch:
            y = layer.forward(y, random)
        for layer in self.shortcut:
            kept = layer.forward(kept, random)
        return self.last.forward(np.add(y, kept, out=y), random)

    def backward(self, dy: Floats) -> Floats:
        dy = self.last.backward(dy)
        # the layers of the branch may work in place on theirs
        kept, dx = self._dy[: len(dy)], dy
        np.copyto(kept, dy)
        for layer in reversed(self.branch):
            dx = layer.backward(dx)
        for layer in reversed(self.shortcut):
            kept = layer.backward(kept)
        return np.add(dx, kept, out=dx)
