"""Training speed: seconds per epoch of each preset over its matrix products alone, PyTorch and scikit-learn.

All four take turns within one run, a slice of an epoch each, so that what else the machine does hits them alike. Each
has one thread and float32. The floor is nothing but the products of forward and backward pass, into ready buffers.
PyTorch is its usual eager loop with its fused optimizer, the faster one: the same layers, loss and batch, over images
that are float32 tensors already (ours are bytes and become float32 batch by batch). That both compute the same is
checked before anything is timed: from the same weights, on the same images, the losses of 30 steps must agree. They are
compared in float64: in float32 either may round a unit to the other side of ReLU's corner, and then goes its own way.
"""

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import dataset
from benchmarks.report import machine, table
from model import PRESETS, StepDone, TrainConfig, Trainer, build_trainer
from model.build import rows_at_once

IMAGES = 60_000
STEPS_COMPARED = 30
LARGEST_DIFFERENCE = 1e-9  # of two losses in float64, relative

torch.set_num_threads(1)
torch.set_num_interop_threads(1)


@dataclass(frozen=True)
class Images:
    """Images and labels, as a trainer takes them."""

    images: np.ndarray
    labels: np.ndarray


def mnist_or_similar() -> tuple[Images, str]:
    """MNIST's 60,000 training images where they are on disk, else random ones as sparse as they are."""
    if dataset.available("mnist"):
        train, _ = dataset.load_training("mnist", validation_share=0)
        return Images(train.images, train.labels), "MNIST"
    generator = np.random.default_rng(0)
    ink = generator.integers(1, 256, (IMAGES, 28, 28), np.uint8)
    ink *= generator.random(ink.shape, np.float32) < 0.19  # so many of MNIST's pixels hold ink
    return Images(ink, generator.integers(0, 10, IMAGES, np.uint8)), "random images"


def only_the_products(config: TrainConfig) -> Callable[[int], None]:
    """The floor: y = x @ W, dW = x.T @ dy and (but for the first layer) dx = dy @ W.T, in float32."""
    batch = config.batch_size or IMAGES
    # a full batch goes in parts, whose intermediate results stay in the processor's cache
    parts = math.ceil(batch / rows_at_once(config))
    rows = batch // parts
    generator = np.random.default_rng(0)
    layers = [
        (
            generator.random((rows, inputs), np.float32),
            generator.random((inputs, units), np.float32),
            generator.random((rows, units), np.float32),
        )
        for inputs, units in pairwise((784, *config.hidden, 10))
    ]
    buffers = [tuple(np.empty_like(array) for array in arrays) for arrays in layers]

    def run(steps: int) -> None:
        for _ in range(steps * parts):
            for (x, W, _), (_, _, y) in zip(layers, buffers, strict=True):
                np.matmul(x, W, out=y)
            for number in reversed(range(len(layers))):
                (x, W, dy), (dx, dW, _) = layers[number], buffers[number]
                np.matmul(x.T, dy, out=dW)
                if number:
                    np.matmul(dy, W.T, out=dx)

    return run


def digit_lab(config: TrainConfig, digits: Images, steps: int) -> Callable[[int], None]:
    """This project's training, with all it reports; no validation images, since evaluation is not training."""
    nothing = Images(digits.images[:0], digits.labels[:0])
    events = build_trainer(config.replace(steps=steps), digits, nothing).train()

    def run(steps: int) -> None:
        while steps:
            steps -= isinstance(next(events), StepDone)

    return run


