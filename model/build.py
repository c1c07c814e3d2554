"""Build: from a config to the layers, the network and the loss that it describes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from model.image_layers import ImageLayer, read_word
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
from model.losses import CrossEntropy, Loss, SquaredError
from model.network import Network, is_statistic

if TYPE_CHECKING:  # a config checks itself by building its layers
    from model.config import TrainConfig

IMAGE = (28, 28, 1)
PIXELS = 784
CLASSES = 10
WORK = 1e10  # multiplications and additions in a piece of a batch: about 0.1 s on one core
NUMBERS = 8e6  # outputs of all layers for a piece of a batch; with what else they keep, about 100 MB
NEAR = 1e6  # likewise, so that they stay in the processor's cache from one layer to the next


class LayerRow(NamedTuple):
    """A line of the table that describes a network."""

    name: str
    output_shape: Shape
    parameters: int


def build_layers(config: TrainConfig) -> list[Layer]:
    """Image layers -> hidden layers, each with its activation and dropout -> 10 logits. Raises ValueError, a sentence.

    After a convolution comes the maximum pooling, if any, then normalization and activation: the order matters to no
    activation that only rises, and there is less left to do.
    """
    layers: list[Layer] = []
    shape: Shape = IMAGE if config.image_layers else (PIXELS,)
    words = [read_word(word) for word in config.image_layers]
    for place, word in enumerate(words):
        try:
            layers += _image_layers(config, shape, word, words[:place][-1:], words[place + 1 : place + 2])
        except ValueError as error:
            raise ValueError(f"image layer {place + 1}, {word.word}: {error}") from None
        shape = layers[-1].output_shape
    if words:
        layers.append(Flatten(shape))
    for units in config.hidden:
        layers.append(Dense(layers[-1].units if layers else PIXELS, units, first=not layers))
        layers += _after(config, (units,))
        if config.dropout:
            layers.append(Dropout(units, config.dropout))
    return [*layers, Dense(layers[-1].units if layers else PIXELS, CLASSES, first=not layers)]


def _image_layers(
    config: TrainConfig, shape: Shape, word: ImageLayer, before: list[ImageLayer], after: list[ImageLayer]
) -> list[Layer]:
    """What a word stands for. A maximum pooling right after a convolution goes before its normalization."""
    match word.kind:
        case "conv":
            pooled = bool(after) and after[0].kind == "max-pool"
            conv = Conv2D(
                shape,
                word.filters,
                word.size,
                stride=word.stride,
                padding=word.padding,
                window=after[0].size if pooled else 1,
                bias=not config.batch_norm,
                first=not before,
            )
            return [conv] if pooled else [conv, *_after(config, conv.output_shape)]
        case "residual":
            return [_residual(config, shape, word.filters)]
        case "max-pool":
            follows = bool(before) and before[0].kind == "conv"
            pool = MaxPool2D(shape, word.size, by_window=follows)
            return [pool, *(_after(config, pool.output_shape) if follows else [])]
        case _:
            return [AveragePool2D(shape, word.size)]


def _residual(config: TrainConfig, shape: Shape, filters: int) -> Residual:
    bias, out = not config.batch_norm, (*shape[:2], filters)
    branch: list[Layer] = [Conv2D(shape, filters, bias=bias), *_after(config, out), Conv2D(out, filters, bias=bias)]
    if config.batch_norm:
        branch.append(BatchNorm(out))
    shortcut = [] if out == shape else [Conv2D(shape, filters, 1)]
    return Residual(branch, shortcut, ACTIVATIONS[config.activation](out))


def _after(config: TrainConfig, shape: Shape) -> list[Layer]:
    """What follows a layer with weights."""
    bend = ACTIVATIONS[config.activation](shape)
    return [BatchNorm(shape), bend] if config.batch_norm else [bend]


def describe_layers(config: TrainConfig) -> list[LayerRow]:
    """Name, output shape and learned parameters of each layer, from the image to the answer."""
    return [LayerRow(name, layer.output_shape, _learned(layer)) for name, layer in named(build_layers(config)).items()]


def count_parameters(config: TrainConfig) -> int:
    """Learned parameters in all."""
    return sum(_learned(layer) for layer in build_layers(config))


def count_products(config: TrainConfig) -> int:
    """Multiplications that one image takes on its way through the network."""
    return sum(layer.products for layer in build_layers(config))


def _learned(layer: Layer) -> int:
    return sum(math.prod(shape) for name, shape in layer.shapes().items() if not is_statistic(name))


def build_network(config: TrainConfig, *, dtype: npt.DTypeLike = np.float32) -> Network:
    """The network of a config, all parameters zero."""
    return Network(build_layers(config), rows=rows_at_once(config), dtype=dtype)


def build_loss(config: TrainConfig) -> Loss:
    """The loss of a config."""
    return SquaredError() if config.loss == SquaredError.name else CrossEntropy(config.label_smoothing)


def rows_at_once(config: TrainConfig) -> int:
    """Rows that go through the network in one piece; a larger batch goes in parts whose gradients are added.

    Bounds the memory of a full batch, and the time until a person who presses Stop is heard. Images fill the cache
    soon, so they go in small pieces, unless batch normalization wants to see all of a batch.
    """
    outputs = sum(layer.units for layer in build_layers(config))
    numbers = NEAR if config.image_layers and not config.batch_norm else NUMBERS
    return int(np.clip(min(WORK / (6 * count_products(config)), numbers / outputs), 32, 1024))
