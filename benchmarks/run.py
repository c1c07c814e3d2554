"""Runs all benchmarks and prints their tables and a summary of the goals.

    python benchmarks/run.py                            all of them, for docs/results.md
    python benchmarks/run.py training_speed memory      some of them
    .venv-bench/bin/python -m benchmarks.training_speed --help    one with its options

They run in the environment .venv-bench, which the first run makes, because PyTorch and JAX are no
dependencies of the project.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

LIBRARIES = {"torch": "2.13.0", "jax": "0.10.2"}
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-bench"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
BENCHMARKS = (
    "training_speed",
    "step_parts",
    "convolution_speed",
    "time_to_accuracy",
    "augmentation",
    "predictions",
    "memory",
    "loading",
    "explore",
    "explore_page",
    "data_page",
    "sweeps",
    "label_errors",
    "app",
    "stroke_latency",
)


def prepare() -> None:
    """Make .venv-bench unless it holds these versions of the other libraries already."""
    wanted = ["import jax, torch, playwright, psutil, sklearn, model, dashboard"]
    wanted += [f"assert {name}.__version__.split('+')[0] == {version!r}" for name, version in LIBRARIES.items()]
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", "; ".join(wanted)], cwd=VENV, check=False).returncode == 0:
        return
    libraries = [f"{name}=={version}" for name, version in LIBRARIES.items()]
    print(f"Making {VENV.name} with {' and '.join(libraries)} ...", file=sys.stderr)
    venv.create(VENV, with_pip=True, clear=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", *libraries, "-e", ".[dev]"], cwd=ROOT, check=True)


def main(names: list[str]) -> int:
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"There is no benchmark {unknown.pop()!r}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    prepare()

    def run(name: str, *arguments: Path) -> int:
        done = subprocess.run([PYTHON, "-m", f"benchmarks.{name}", *arguments], cwd=ROOT, check=False)
        print(flush=True)
        return done.returncode

    with tempfile.TemporaryDirectory() as folder:
        goals = Path(folder) / "goals"
        goals.touch()
        os.environ["DIGIT_LAB_GOALS"] = str(goals)
        run("report")
        failed = [name for name in names or BENCHMARKS if run(name) != 0]
        run("report", goals)
    if failed:
        print(f"These did not run to their end: {', '.join(failed)}.", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
