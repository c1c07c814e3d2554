"""Step parts: the time of a training step besides its matrix products, part by part.

The products alone and the training take turns, a few hundred steps each, and the fastest of several
rounds counts. In the training, the parts of each step are timed where they are called. What the
network takes includes its own products, which are fewer than those of the floor: margins without
ink are left out. The last column is the ratio that would remain if the loss, the tallies, the
divergence guard, the events and Python itself cost nothing: what is left are passes over whole
arrays, one NumPy call each.
"""

import benchmarks.one_core  # noqa: F401  # isort: skip

import argparse
import time
from collections.abc import Callable
from typing import Any

from threadpoolctl import threadpool_limits

from benchmarks.report import begin, table
from benchmarks.training_speed import Images, digit_lab, mnist_or_similar, only_the_products
from model import PRESETS, StepDone, TrainConfig, build_trainer

STEPS = 300
MICRO = 1e6
ROWS = {
    f"batch {batch}, {name}": PRESETS["quick"].replace(batch_size=batch, optimizer=name)
    for batch in (128, 32)
    for name in ("sgd", "adam")
}


class Timed:
    """A function that adds up the seconds spent in it, those of its fastest round counted."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function, self.seconds, self.fastest = function, 0.0, float("inf")

    def __call__(self, *arguments: Any) -> Any:
        started = time.perf_counter()
        result = self.function(*arguments)
        self.seconds += time.perf_counter() - started
        return result

    def end_round(self) -> None:
        self.fastest, self.seconds = min(self.fastest, self.seconds), 0.0


def measure(config: TrainConfig, digits: Images, rounds: int) -> dict[str, float]:
    """Microseconds of a step: the products alone, the whole, and each part of it."""
    steps = STEPS * (rounds + 1)
    trainer = build_trainer(config.replace(steps=steps), digits, digits.nothing)
    timed = {
        "batch": (trainer, "_inputs"),
        "forward": (trainer.network, "forward"),
        "backward": (trainer.network, "backward"),
        "loss": (trainer.loss, "forward"),
        "slopes": (trainer.loss, "backward"),
        "optimizer": (trainer.optimizer, "step"),
    }
    parts = {part: Timed(getattr(owner, name)) for part, (owner, name) in timed.items()}
    for part, (owner, name) in timed.items():
        setattr(owner, name, parts[part])
    events = trainer.train()

    def train_in_parts(count: int) -> None:
        while count:
            count -= isinstance(next(events), StepDone)
        for part in parts.values():
            part.end_round()

    whole = {"products": Timed(only_the_products(config)), "step": Timed(digit_lab(config, digits, steps))}
    for number in range(rounds + 1):
        for run in (*whole.values(), train_in_parts):
            run(STEPS)
        if number == 0:  # the first warms up
            for part in parts.values():
                part.fastest = float("inf")
        for run in whole.values():
            run.end_round()
    return {name: part.fastest / STEPS * MICRO for name, part in (whole | parts).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="times that each is timed; the fastest counts")
    options = parser.parse_args()
    digits, source = mnist_or_similar()
    begin(
        "Where a step's time goes",
        f"784-128-64-10 (`quick`), {source}, one core, float32; microseconds a step, the fastest of {options.rounds} "
        f"rounds of {STEPS} steps in which all take turns.",
    )
    rows = []
    with threadpool_limits(1):
        for name, config in ROWS.items():
            found = measure(config, digits, options.rounds)
            products, step, network = found["products"], found["step"], found["forward"] + found["backward"]
            loss = found["loss"] + found["slopes"]
            passes = network + found["batch"] + found["optimizer"]
            shown = (products, step, network, found["batch"], found["optimizer"], loss, step - passes - loss)
            ratios = (step / products, passes / products)
            rows.append([name, *(f"{value:.0f}" for value in shown), *(f"{value:.2f}" for value in ratios)])
    header = ["", "products alone", "step", "network", "batch", "optimizer", "loss", "rest"]
    print(table([*header, "step / products", "without loss and rest"], rows))


if __name__ == "__main__":
    main()
