"""Residual block: the output of some layers is added to their input, for deep networks."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.layers.layer import Layer, Shape, bind, check_neighbours, parameter_shapes


class Residual(Layer):
    """y = last(branch(x) + shortcut(x)) (He et al. 2015).

    The shortcut is x itself unless the branch changes its shape.
    """

    kind = "residual"

    def __init__(self, branch: Sequence[Layer], shortcut: Sequence[Layer], last: Layer) -> None:
        check_neighbours([*branch, last])
        check_neighbours([*shortcut, last])
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
        y = shortcut = x
        for layer in self.branch:
            y = layer.forward(y, random)
        for layer in self.shortcut:
            shortcut = layer.forward(shortcut, random)
        return self.last.forward(np.add(y, shortcut, out=y), random)

    def backward(self, dy: Floats) -> Floats:
        dy = self.last.backward(dy)
        # a copy for the shortcut: the layers of the branch may work in place
        shortcut, dx = self._dy[: len(dy)], dy
        np.copyto(shortcut, dy)
        for layer in reversed(self.branch):
            dx = layer.backward(dx)
        for layer in reversed(self.shortcut):
            shortcut = layer.backward(shortcut)
        return np.add(dx, shortcut, out=dx)
