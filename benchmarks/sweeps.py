"""Sweeps: 24 trials of quick on mnist-5k with two workers, compared with the same runs by hand.

By hand: `digits train` 24 times, one after the other, and its time divided by the workers. Training
alone: the seconds that those runs spent in their steps and validations, divided likewise, so
without any start of a program. All are measured in turn, several times, and the median counts. The
digits are in the cache already, as after a first training.
"""

import argparse
import itertools
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.presets import digits
from benchmarks.report import Goal, begin, conclude, table, worst
from experiments.runs.table import list_runs

WORKERS = 2
RATES = (0.0003, 0.001, 0.002, 0.003, 0.005, 0.01)
DROPOUTS = (0.0, 0.1, 0.2, 0.3)
CONFIG = f"""
name = "benchmark"
preset = "quick"
data = "mnist-5k"
sampler = "grid"
workers = {WORKERS}
settings = {{ epochs = EPOCHS }}
[search]
learning_rate = {list(RATES)}
dropout = {list(DROPOUTS)}
"""


def in_a_new_folder(work: Callable[[Path], None]) -> tuple[float, float]:
    """Seconds that it takes with an empty runs folder, and those that the runs in it then spent
    training.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIGITS_RUNS"] = str(Path(folder) / "runs")
        began = time.perf_counter()
        work(Path(folder))
        seconds = time.perf_counter() - began
        runs = [run.status() for run in list_runs()]
    states = [run.state for run in runs]
    if states != ["finished"] * len(RATES) * len(DROPOUTS):
        sys.exit(f"Not all runs were trained to their end: {', '.join(states)}.")
    return seconds, sum(run.seconds for run in runs)


def sweep(folder: Path, epochs: int) -> None:
    config = folder / "sweep.toml"
    config.write_text(CONFIG.replace("EPOCHS", str(epochs)))
    digits("sweep", str(config))


def by_hand(epochs: int) -> None:
    for rate, dropout in itertools.product(RATES, DROPOUTS):
        settings = ("--epochs", str(epochs), "--learning-rate", str(rate), "--set", f"dropout={dropout}")
        digits("train", "--preset", "quick", "--data", "mnist-5k", *settings)


def measure(epochs: int, times: int) -> tuple[float, float, float]:
    """The sweep, by hand and training alone: medians in seconds, not divided yet."""
    measured = []
    for _ in range(times):
        swept, _ = in_a_new_folder(lambda folder: sweep(folder, epochs))
        hand, alone = in_a_new_folder(lambda _: by_hand(epochs))
        measured.append((swept, hand, alone))
    swept, hand, alone = (median(column) for column in zip(*measured, strict=True))
    return swept, hand, alone


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 20], help="of a training (default: 2 20)")
    parser.add_argument("--times", type=int, default=3, help="measure so often (default: 3)")
    arguments = parser.parse_args()
    os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ.pop("DIGITS_WORKERS", None)
    begin("Sweeps", __doc__.split("\n\n", 1)[1])
    in_a_new_folder(lambda folder: sweep(folder, 1))  # what is read first is read slowly
    count = len(RATES) * len(DROPOUTS)
    rows, overheads, goals = [], {}, []
    for epochs in arguments.epochs:
        swept, hand, alone = measure(epochs, arguments.times)
        name = f"{count} x {epochs} epochs"
        overheads[name] = swept * WORKERS / hand
        rows.append(
            [name, f"{swept:.1f} s"]
            + [f"{seconds / WORKERS:.1f} s" for seconds in (hand, alone)]
            + [f"{swept * WORKERS / seconds:.2f}" for seconds in (hand, alone)]
        )
        if epochs == 2:
            goals.append(Goal(f"A sweep of {count} x 2 epochs of quick, two workers", swept, 120, 30, " s", digits=1))
    head = ["trainings", f"sweep, {WORKERS} workers", f"by hand / {WORKERS}", f"training alone / {WORKERS}"]
    print(table([*head, "sweep / by hand", "sweep / training alone"], rows))
    conclude(*goals, worst("A sweep over the same trainings by hand, divided by the workers", overheads, 1.1, 1.0))


if __name__ == "__main__":
    main()
