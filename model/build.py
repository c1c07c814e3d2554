"""Build the network of a config: its settings, layers, number of parameters and loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from model.image_layers import GRAMMAR, MAX_LAYERS, ImageLayer, read_image_layer
from model.initializers import INITIALIZERS
from model.layers import (
    ACTIVATIONS,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    Layer,
    MaxPool2D,
    Residual,
    Shape,
    named,
)
from model.losses import LOSSES, CrossEntropy, Loss, SquaredError
from model.network import Network, is_statistic
from model.settings import ConfigError, Settings, choice, list_of, number, unrestricted

IMAGE = (28, 28, 1)
PIXELS = 784
CLASSES = 10
MAX_HIDDEN_LAYERS = 5
MAX_UNITS = 2048
NETWORK_SETTINGS = ("image_layers", "hidden", "activation", "batch_norm")
"""Settings on which the meaning of a network's weights depends."""
MAX_PRODUCTS = 1e10  # multiplications and additions for a part of a batch: 0.1 s on one core
MAX_OUTPUTS = 8e6  # of all layers for a part: about 100 MB with the other arrays of the layers
MAX_OUTPUTS_IN_CACHE = 1e6  # the same with image layers, so that they fit in the cache


@dataclass(frozen=True)
class NetworkConfig(Settings):
    """The settings of a network: its layers, its initializer, and its loss."""

    image_layers: tuple[str, ...] = list_of(
        (), GRAMMAR, "Layers that work on the image, before the hidden layers: conv 16, max-pool, residual 32."
    )
    hidden: tuple[int, ...] = list_of(
        (128, 64), "whole numbers such as 128,64", "Units of each hidden layer, from the image to the output."
    )
    activation: str = choice(
        "relu", ACTIVATIONS, "Activation function after each hidden layer. Without one, extra layers add nothing."
    )
    loss: str = choice(
        "cross-entropy", LOSSES, "The error that training minimizes; squared-error comes with sigmoid outputs."
    )
    batch_norm: bool = unrestricted(
        False, "Batch normalization: mean 0 and variance 1 over the batch for each unit, before its activation."
    )
    initializer: str = choice(
        "he", INITIALIZERS, "How the initial weights are drawn; he suits ReLU, xavier suits sigmoid."
    )
    dropout: float = number(
        0.0, 0.0, 0.9, "Share of hidden units that are set to zero at random in each step, against overfitting."
    )
    label_smoothing: float = number(
        0.0, 0.0, 0.5, "Share of the target given to the other digits, so that the network is not overconfident."
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.image_layers) > MAX_LAYERS:
            raise ConfigError(f"there are at most {MAX_LAYERS} image layers, got {len(self.image_layers)}.")
        if len(self.hidden) > MAX_HIDDEN_LAYERS:
            raise ConfigError(f"hidden has at most {MAX_HIDDEN_LAYERS} layers, got {len(self.hidden)}.")
        for units in self.hidden:
            if not 1 <= units <= MAX_UNITS:
                raise ConfigError(f"a hidden layer has 1 to {MAX_UNITS} units, got {units}.")
        try:
            build_layers(self)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        if self.loss != CrossEntropy.name and self.label_smoothing:
            raise ConfigError("label_smoothing works with the loss cross-entropy only; set it to 0.")

    def with_network_of(self, other: NetworkConfig) -> Self:
        """These settings with the network and loss of another config, to start from its weights."""
        smoothing = self.label_smoothing if other.loss == CrossEntropy.name else 0.0
        network = {name: getattr(other, name) for name in NETWORK_SETTINGS}
        return self.replace(**network, loss=other.loss, label_smoothing=smoothing)

    @property
    def architecture(self) -> str:
        """The network in short: "784-128-64-10", or "conv 16, max-pool, 64, 10"."""
        if self.image_layers:
            return ", ".join([*self.image_layers, *map(str, self.hidden), str(CLASSES)])
        return "-".join(map(str, (PIXELS, *self.hidden, CLASSES)))

    def parameter_count(self) -> int:
        """Number of learned parameters."""
        return count_parameters(self)


class LayerRow(NamedTuple):
    """One row of the table that describes a network."""

    name: str
    output_shape: Shape
    parameters: int


