"""Other libraries: the network, loss and optimizer of a config in PyTorch and JAX."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import torch

from model import TrainConfig

torch.set_num_threads(1)
torch.set_num_interop_threads(1)

Weights = dict[str, np.ndarray]
SIDE = 28


class PyTorch:
    """Its usual eager loop, with the precision of the weights; its default optimizer, or the fused
    one.
    """

    def __init__(
        self,
        config: TrainConfig,
        weights: Weights,
        *,
        fused: bool,
        layout: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.config = config
        self.network = torch_network(config, weights).to(memory_format=layout)
        make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer]
        parameters = list(self.network.parameters())
        self.optimizer = make(
            [
                {"params": [p for p in parameters if p.ndim > 1], "weight_decay": config.weight_decay},
                {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            fused=fused or None,
        )

    def step(self, x: torch.Tensor, labels: torch.Tensor, learning_rate: float | None = None) -> torch.Tensor:
        """Loss of one batch, whose step is done."""
        if learning_rate is not None:
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate
        self.optimizer.zero_grad(set_to_none=True)
        logits = self.network(x)
        if self.config.loss == "squared-error":
            wanted = torch.nn.functional.one_hot(labels, 10).to(logits.dtype)
            loss = torch.nn.functional.mse_loss(torch.sigmoid(logits), wanted, reduction="sum") / len(labels)
        else:
            loss = torch.nn.functional.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        loss.backward()
        self.optimizer.step()
        return loss.detach()


def torch_network(config: TrainConfig, weights: Weights) -> torch.nn.Sequential:
    """The layers of the config: from (n, 784), or (n, 1, 28, 28) where they take images, to (n, 10)
    logits.
    """
    bend = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}[config.activation]
    layers: list[torch.nn.Module] = []
    side, channels, convolutions = SIDE, 1, 0
    for place, words in enumerate(config.image_layers, 1):
        kind, *filters = words.split()
        if kind == "max-pool":
            layers += [torch.nn.MaxPool2d(2), bend()]
            side //= 2
            continue
        convolutions += 1
        W, b = weights[f"conv{convolutions}.W"], weights[f"conv{convolutions}.b"]
        # (kernel, kernel, channels, filters) here, (filters, channels, kernel, kernel) there
        layer = torch.nn.Conv2d(channels, int(filters[0]), len(W), padding="same")
        layers.append(filled(layer, W.transpose(3, 2, 0, 1), b))
        if config.image_layers[place : place + 1] != ("max-pool",):
            layers.append(bend())
        channels = int(filters[0])
    if config.image_layers:
        layers.append(torch.nn.Flatten())
    for number, (inputs, units) in enumerate(pairwise((side * side * channels, *config.hidden, 10)), 1):
        W = weights[f"dense{number}.W"]
        if number == 1 and config.image_layers:  # rows by (height, width, channels) here, channels first there
            W = W.reshape(side, side, channels, units).transpose(2, 0, 1, 3).reshape(inputs, units)
        layers += [filled(torch.nn.Linear(inputs, units), W.T, weights[f"dense{number}.b"]), bend()]
    return torch.nn.Sequential(*layers[:-1])


def filled(layer: torch.nn.Module, weight: np.ndarray, bias: np.ndarray) -> torch.nn.Module:
    """The layer with these parameters and their precision."""
    layer.weight = torch.nn.Parameter(torch.tensor(np.ascontiguousarray(weight)))
    layer.bias = torch.nn.Parameter(torch.tensor(bias))
    return layer


class Jax:
    """A jitted training step, as people write it, or many of them in one jitted scan; dense
    networks only.
    """

    def __init__(self, config: TrainConfig, weights: Weights) -> None:
        self.weights = {name: jnp.array(array) for name, array in weights.items()}
        self.moments = tuple({name: jnp.zeros_like(array) for name, array in self.weights.items()} for _ in range(2))
        self.steps = 0
        step = jax_step(config)

        def gathered(state: Any, x: Any, labels: Any, rows: Any, rate: Any) -> Any:
            return step(state, x[rows], labels[rows], rate)

        def scanned(state: Any, x: Any, labels: Any, batches: Any, rate: Any) -> Any:
            return jax.lax.scan(lambda state, rows: gathered(state, x, labels, rows, rate), state, batches)

        # donated: what the arrays were before the step is overwritten
        self._whole = jax.jit(step, donate_argnums=0)
        self._gathered = jax.jit(gathered, donate_argnums=0)
        self._scanned = jax.jit(scanned, donate_argnums=0)

    def step(self, x: Any, labels: Any, rate: float, rows: Any = None) -> Any:
        """Loss of the batch that the rows of x make, or all of x, whose step is done."""
        if rows is None:
            return self._run(self._whole, 1, x, labels, rate)
        return self._run(self._gathered, 1, x, labels, rows, rate)

    def scan(self, x: Any, labels: Any, batches: Any, rate: float) -> Any:
        """Losses of the batches (steps, rows)."""
        return self._run(self._scanned, len(batches), x, labels, batches, rate)

    def wait(self) -> None:
        jax.block_until_ready(self.weights)

    def _run(self, call: Callable[..., Any], steps: int, *arguments: Any) -> Any:
        done = np.array(self.steps, self.weights["dense1.b"].dtype)
        (self.weights, self.moments, _), losses = call((self.weights, self.moments, done), *arguments)
        self.steps += steps
        return losses


def jax_step(config: TrainConfig) -> Callable[..., Any]:
    """(weights, moments, steps so far), x, labels, rate -> the same after the step, loss."""
    bend = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}[config.activation]
    layers = range(1, len(config.hidden) + 2)

    def loss_of(weights: Any, x: Any, labels: Any) -> Any:
        for layer in layers:
            x = x @ weights[f"dense{layer}.W"] + weights[f"dense{layer}.b"]
            x = bend(x) if layer < layers[-1] else x
        wanted = jax.nn.one_hot(labels, 10, dtype=x.dtype)
        if config.loss == "squared-error":
            return jnp.square(jax.nn.sigmoid(x) - wanted).sum() / len(labels)
        wanted = wanted * (1 - config.label_smoothing) + config.label_smoothing / 10
        return -(wanted * jax.nn.log_softmax(x)).sum() / len(labels)

    def step(state: Any, x: Any, labels: Any, rate: Any) -> Any:
        weights, moments, t = state
        loss, slopes = jax.value_and_grad(loss_of)(weights, x, labels)
        decay = {name: config.weight_decay if name.endswith(".W") else 0.0 for name in weights}
        if config.optimizer == "adamw":
            weights = {name: W * (1 - rate * decay[name]) for name, W in weights.items()}
        elif config.weight_decay:
            slopes = {name: dW + decay[name] * weights[name] for name, dW in slopes.items()}
        t = t + 1
        if config.optimizer == "sgd":
            return ({name: W - rate * slopes[name] for name, W in weights.items()}, moments, t), loss
        mean = {name: 0.9 * m + 0.1 * slopes[name] for name, m in moments[0].items()}
        square = {name: 0.999 * v + 0.001 * slopes[name] ** 2 for name, v in moments[1].items()}
        for_mean, for_square = 1 - 0.9**t, 1 - 0.999**t
        weights = {
            name: W - rate * (mean[name] / for_mean) / (jnp.sqrt(square[name] / for_square) + 1e-8)
            for name, W in weights.items()
        }
        return (weights, (mean, square), t), loss

    return step
