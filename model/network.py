"""Network: layers in a row over one flat parameter buffer and one flat gradient buffer."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model.arrays import Floats
from model.initializers import Initializer
from model.layers import Layer


def layer_names(layers: Sequence[Layer]) -> list[str]:
    """Kind and count: ["dense1", "relu1", "dense2"]."""
    seen: Counter[str] = Counter()
    names = []
    for layer in layers:
        seen[layer.kind] += 1
        names.append(f"{layer.kind}{seen[layer.kind]}")
    return names


def parameter_shapes(layers: Sequence[Layer]) -> dict[str, tuple[int, ...]]:
    """Shapes by name, {"dense1.W": (784, 64), "dense1.b": (64,), ...}."""
    named = zip(layer_names(layers), layers, strict=True)
    return {f"{name}.{parameter}": shape for name, layer in named for parameter, shape in layer.shapes().items()}


class Network:
    """x (rows, inputs) -> logits (rows, classes); the layers hold views into `parameters` and `gradients`.

    All weights W come first in the flat buffers, `decayed` numbers in all, then the rest: so weight decay is a slice,
    and an optimizer is a handful of passes over one array. Buffers hold `rows` rows; a shorter batch uses their head.
    """

    def __init__(self, layers: Sequence[Layer], *, rows: int, dtype: npt.DTypeLike = np.float32) -> None:
        for before, after in itertools.pairwise(layers):
            if before.units != after.inputs:
                raise ValueError(f"{after.kind} needs {after.inputs} inputs, but {before.kind} gives {before.units}.")
        self.layers, self.rows = list(layers), rows
        shapes = parameter_shapes(layers)
        self.decayed = sum(math.prod(shape) for name, shape in shapes.items() if name.endswith(".W"))
        size = sum(math.prod(shape) for shape in shapes.values())
        self.parameters: Floats = np.zeros(size, dtype)
        self.gradients: Floats = np.zeros(size, dtype)

        self.weights: dict[str, Floats] = {}
        slopes: dict[str, Floats] = {}
        start = 0
        for name in sorted(shapes, key=lambda name: not name.endswith(".W")):  # stable: the order of layers is kept
            end = start + math.prod(shapes[name])
            self.weights[name] = self.parameters[start:end].reshape(shapes[name])
            slopes[name] = self.gradients[start:end].reshape(shapes[name])
            start = end
        for name, layer in zip(layer_names(layers), layers, strict=True):
            layer.bind(
                {parameter: self.weights[f"{name}.{parameter}"] for parameter in layer.shapes()},
                {parameter: slopes[f"{name}.{parameter}"] for parameter in layer.shapes()},
            )
            layer.allocate(rows, dtype)

    def initialize(self, initializer: Initializer, generator: np.random.Generator) -> None:
        """Draw every W, layer after layer; biases are zero."""
        self.parameters[:] = 0
        for name, weights in self.weights.items():
            if name.endswith(".W"):
                weights[...] = initializer(generator, *weights.shape)

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
