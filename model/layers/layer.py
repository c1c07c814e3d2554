"""The layer: what every kind of layer has in common."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from model.arrays import Floats


class Layer:
    """One step of a network: x (rows, inputs) -> y (rows, units), and back: dy -> dx.

    A layer may work in place, so after `forward` its input and after `backward` its dy are no longer to be read.
    """

    kind = "layer"

    def __init__(self, inputs: int, units: int) -> None:
        self.inputs, self.units = inputs, units

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each parameter; weight decay applies to those named W."""
        return {}

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
