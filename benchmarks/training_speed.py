"""Training speed: time per epoch of each preset, compared with PyTorch, JAX and scikit-learn.

All take turns within one run on one and the same core, a slice of an epoch each, so that what else
the machine does hits them alike. Each has one thread and float32. The products are those of forward
and backward pass and nothing else, into ready buffers. PyTorch is its usual eager loop, with its
default optimizer and with its fused one; JAX is a jitted training step called for each batch, and
all steps of a slice in one jitted scan. Their images are float32 already (ours are bytes and become
float32 batch by batch). That all three compute the same is checked before anything is timed: from
the same weights, on the same images, the losses of 30 steps must agree. They are compared in
float64: in float32 any of them may round a unit to the other side of ReLU's corner, and then goes
its own way.
"""

import benchmarks.one_core  # noqa: F401  # isort: skip

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import jax
import jax.numpy as jnp
import numpy as np
import torch
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import dataset
from benchmarks.other_libraries import Jax, PyTorch
from benchmarks.report import begin, conclude, table, worst
from model import PRESETS, StepDone, TrainConfig, Trainer, build_trainer
from model.build import rows_at_once

IMAGES = 60_000
STEPS_COMPARED = 30
LARGEST_DIFFERENCE = 1e-9  # of two losses in float64, relative
SMALL_BATCHES = {
    f"quick, batch 32, {name}": PRESETS["quick"].replace(batch_size=32, optimizer=name) for name in ("sgd", "adam")
}

Run = Callable[[int], None]  # trains this number of steps


@dataclass(frozen=True)
class Images:
    """Images and labels, as a trainer takes them."""

    images: np.ndarray
    labels: np.ndarray

    @property
    def nothing(self) -> "Images":
        return Images(self.images[:0], self.labels[:0])

    def inputs(self, dtype: np.dtype | type = np.float32) -> np.ndarray:
        """(n, 784), from 0 to 1."""
        return self.images.reshape(-1, 784) / np.asarray(255, dtype)


def mnist_or_similar() -> tuple[Images, str]:
    """MNIST's 60,000 training images where they are on disk, else random ones as sparse as they
    are.
    """
    if dataset.available("mnist"):
        train, _ = dataset.load_training("mnist", validation_share=0)
        return Images(train.images, train.labels), "MNIST"
    generator = np.random.default_rng(0)
    ink = generator.integers(1, 256, (IMAGES, 28, 28), np.uint8)
    ink *= generator.random(ink.shape, np.float32) < 0.19  # the share of MNIST's pixels with ink
    return Images(ink, generator.integers(0, 10, IMAGES, np.uint8)), "random images"


def only_the_products(config: TrainConfig) -> Run:
    """The floor: y = x @ W, dW = x.T @ dy and, after the first layer, dx = dy @ W.T, in float32."""
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


def digit_lab(config: TrainConfig, digits: Images, steps: int) -> Run:
    """This project's training, with all it reports; no validation images, since evaluation is not
    training.
    """
    events = build_trainer(config.replace(steps=steps), digits, digits.nothing).train()

    def run(steps: int) -> None:
        while steps:
            steps -= isinstance(next(events), StepDone)

    return run