def build_layers(config: NetworkConfig) -> list[Layer]:
    """Image layers, hidden layers with their activation and dropout, then the 10 logits.

    Maximum pooling comes directly after its convolution, before normalization and activation. For
    an increasing activation function the result is the same, and a pooled image needs less work.
    Raises ValueError if a layer does not fit.
    """
    layers: list[Layer] = []
    shape: Shape = IMAGE if config.image_layers else (PIXELS,)
    parts = [read_image_layer(text) for text in config.image_layers]
    for index, part in enumerate(parts):
        after = parts[index + 1] if index + 1 < len(parts) else None
        try:
            layers += _build_image_layer(config, shape, part, layers[-1:], after)
        except ValueError as error:
            raise ValueError(f"image layer {index + 1}, {part.text}: {error}") from None
        shape = layers[-1].output_shape
    if parts:
        layers.append(Flatten(shape))
    for units in config.hidden:
        layers.append(Dense(layers[-1].units if layers else PIXELS, units, first=not layers))
        layers += _normalization_and_activation(config, (units,))
        if config.dropout:
            layers.append(Dropout(units, config.dropout))
    return [*layers, Dense(layers[-1].units if layers else PIXELS, CLASSES, first=not layers)]


def _build_image_layer(
    config: NetworkConfig, shape: Shape, part: ImageLayer, before: list[Layer], after: ImageLayer | None
) -> list[Layer]:
    """The layers for one image layer of a config."""
    match part.kind:
        case "conv":
            pooling = after if after and after.kind == "max-pool" else None
            conv = Conv2D(
                shape,
                part.filters,
                part.size,
                stride=part.stride,
                padding=part.padding,
                window=pooling.size if pooling else 1,
                bias=not config.batch_norm,
                first=not before,
            )
            return [conv] if pooling else [conv, *_normalization_and_activation(config, conv.output_shape)]
        case "residual":
            return [_build_residual(config, shape, part.filters)]
        case "max-pool":
            convs = [layer for layer in before if isinstance(layer, Conv2D)]
            pool = MaxPool2D(shape, part.size, input_window=convs[0].output_window if convs else 1)
            return [pool, *(_normalization_and_activation(config, pool.output_shape) if convs else [])]
        case "average-pool":
            return [AveragePool2D(shape, part.size)]
        case _:
            raise ValueError(f"build_layers cannot build {part.kind} yet: add it to _build_image_layer.")


def _build_residual(config: NetworkConfig, shape: Shape, filters: int) -> Residual:
    bias, out = not config.batch_norm, (*shape[:2], filters)
    branch: list[Layer] = [Conv2D(shape, filters, bias=bias), *_normalization_and_activation(config, out)]
    branch.append(Conv2D(out, filters, bias=bias))
    if config.batch_norm:
        branch.append(BatchNorm(out))
    shortcut = [] if out == shape else [Conv2D(shape, filters, 1)]
    return Residual(branch, shortcut, ACTIVATIONS[config.activation](out))


def _normalization_and_activation(config: NetworkConfig, shape: Shape) -> list[Layer]:
    activation = ACTIVATIONS[config.activation](shape)
    return [BatchNorm(shape), activation] if config.batch_norm else [activation]


def describe_layers(config: NetworkConfig) -> list[LayerRow]:
    """Name, output shape and number of learned parameters of each layer."""
    layers = named(build_layers(config))
    return [LayerRow(name, layer.output_shape, _count_learned(layer)) for name, layer in layers.items()]


def count_parameters(config: NetworkConfig) -> int:
    """Number of learned parameters."""
    return sum(map(_count_learned, build_layers(config)))


def count_products(config: NetworkConfig) -> int:
    """Number of multiplications for one image in the forward pass."""
    return sum(layer.products for layer in build_layers(config))


def _count_learned(layer: Layer) -> int:
    return sum(math.prod(shape) for name, shape in layer.shapes().items() if not is_statistic(name))


def build_network(config: NetworkConfig, *, dtype: npt.DTypeLike = np.float32) -> Network:
    """The network of a config, with all parameters zero."""
    return Network(build_layers(config), rows=rows_at_once(config), dtype=dtype)


def build_loss(config: NetworkConfig) -> Loss:
    """The loss of a config."""
    return SquaredError() if config.loss == SquaredError.name else CrossEntropy(config.label_smoothing)


def rows_at_once(config: NetworkConfig) -> int:
    """Number of rows in one part of a batch; the gradients of several parts are added up.

    This limits the memory of a full batch, and the time until a request to stop is read. The
    outputs of image layers quickly fill the cache of the processor, so these parts are small,
    unless batch normalization needs the whole batch.
    """
    outputs = sum(layer.units for layer in build_layers(config))
    numbers = MAX_OUTPUTS_IN_CACHE if config.image_layers and not config.batch_norm else MAX_OUTPUTS
    return int(np.clip(min(MAX_PRODUCTS / (6 * count_products(config)), numbers / outputs), 32, 1024))
