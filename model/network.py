"""Network: layers in a row over one flat parameter buffer and one flat gradient buffer."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.initializers import Initializer
from model.layers import STATISTICS, Layer, bind, parameter_shapes

FOLLOW = 0.1
"""How far, at each step, running statistics go towards those of the batch."""


class Network:
    """x (rows, inputs) -> logits (rows, classes); the layers hold views into `parameters` and `gradients`.

    All weights W come first in the flat buffers, `decayed` numbers in all, then what else is learned, `learned` in all,
    then running statistics: so weight decay is a slice, an optimizer is a handful of passes over one array, and
    whatever answers depend on is in `parameters`. Buffers hold `rows` rows; a shorter batch uses their head.
    """

    def __init__(self, layers: Sequence[Layer], *, rows: int, dtype: npt.DTypeLike = np.float32) -> None:
        for before, after in itertools.pairwise(layers):
            if before.output_shape != after.input_shape:
                wanted, got = _text(after.input_shape), _text(before.output_shape)
                cure = " Put Flatten between them." if len(before.output_shape) > len(after.input_shape) else ""
                raise ValueError(f"{after.kind} needs {wanted} inputs, but {before.kind} gives {got}.{cure}")
        self.layers, self.rows = list(layers), rows
        shapes = parameter_shapes(layers)
        sizes = {name: math.prod(shape) for name, shape in shapes.items()}
        self.decayed = sum(sizes[name] for name in shapes if name.endswith(".W"))
        self.learned = sum(sizes[name] for name in shapes if not is_statistic(name))
        self.parameters: Floats = np.zeros(sum(sizes.values()), dtype)
        self.gradients: Floats = np.zeros_like(self.parameters)

        self.weights: dict[str, Floats] = {}
        slopes: dict[str, Floats] = {}
        start = 0
        # stable: within each of the three parts the order of layers is kept
        for name in sorted(shapes, key=lambda name: (is_statistic(name), not name.endswith(".W"))):
            part = slice(start, start + sizes[name])
            self.weights[name] = self.parameters[part].reshape(shapes[name])
            slopes[name] = self.gradients[part].reshape(shapes[name])
            start = part.stop
        bind(layers, self.weights, slopes)
        for layer in layers:
            layer.allocate(rows, dtype)

    def initialize(self, initializer: Initializer, generator: np.random.Generator) -> None:
        """Draw every W, layer after layer; scales and variances are one, biases and means zero."""
        self.parameters[:] = 0
        for name, weights in self.weights.items():
            if name.endswith(".W"):
                # of a filter, every number of its patch is an input
                flat = weights.reshape(-1, weights.shape[-1])
                flat[...] = initializer(generator, *flat.shape)
            elif name.endswith((".gamma", ".variance")):
                weights[...] = 1

    def load(self, weights: Mapping[str, Floats]) -> None:
        """Copy weights in; names and shapes are those of `weights`, checked where they were read."""
        for name, view in self.weights.items():
            view[...] = weights[name]

    def forward(self, x: Floats, random: np.random.Generator | None = None) -> Floats:
        """Logits (rows, classes), in a buffer that the next call overwrites; with `random`, as in training."""
        for layer in self.layers:
            x = layer.forward(x, random)
        return x

    def backward(self, dy: Floats) -> None:
        """Fill `gradients` from dy, the gradient of the loss by the logits of the last `forward`."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)

    def follow(self, parts: int) -> None:
        """Move the running statistics towards those of the last batch, whose `parts` added up their distances."""
        if self.learned < self.parameters.size:
            self.parameters[self.learned :] -= FOLLOW / parts * self.gradients[self.learned :]


def is_statistic(name: str) -> bool:
    """Whether a parameter of this name follows the batches instead of being learned."""
    return name.rpartition(".")[2] in STATISTICS


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