def batches(images: int, size: int) -> Iterator[np.ndarray]:
    """Row numbers of one batch after another, in a new order for each epoch, without its short last
    one.
    """
    while True:
        yield from np.random.default_rng().permutation(images)[: images // size * size].reshape(-1, size)


def pytorch(config: TrainConfig, digits: Images, network: PyTorch, x: torch.Tensor) -> Run:
    """PyTorch's training: one indexed batch a step."""
    labels = torch.tensor(digits.labels).long()
    each = batches(len(x), config.batch_size or len(x))

    def run(steps: int) -> None:
        for _ in range(steps):
            if config.batch_size:
                rows = torch.from_numpy(next(each))
                network.step(x[rows], labels[rows])
            else:
                network.step(x, labels)

    return run


def jax_steps(config: TrainConfig, digits: Images, x: jax.Array, *, at_once: int = 0) -> Run:
    """JAX's training: a jitted step for each batch, or many steps at once in a jitted scan."""
    network = Jax(config, fresh_weights(config, digits))
    labels = jnp.asarray(digits.labels)
    each = batches(len(x), config.batch_size or len(x))

    def run(steps: int) -> None:
        while at_once and steps >= at_once:
            network.scan(x, labels, np.stack([next(each) for _ in range(at_once)]), config.learning_rate)
            steps -= at_once
        for _ in range(steps):
            network.step(x, labels, config.learning_rate, next(each) if config.batch_size else None)
        network.wait()

    return run


def scikit_learn(config: TrainConfig, digits: Images) -> Run:
    """MLPClassifier on float32, over as many images as the steps need. Its output is always
    softmax.
    """
    x = digits.inputs()
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


def fresh_weights(config: TrainConfig, digits: Images) -> dict[str, np.ndarray]:
    return build_trainer(config, digits, digits.nothing).network.weights


def loss_differences(config: TrainConfig, digits: Images) -> dict[str, float]:
    """Largest relative difference of our losses and those of each library, in float64.

    In 30 full-batch steps on 1,000 images.
    """
    few = Images(digits.images[:1000], digits.labels[:1000])
    config = config.replace(batch_size=0, steps=STEPS_COMPARED)
    trainer = Trainer(config, few, few.nothing, dtype=np.float64)
    x, labels = few.inputs(np.float64), few.labels.astype(np.int64)
    weights = trainer.network.weights
    differences = dict.fromkeys(("PyTorch", "PyTorch fused", "JAX"), 0.0)
    with jax.enable_x64(True):
        tensors = torch.from_numpy(x), torch.from_numpy(labels)
        plain, fused = (PyTorch(config, weights, fused=fused) for fused in (False, True))
        jitted = Jax(config, weights)
        for event in trainer.train():
            if isinstance(event, StepDone):
                rate = event.learning_rate
                losses = (plain.step(*tensors, rate), fused.step(*tensors, rate), jitted.step(x, labels, rate))
                for name, loss in zip(differences, losses, strict=True):
                    differences[name] = max(differences[name], abs(event.loss / float(loss) - 1))
    return differences


def check_losses(name: str, differences: dict[str, float]) -> str:
    """The largest difference; ends the program where two do not compute the same."""
    for library, difference in differences.items():
        if not difference <= LARGEST_DIFFERENCE:
            sys.exit(f"{name}: the losses differ from {library}'s by {difference:.1e}, so times cannot be compared.")
    return f"{max(differences.values()):.0e}"


def measure(contenders: dict[str, Run], slices: list[int], options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds that each contender takes for an epoch, once per round; an epoch is cut into slices
    taken in turn.
    """
    clock = time.process_time if options.processor_time else time.perf_counter
    for run in contenders.values():
        run(slices[0])
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(options.rounds):
        spent = dict.fromkeys(contenders, 0.0)
        for steps in slices:
            for name, run in contenders.items():
                started = clock()
                run(steps)
                spent[name] += clock() - started
        for name, total in spent.items():
            seconds[name].append(total)
    return seconds


def cut(steps: int) -> list[int]:
    """Eight slices whose lengths differ by one step at most."""
    cuts = np.linspace(0, steps, min(8, steps) + 1).round().astype(int)
    return [int(after - before) for before, after in pairwise(cuts)]


def ratio(seconds: dict[str, list[float]], above: str, below: str) -> float:
    """Median over the rounds, in each of which both were measured side by side."""
    return median(a / b for a, b in zip(seconds[above], seconds[below], strict=True))


@dataclass
class Row:
    """What was measured of one preset, in seconds per epoch and ratios; `-` where a library does
    not take part.
    """

    name: str
    config: TrainConfig
    seconds: dict[str, float]
    ratios: dict[str, float]  # over the time of ours; of ours over its products
    differ: str

    def cells(self) -> list[str]:
        network = "-".join(map(str, (784, *self.config.hidden, 10)))
        row = [self.name, network, str(self.config.batch_size or "all"), self.config.optimizer]
        row += [
            f"{self.seconds['products']:.3f} s",
            f"{self.seconds['Digit Lab']:.3f} s",
            f"{self.ratios['products']:.2f}",
        ]
        for library in LIBRARIES:
            both = library in self.seconds
            row.append(f"{self.seconds[library]:.3f} s, {self.ratios[library]:.2f}" if both else "-")
        return [*row, self.differ]


LIBRARIES = ("PyTorch", "PyTorch fused", "JAX jit", "JAX scan", "scikit-learn")


def measure_preset(name: str, config: TrainConfig, digits: Images, options: argparse.Namespace) -> Row:
    per_epoch = config.steps_per_epoch(len(digits.images))
    epoch = max(1, round(per_epoch * options.share))
    slices = cut(epoch)
    contenders = {
        "products": only_the_products(config),
        "Digit Lab": digit_lab(config, digits, slices[0] + options.rounds * epoch),
    }
    differ = "-"
    if options.libraries and not_augmented(config) == config:
        differ = check_losses(name, loss_differences(config, digits))
        x = digits.inputs()
        for library, fused in {"PyTorch": False, "PyTorch fused": True}.items():
            network = PyTorch(config, fresh_weights(config, digits), fused=fused)
            contenders[library] = pytorch(config, digits, network, torch.from_numpy(x))
        contenders["JAX jit"] = jax_steps(config, digits, jnp.asarray(x))
        if config.batch_size:
            contenders["JAX scan"] = jax_steps(config, digits, jnp.asarray(x), at_once=min(slices))
        contenders["scikit-learn"] = scikit_learn(config, digits)
    contenders = {who: run for who, run in contenders.items() if who not in LIBRARIES or who in options.libraries}
    seconds = measure(contenders, slices, options)
    return Row(
        name,
        config,
        {who: median(times) * per_epoch / epoch for who, times in seconds.items()},
        {who: ratio(seconds, who, "Digit Lab") for who in seconds}
        | {"products": ratio(seconds, "Digit Lab", "products")},
        differ,
    )


def not_augmented(config: TrainConfig) -> TrainConfig:
    return config.replace(shift=0.0, rotation=0.0, scale=0.0, shear=0.0, elastic=0.0, stroke_width=0.0)


def rows_to_measure(names: list[str]) -> dict[str, TrainConfig]:
    """Dense networks; one that augments its images comes a second time without, to compare with
    those that cannot.
    """
    rows = {}
    for name in names:
        config = rows[name] = ROWS[name].replace(threads=1)
        if not_augmented(config) != config:
            rows[f"{name}, not augmented"] = not_augmented(config)
    return rows


ROWS = {name: config for name, config in PRESETS.items() if not config.image_layers} | SMALL_BATCHES


def compare_with_goals(rows: list[Row]) -> None:
    """The worst row of each kind decides."""
    plain = [row for row in rows if not_augmented(row.config) == row.config]
    goals = []
    for batch, kind, optimizers, least, aim in (
        (128, "SGD", ("sgd",), 1.20, 1.10),
        (128, "Adam", ("adam", "adamw"), 1.45, 1.25),
        (32, "SGD", ("sgd",), 1.30, 1.15),
        (32, "Adam", ("adam", "adamw"), 1.9, 1.5),
    ):
        found = {
            row.name: row.ratios["products"]
            for row in plain
            if (row.config.batch_size, row.config.activation) == (batch, "relu") and row.config.optimizer in optimizers
        }
        if found:
            goals.append(worst(f"epoch over its products alone, batch {batch}, {kind}", found, least, aim))
    for library, least, aim in (
        ("PyTorch", 1.4, 2),
        ("PyTorch fused", 1.4, 2),
        ("JAX jit", 0.95, 1.1),
        ("JAX scan", 0.95, 1.1),
    ):
        found = {row.name: row.ratios[library] for row in plain if library in row.ratios}
        if found:
            goals.append(
                worst(f"epoch: speed over {library}, every dense preset", found, least, aim, " times", more=True)
            )
    conclude(*goals)


def options_of(parser: argparse.ArgumentParser, share: float) -> argparse.ArgumentParser:
    """Those that all measurements of training have."""
    parser.add_argument("--rounds", type=int, default=5, help="times that each row is timed; medians are printed")
    parser.add_argument("--share", type=float, default=share, help="share of an epoch to time in each round, scaled up")
    parser.add_argument(
        "--processor-time", action="store_true", help="count that alone, on a machine that is busy with other work"
    )
    return parser


def how_measured(source: str, options: argparse.Namespace) -> str:
    clock = "processor time" if options.processor_time else "time by the clock"
    rounds = f"medians of {options.rounds} rounds in which all take turns"
    return f"60,000 images ({source}), one core, float32; {clock}, {rounds}."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=list(ROWS), choices=list(ROWS), metavar="NAME")
    parser.add_argument("--libraries", nargs="*", default=list(LIBRARIES), choices=LIBRARIES, metavar="NAME")
    options = options_of(parser, share=0.5).parse_args()
    digits, source = mnist_or_similar()
    with threadpool_limits(1):
        rows = [
            measure_preset(name, config, digits, options) for name, config in rows_to_measure(options.presets).items()
        ]
    begin(
        "Training speed: seconds per epoch",
        f"{how_measured(source, options)} Beside the seconds of other libraries: their ratio to those of Digit Lab, "
        "which is faster above 1.",
    )
    header = ["preset", "network", "batch", "optimizer", "products only", "Digit Lab", "/ products"]
    print(table([*header, *LIBRARIES, "losses differ by"], [row.cells() for row in rows]))
    compare_with_goals(rows)


if __name__ == "__main__":
    main()
