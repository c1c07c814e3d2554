"""Convolution speed: time per epoch of two small convolutional networks, here and in PyTorch.

Both take turns on one core with one thread each, in float32. PyTorch computes in its usual layout
and in channels-last, with its fused optimizer; the faster one counts. As here, it pools before the
activation, which is the same and less work. That both compute the same is checked first: the losses
of 30 steps from the same weights must agree in float64.
"""

import benchmarks.one_core  # noqa: F401  # isort: skip

import argparse

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.other_libraries import PyTorch
from benchmarks.report import Goal, begin, conclude, table
from benchmarks.training_speed import (
    STEPS_COMPARED,
    Images,
    Run,
    check_losses,
    cut,
    digit_lab,
    fresh_weights,
    how_measured,
    measure,
    mnist_or_similar,
    options_of,
    pytorch,
    ratio,
)
from model import StepDone, TrainConfig, Trainer

NETWORKS = {
    f"{first}-{second}": TrainConfig(
        image_layers=(f"conv {first}", "max-pool", f"conv {second}", "max-pool"),
        hidden=(),
        learning_rate=0.001,
        schedule="constant",
        epochs=1000,
    )
    for first, second in ((8, 16), (16, 32))
}
LAYOUTS = {"PyTorch": torch.contiguous_format, "PyTorch, channels last": torch.channels_last}


def loss_differences(config: TrainConfig, digits: Images) -> dict[str, float]:
    """Largest relative difference of our losses and PyTorch's in each layout, in 30 steps on 100
    images, in float64.
    """
    few = Images(digits.images[:100], digits.labels[:100])
    config = config.replace(batch_size=0, steps=STEPS_COMPARED)
    trainer = Trainer(config, few, few.nothing, dtype=np.float64)
    x, labels = as_pictures(few.inputs(np.float64)), torch.tensor(few.labels).long()
    networks = {
        name: PyTorch(config, trainer.network.weights, fused=True, layout=layout) for name, layout in LAYOUTS.items()
    }
    differences = dict.fromkeys(networks, 0.0)
    for event in trainer.train():
        if isinstance(event, StepDone):
            for name, network in networks.items():
                loss = float(network.step(x, labels, event.learning_rate))
                differences[name] = max(differences[name], abs(event.loss / loss - 1))
    return differences


def as_pictures(x: np.ndarray) -> torch.Tensor:
    """(n, 784) -> (n, 1, 28, 28); with one channel, both layouts are the same."""
    return torch.from_numpy(x.reshape(-1, 1, 28, 28))


def measure_network(config: TrainConfig, digits: Images, options: argparse.Namespace) -> tuple[list[str], float]:
    """A row without its name, and our time over that of PyTorch's faster layout."""
    difference = check_losses(config.architecture, loss_differences(config, digits))
    per_epoch = config.steps_per_epoch(len(digits.images))
    slices = cut(max(1, round(per_epoch * options.share)))
    contenders: dict[str, Run] = {"Digit Lab": digit_lab(config, digits, slices[0] + options.rounds * sum(slices))}
    x = as_pictures(digits.inputs())
    for name, layout in LAYOUTS.items():
        network = PyTorch(config, fresh_weights(config, digits), fused=True, layout=layout)
        contenders[name] = pytorch(config, digits, network, x)
    seconds = measure(contenders, slices, options)
    over = {name: ratio(seconds, "Digit Lab", name) for name in LAYOUTS}
    cells = [f"{np.median(times) * per_epoch / sum(slices):.2f} s" for times in seconds.values()]
    return [*cells, f"{max(over.values()):.2f}", difference], max(over.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options = options_of(parser, share=0.15).parse_args()
    digits, source = mnist_or_similar()
    with threadpool_limits(1):
        measured = {name: measure_network(config, digits, options) for name, config in NETWORKS.items()}
    begin("Convolutional networks: seconds per epoch", f"Batch 128, Adam. {how_measured(source, options)}")
    header = ["network", "Digit Lab", *LAYOUTS, "Digit Lab / PyTorch's best", "losses differ by"]
    print(table(header, ([NETWORKS[name].architecture, *row] for name, (row, _) in measured.items())))
    conclude(
        *(
            Goal(f"CNN epoch {name}, 3x3: time over PyTorch's best layout", over, 1.5, 1)
            for name, (_, over) in measured.items()
        )
    )


if __name__ == "__main__":
    main()