class PyTorch:
    """The same network, loss and optimizer in PyTorch, with the weights of a network of ours, and its precision."""

    def __init__(self, config: TrainConfig, weights: dict[str, np.ndarray]) -> None:
        self.config = config
        bend = {"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}[config.activation]
        layers: list[torch.nn.Module] = []
        for number, (inputs, units) in enumerate(pairwise((784, *config.hidden, 10)), 1):
            dense = torch.nn.Linear(inputs, units, dtype=torch.from_numpy(weights["dense1.b"]).dtype)
            with torch.no_grad():
                dense.weight.copy_(torch.from_numpy(weights[f"dense{number}.W"].T))
                dense.bias.copy_(torch.from_numpy(weights[f"dense{number}.b"]))
            layers += [dense, bend()]
        self.network = torch.nn.Sequential(*layers[:-1])
        make = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[config.optimizer]
        parameters = list(self.network.parameters())
        self.optimizer = make(
            [
                {"params": [p for p in parameters if p.ndim == 2], "weight_decay": config.weight_decay},
                {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
            ],
            lr=config.learning_rate,
            fused=True,
        )

    def step(self, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
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


def pytorch(config: TrainConfig, digits: Images) -> Callable[[int], None]:
    """PyTorch's training: a new order for each epoch, one indexed batch a step."""
    nothing = Images(digits.images[:0], digits.labels[:0])
    network = PyTorch(config, build_trainer(config, digits, nothing).network.weights)
    x = torch.tensor(digits.images.reshape(len(digits.images), 784)).float() / 255
    labels = torch.tensor(digits.labels).long()
    size = config.batch_size or len(x)
    batches: list[torch.Tensor] = []

    def run(steps: int) -> None:
        for _ in range(steps):
            if size == len(x):
                network.step(x, labels)
                continue
            if not batches:
                batches.extend(torch.randperm(len(x)).split(size))
            rows = batches.pop()
            network.step(x[rows], labels[rows])

    return run


def scikit_learn(config: TrainConfig, digits: Images) -> Callable[[int], None]:
    """MLPClassifier on float32, over as many images as the steps need; its output is softmax whatever the loss."""
    x = (digits.images.reshape(len(digits.images), 784) / np.float32(255)).astype(np.float32)
    size = config.batch_size or len(x)
    network = MLPClassifier(
        config.hidden,
        activation={"relu": "relu", "sigmoid": "logistic"}[config.activation],
        solver="sgd" if config.optimizer == "sgd" else "adam",
        alpha=config.weight_decay,
        batch_size=size,
        learning_rate_init=min(config.learning_rate, 0.01),  # a long run at a high rate diverges, and ends in an error
        momentum=0.0,
        nesterovs_momentum=False,
        random_state=0,
    )

    def run(steps: int) -> None:
        count = min(steps * size, len(x))
        network.partial_fit(x[:count], digits.labels[:count], classes=np.arange(10))

    return run


def loss_difference(config: TrainConfig, digits: Images) -> float:
    """Largest relative difference of our losses and PyTorch's in 30 full-batch steps on 1,000 images."""
    few = Images(digits.images[:1000], digits.labels[:1000])
    config = config.replace(batch_size=0, steps=STEPS_COMPARED)
    trainer = Trainer(config, few, Images(few.images[:0], few.labels[:0]), dtype=np.float64)
    network = PyTorch(config, trainer.network.weights)
    x = torch.tensor(few.images.reshape(-1, 784)).double() / 255
    labels = torch.tensor(few.labels).long()
    worst = 0.0
    for event in trainer.train():
        if isinstance(event, StepDone):
            for group in network.optimizer.param_groups:
                group["lr"] = event.learning_rate
            theirs = float(network.step(x, labels))
            worst = max(worst, abs(event.loss - theirs) / theirs)
    return worst


def measure(contenders: dict[str, Callable[[int], None]], slices: list[int], rounds: int) -> dict[str, list[float]]:
    """Seconds that each contender takes for an epoch, once per round; an epoch is cut into slices taken in turn."""
    for run in contenders.values():
        run(slices[0])
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        spent = dict.fromkeys(contenders, 0.0)
        for steps in slices:
            for name, run in contenders.items():
                started = time.perf_counter()
                run(steps)
                spent[name] += time.perf_counter() - started
        for name, total in spent.items():
            seconds[name].append(total)
    return seconds


def measure_preset(name: str, config: TrainConfig, digits: Images, rounds: int, share: float) -> list[str]:
    """One row of the table."""
    per_epoch = config.steps_per_epoch(len(digits.images))
    epoch = max(1, round(per_epoch * share))
    cuts = np.linspace(0, epoch, min(8, epoch) + 1).round().astype(int)
    slices = [int(after - before) for before, after in pairwise(cuts)]
    contenders = {
        "floor": only_the_products(config),
        "ours": digit_lab(config, digits, slices[0] + rounds * epoch),
    }
    plain = not (config.shift or config.rotation or config.scale or config.shear)
    difference = "-"
    if plain:
        worst = loss_difference(config, digits)
        difference = f"{worst:.0e}"
        if worst > LARGEST_DIFFERENCE:
            sys.exit(f"{name}: the losses differ from PyTorch's by {worst:.1e}, so the times are not comparable.")
        contenders |= {"pytorch": pytorch(config, digits), "sklearn": scikit_learn(config, digits)}
    seconds = measure(contenders, slices, rounds)

    def time_of(contender: str) -> str:
        return f"{median(seconds[contender]) * per_epoch / epoch:.2f} s" if contender in seconds else "-"

    def ratio(above: str, below: str) -> str:
        if above not in seconds:
            return "-"
        return f"{median(a / b for a, b in zip(seconds[above], seconds[below], strict=True)):.2f}"

    network = "-".join(map(str, (784, *config.hidden, 10)))
    return [
        name,
        network,
        str(config.batch_size or "all"),
        config.optimizer,
        time_of("floor"),
        time_of("ours"),
        ratio("ours", "floor"),
        time_of("pytorch"),
        ratio("pytorch", "ours"),
        time_of("sklearn"),
        ratio("sklearn", "ours"),
        difference,
    ]


def rows_to_measure(names: list[str]) -> dict[str, TrainConfig]:
    """The presets; one that augments its images comes a second time without, to compare with those that cannot."""
    rows = {}
    for name in names:
        config = rows[name] = PRESETS[name].replace(threads=1)
        plain = config.replace(shift=0.0, rotation=0.0, scale=0.0, shear=0.0)
        if plain != config:
            rows[f"{name}, not augmented"] = plain
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5, help="epochs timed for each row; medians are printed")
    parser.add_argument("--share", type=float, default=1.0, help="share of an epoch to time, scaled up (a quick look)")
    arguments = parser.parse_args()
    digits, source = mnist_or_similar()
    with threadpool_limits(1):
        rows = [
            measure_preset(name, config, digits, arguments.rounds, arguments.share)
            for name, config in rows_to_measure(arguments.presets).items()
        ]
    print("## Training speed: seconds per epoch\n")
    print(
        f"60,000 images ({source}), one thread, float32; medians of {arguments.rounds} rounds, in which all take turns."
    )
    print("Above 1, Digit Lab is slower than the products alone, or faster than PyTorch and scikit-learn.\n")
    header = ["preset", "network", "batch", "optimizer", "products only", "Digit Lab", "/ products", "PyTorch"]
    header += ["/ Digit Lab", "scikit-learn", "/ Digit Lab", "losses differ by"]
    print(table(header, rows))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
