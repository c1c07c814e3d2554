"""All benchmarks with one command: `python benchmarks/run.py` prints their tables, ready for docs/results.md.

They run in .venv-bench, an environment of their own that is made once, because PyTorch, which they compare with, is no
dependency of the project. One by name: `python benchmarks/run.py training_speed`. With options of its own, once the
environment is there: `.venv-bench/bin/python -m benchmarks.training_speed --help`.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

TORCH = "torch==2.13.0"
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-bench"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
BENCHMARKS = ("training_speed", "answers", "app", "stroke_latency", "loading")
# one thread each: at these sizes more are slower, and what is compared should have the same
ENVIRONMENT = {**os.environ, **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")}


def prepare() -> None:
    """Make .venv-bench unless it holds this version of PyTorch and everything that the project asks for."""
    wanted = "; ".join(
        [
            "import torch, playwright, psutil, sklearn, model, dashboard",
            f"assert torch.__version__.split('+')[0] == {TORCH.split('==')[1]!r}",
        ]
    )
    if PYTHON.exists() and subprocess.run([PYTHON, "-c", wanted], cwd=VENV, check=False).returncode == 0:
        return
    print(f"Making {VENV.name} with {TORCH} ...", file=sys.stderr)
    venv.create(VENV, with_pip=True, clear=True)
    subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", TORCH, "-e", ".[dev]"], cwd=ROOT, check=True)


def main(names: list[str]) -> int:
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        print(f"There is no benchmark {unknown.pop()!r}; there are {', '.join(BENCHMARKS)}.", file=sys.stderr)
        return 2
    prepare()
    status = 0
    for name in names or BENCHMARKS:
        status |= subprocess.run(
            [PYTHON, "-m", f"benchmarks.{name}"], cwd=ROOT, env=ENVIRONMENT, check=False
        ).returncode
        print(flush=True)
    return int(status != 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
