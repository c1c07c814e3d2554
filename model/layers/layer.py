"""The layer: what every kind of layer has in common."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from model.arrays import Floats

Shape: TypeAlias = tuple[int, ...]
"""Of one row: (units,), or (height, width, channels) for an image."""

STATISTICS = ("mean", "variance")
"""Parameters that are not learned but follow the batches; their gradient is their distance from the last batch."""


class Layer:
    """One step of a network: x (rows, inputs) -> y (rows, units), and back: dy -> dx.

    A row may be an image of `input_shape`, flattened. A layer may work in place, so after `forward` its input and
    after `backward` its dy are no longer to be read.
    """

    kind = "layer"

    def __init__(self, inputs: int | Shape, units: int | Shape) -> None:
        self.input_shape = (inputs,) if isinstance(inputs, int) else inputs
        self.output_shape = (units,) if isinstance(units, int) else units
        self.inputs, self.units = math.prod(self.input_shape), math.prod(self.output_shape)

    def shapes(self) -> dict[str, Shape]:
        """The shape of each parameter; weight decay applies to those named W, STATISTICS are not learned."""
        return {}

    @property
    def products(self) -> int:
        """Multiplications that a row takes on the way forward, about."""
        return 0

    def bind(self, parameters: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> None:
        """Take the views into the network's flat buffers in which this layer's parameters and gradients live."""

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        """Make the work buffers for at most `rows` rows."""

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        """y from x. `random` is None when predicting, a generator when training."""
        raise NotImplementedError

    def backward(self, dy: Floats) -> Floats:
        """dx from dy, for the rows of the last `forward`; parameter gradients are overwritten."""
        raise NotImplementedError


def named(layers: Sequence[Layer]) -> dict[str, Layer]:
    """By kind and count: {"dense1": ..., "relu1": ..., "dense2": ...}."""
    seen: Counter[str] = Counter()
    names = {}
    for layer in layers:
        seen[layer.kind] += 1
        names[f"{layer.kind}{seen[layer.kind]}"] = layer
    return names


def parameter_shapes(layers: Sequence[Layer]) -> dict[str, Shape]:
    """Shapes by name, {"dense1.W": (784, 64), "dense1.b": (64,), ...}."""
    return {
        f"{name}.{parameter}": shape
        for name, layer in named(layers).items()
        for parameter, shape in layer.shapes().items()
    }


def bind(layers: Sequence[Layer], parameters: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> None:
    """Give each layer its own of the arrays, which have the names of `parameter_shapes`."""
    for name, layer in named(layers).items():
        own = list(layer.shapes())
        layer.bind({p: parameters[f"{name}.{p}"] for p in own}, {p: gradients[f"{name}.{p}"] for p in own})
