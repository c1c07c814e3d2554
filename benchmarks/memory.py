"""Memory: peak of one epoch of each preset on MNIST, with the real command in a process."""

import benchmarks.one_core  # noqa: F401  # isort: skip

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import begin, conclude, table, worst
from dataset import available
from model import PRESETS

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"dense": 300, "cnn": 500}  # MB


def train(preset: str, data: str, run: Path) -> float:
    """Megabytes (10^6 bytes) of resident memory at the peak of `digits train`."""
    command = [sys.executable, "-m", "experiments", "train", "--preset", preset, "--data", data, "--epochs", "1"]
    with subprocess.Popen([*command, "--run", str(run)], cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)  # the peak of this child alone
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"`{' '.join(command[1:])}` ended with {process.returncode}.")
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=list(PRESETS), choices=list(PRESETS), metavar="NAME")
    presets = parser.parse_args().presets
    data = "mnist" if available("mnist") else "mnist-5k"
    begin(
        "Memory: training one epoch", f"`digits train --data {data} --epochs 1`, one thread; highest resident memory."
    )
    peaks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for preset in presets:
            peaks[preset] = train(preset, data, Path(folder) / preset)
    print(
        table(
            ["preset", "network", "peak memory"],
            ([p, PRESETS[p].architecture, f"{mb:.0f} MB"] for p, mb in peaks.items()),
        )
    )
    if data != "mnist":
        return  # the limits are for all of it
    goals = []
    for kind, limit in LIMITS.items():
        found = {preset: mb for preset, mb in peaks.items() if bool(PRESETS[preset].image_layers) == (kind == "cnn")}
        if found:
            goals.append(worst(f"memory of training on mnist, {kind}", found, limit, None, " MB", 0))
    conclude(*goals)


if __name__ == "__main__":
    main()
