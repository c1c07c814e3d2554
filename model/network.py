"""Network: a sequence of layers with one flat buffer of parameters and one of gradients."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.initializers import Initializer
from model.layers import STATISTICS, Layer, bind, check_neighbours, parameter_shapes

STATISTICS_RATE = 0.1
"""Share of the way that running statistics move towards those of the batch in each step."""


class Network:
    """x (rows, inputs) -> logits (rows, classes).

    The layers hold views of `parameters` and `gradients`. In both, all weights W come first
    (`decayed` numbers), then the other learned parameters (up to `learned`), then the running
    statistics. So weight decay is a slice, an optimizer makes a few passes over one array, and
    `parameters` holds all numbers that predictions depend on.
    Buffers have `rows` rows; a shorter batch uses the first of them.
    """

    def __init__(self, layers: Sequence[Layer], *, rows: int, dtype: npt.DTypeLike = np.float32) -> None:
        check_neighbours(layers)
        self.layers, self.rows = list(layers), rows
        shapes = parameter_shapes(layers)
        sizes = {name: math.prod(shape) for name, shape in shapes.items()}
        self.decayed = sum(sizes[name] for name in shapes if name.endswith(".W"))
        self.learned = sum(sizes[name] for name in shapes if not is_statistic(name))
        self.parameters: Floats = np.zeros(sum(sizes.values()), dtype)
        self.gradients: Floats = np.zeros_like(self.parameters)

        self.weights: dict[str, Floats] = {}
        gradients: dict[str, Floats] = {}
        start = 0
        # sorted() is stable: each of the three parts is in the order of the layers
        for name in sorted(shapes, key=lambda name: (is_statistic(name), not name.endswith(".W"))):
            part = slice(start, start + sizes[name])
            self.weights[name] = self.parameters[part].reshape(shapes[name])
            gradients[name] = self.gradients[part].reshape(shapes[name])
            start = part.stop
        bind(layers, self.weights, gradients)
        for layer in layers:
            layer.allocate(rows, dtype)

    def initialize(self, initializer: Initializer, generator: np.random.Generator) -> None:
        """Draw all W, layer by layer; set scales and variances to one, biases and means to zero."""
        self.parameters[:] = 0
        for name, weights in self.weights.items():
            if name.endswith(".W"):
                # the inputs of a filter are all numbers of its patch
                flat = weights.reshape(-1, weights.shape[-1])
                flat[...] = initializer(generator, *flat.shape)
            elif name.endswith((".gamma", ".variance")):
                weights[...] = 1

    def load(self, weights: Mapping[str, Floats]) -> None:
        """Copy weights, which have the names and shapes of `self.weights`."""
        for name, view in self.weights.items():
            view[...] = weights[name]

    def forward(self, x: Floats, random: np.random.Generator | None = None) -> Floats:
        """Logits (rows, classes), in a buffer that the next call overwrites.

        With `random`, layers work as in training.
        """
        for layer in self.layers:
            x = layer.forward(x, random)
        return x

    def backward(self, dy: Floats) -> None:
        """Compute `gradients` from dy, the gradient of the loss by the logits of `forward`."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)

    def update_statistics(self, parts: int) -> None:
        """Move the running statistics towards those of the last batch.

        `parts`: the number of pieces of the batch, whose differences were added up.
        """
        if self.learned < self.parameters.size:
            self.parameters[self.learned :] -= STATISTICS_RATE / parts * self.gradients[self.learned :]


def is_statistic(name: str) -> bool:
    """Whether a parameter of this name is a running statistic instead of being learned."""
    return name.rpartition(".")[2] in STATISTICS
