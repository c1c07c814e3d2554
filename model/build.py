"""Build: from a config to the layers, the network and the loss that it describes."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from model.config import TrainConfig
from model.layers import ACTIVATIONS, Dense, Dropout, Layer
from model.losses import CrossEntropy, Loss, SquaredError
from model.network import Network

PIXELS = 784
CLASSES = 10


def build_layers(config: TrainConfig) -> list[Layer]:
    """784 -> hidden layers, each with its activation and dropout -> 10 logits."""
    layers: list[Layer] = []
    for inputs, units in pairwise((PIXELS, *config.hidden)):
        layers += [Dense(inputs, units, first=not layers), ACTIVATIONS[config.activation](units)]
        if config.dropout:
            layers.append(Dropout(units, config.dropout))
    return [*layers, Dense((PIXELS, *config.hidden)[-1], CLASSES, first=not layers)]


def build_network(config: TrainConfig, *, dtype: npt.DTypeLike = np.float32) -> Network:
    """The network of a config, all parameters zero."""
    return Network(build_layers(config), rows=rows_at_once(config), dtype=dtype)


def build_loss(config: TrainConfig) -> Loss:
    """The loss of a config."""
    return SquaredError() if config.loss == SquaredError.name else CrossEntropy(config.label_smoothing)


def rows_at_once(config: TrainConfig) -> int:
    """Rows that go through the network in one piece; a larger batch goes in parts whose gradients are added.

    Bounds the memory of a full batch, and the time until a person who presses Stop is heard: 6 operations per
    parameter and row, 1e10 of them take about 0.1 s on one core.
    """
    return int(np.clip(1e10 / (6 * config.parameter_count()), 32, 1024))
