"""Layer: the base class of all layers."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from model.arrays import Floats

Shape: TypeAlias = tuple[int, ...]
"""Shape of one row: (units,), or (height, width, channels) for an image."""

STATISTICS = ("mean", "variance")
"""Parameters that are running means over the batches instead of being learned.

Their "gradient" is their difference from the values of the last batch.
"""


class Layer:
    """One step of a network: x (rows, inputs) -> y (rows, units), and backward dy -> dx.

    A row may be an image of `input_shape`, flattened. A layer may work in place: do not read its
    input after `forward`, nor dy after `backward`.

    Layout. The arrays between two layers are (rows, units) unless the earlier layer declares
    `output_window` = w > 1. Then x, y and their gradients are grouped by the position of a pixel in
    its window of w x w pixels: (w * w, rows, windows of an image, channels). The next layer must
    declare the same number as its `input_window`; `check_neighbours` compares them.
    """

    kind = "layer"
    input_window = 1
    output_window = 1

    def __init__(self, inputs: int | Shape, units: int | Shape) -> None:
        self.input_shape = (inputs,) if isinstance(inputs, int) else inputs
        self.output_shape = (units,) if isinstance(units, int) else units
        self.inputs, self.units = math.prod(self.input_shape), math.prod(self.output_shape)

    def shapes(self) -> dict[str, Shape]:
        """Shape of each parameter. Those named W have weight decay; STATISTICS are not learned."""
        return {}

    @property
    def products(self) -> int:
        """Approximate number of multiplications of `forward` for one row."""
        return 0

    def bind(self, parameters: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> None:
        """Set the arrays of parameters and gradients: views of the network's buffers."""

    def allocate(self, rows: int, dtype: npt.DTypeLike) -> None:
        """Allocate the work buffers for at most `rows` rows."""

    def forward(self, x: Floats, random: np.random.Generator | None) -> Floats:
        """Compute y from x. `random` is a generator in training, and None in prediction."""
        raise NotImplementedError

    def backward(self, dy: Floats) -> Floats:
        """Compute dx from dy for the rows of the last `forward`; overwrite the gradients."""
        raise NotImplementedError


def named(layers: Sequence[Layer]) -> dict[str, Layer]:
    """Layers by name, the kind and a number: {"dense1": ..., "relu1": ..., "dense2": ...}."""
    counts: Counter[str] = Counter()
    names = {}
    for layer in layers:
        counts[layer.kind] += 1
        names[f"{layer.kind}{counts[layer.kind]}"] = layer
    return names


def parameter_shapes(layers: Sequence[Layer]) -> dict[str, Shape]:
    """Shapes of all parameters by name: {"dense1.W": (784, 64), "dense1.b": (64,), ...}."""
    return {
        f"{name}.{parameter}": shape
        for name, layer in named(layers).items()
        for parameter, shape in layer.shapes().items()
    }


def bind(layers: Sequence[Layer], parameters: Mapping[str, Floats], gradients: Mapping[str, Floats]) -> None:
    """Give each layer its arrays. They have the names of `parameter_shapes`."""
    for name, layer in named(layers).items():
        own = list(layer.shapes())
        layer.bind({p: parameters[f"{name}.{p}"] for p in own}, {p: gradients[f"{name}.{p}"] for p in own})


def check_neighbours(layers: Sequence[Layer]) -> None:
    """Raise ValueError if a layer does not accept the shape or layout of the one before it."""
    for before, after in itertools.pairwise(layers):
        if before.output_shape != after.input_shape:
            expected, got = ("x".join(map(str, s)) for s in (after.input_shape, before.output_shape))
            is_image = len(before.output_shape) > len(after.input_shape)
            cure = " Put Flatten between them." if is_image else ""
            raise ValueError(f"{after.kind} needs {expected} inputs, but {before.kind} gives {got}.{cure}")
        if before.output_window != after.input_window:
            raise ValueError(
                f"{after.kind} needs inputs grouped by windows of {after.input_window}, but {before.kind} "
                f"groups its outputs by windows of {before.output_window}. Give both the same window."
            )
