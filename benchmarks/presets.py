"""Presets: each trained from the command line with three seeds, and tested on MNIST.

Prints one Markdown row a preset as soon as it is known. A time is that of the whole command `digits
train`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

from benchmarks.report import machine, table
from model import PRESETS

ROOT = Path(__file__).resolve().parent.parent
GOALS = {
    "quick": 97.4,
    "best-mlp": 98.9,
    "cnn": 99.4,
    "full-batch-64": 94.5,
    "sigmoid-mse": 96.5,
    "relu-256-128": 92.5,
    "relu-64-64": 97.5,
    "relu-128-128-decay": 96.5,
}
HEADER = ["preset", "network", "parameters", "test accuracy, mean", "lowest", "goal", "reached", "time, mean"]


def digits(*arguments: str) -> str:
    """What the command `digits` prints; ends this program where it fails."""
    command = [sys.executable, "-m", "experiments", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"`digits {' '.join(arguments)}` ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def train_and_test(data: str, seed: int, run: Path, options: list[str]) -> tuple[float, float]:
    """Test accuracy in percent, and the seconds that training took."""
    started = time.perf_counter()
    digits("train", "--data", data, "--seed", str(seed), "--run", str(run), *options)
    seconds = time.perf_counter() - started
    return 100 * float(json.loads(digits("test", "--run", str(run), "--data", data, "--json"))["accuracy"]), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS), metavar="NAME")
    parser.add_argument("--data", default="mnist", help="the goals are those of mnist")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="epochs of every training, instead of those of its preset")
    arguments = parser.parse_args()
    options = [] if arguments.epochs is None else ["--epochs", str(arguments.epochs)]

    print(f"## Presets on {arguments.data}, seeds {', '.join(map(str, arguments.seeds))}\n")
    print(table(HEADER, []), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DIGITS_RUNS"] = folder
        for preset in arguments.presets:
            config, goal = PRESETS[preset], GOALS.get(preset)
            results = [
                train_and_test(arguments.data, seed, Path(folder) / f"{preset}-{seed}", ["--preset", preset, *options])
                for seed in arguments.seeds
            ]
            accuracies, seconds = zip(*results, strict=True)
            row = [
                preset,
                config.architecture,
                f"{config.parameter_count():,}",
                f"{mean(accuracies):.2f} %",
                f"{min(accuracies):.2f} %",
                "-" if goal is None else f"{goal:.1f} %",
                "-" if goal is None else ("yes" if mean(accuracies) >= goal else "no"),
                f"{mean(seconds):.1f} s",
            ]
            print("| " + " | ".join(row) + " |", flush=True)
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
