"""Compare: processor time of the command `digits` here and in another checkout of Digit Lab.

    git worktree add ../before COMMIT
    python -m benchmarks.compare ../before

Both checkouts run each command in turn, several times; the smallest time counts. Processor time
includes all processes that a command starts, and hardly depends on other work of the machine.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import begin, table
from benchmarks.sweeps import CONFIG

HERE = Path(__file__).resolve().parent.parent
RUNS = 500  # that `digits runs` lists
TRAININGS = (
    ("quick", "--epochs", "20"),
    ("relu-256-128", "--epochs", "20"),
    ("best-mlp", "--steps", "200"),
    ("cnn", "--steps", "100"),
)


def processor_seconds(checkout: Path, runs: Path, arguments: list[str]) -> float:
    """Processor time of a command `digits` of this checkout, in seconds. Exits if it fails."""
    environment = os.environ | {"PYTHONPATH": str(checkout), "DIGITS_RUNS": str(runs)}
    environment |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "experiments", *arguments]
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"`digits {' '.join(arguments)}` in {checkout} ended with {done.returncode}: {done.stderr.strip()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def many_runs(folder: Path) -> Path:
    """A runs folder with copies of one short training."""
    runs = folder / "many"
    original = runs / "20261120-000000-0000-original"
    processor_seconds(HERE, runs, ["train", "--data", "mnist-5k", "--epochs", "2", "--run", str(original)])
    for number in range(1, RUNS):
        shutil.copytree(original, runs / f"20261120-{number:06}-{number:04x}-copy")
    return runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="the folder of the other checkout, for example the version before")
    parser.add_argument("--times", type=int, default=5, help="runs of each command (default: %(default)s)")
    options = parser.parse_args()
    other = options.other.resolve()
    if not (other / "experiments" / "__main__.py").is_file():
        sys.exit(f"There is no checkout of Digit Lab in {other}. Make one: git worktree add {other} COMMIT")
    begin("This checkout and another", "Processor time, the smallest of several runs.")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        listed = many_runs(folder)
        sweep = folder / "sweep.toml"
        sweep.write_text(CONFIG.replace("EPOCHS", "2"))
        commands = [(["train", "--data", "mnist-5k", "--preset", *training], None) for training in TRAININGS]
        commands += [(["sweep", str(sweep)], None), (["runs", "--limit", "0"], listed)]
        commands += [(["test", "--data", "mnist-5k"], None), (["presets"], None)]
        rows = []
        for number, (arguments, runs) in enumerate(commands):
            best = {}
            for turn in range(options.times):
                for side in (other, HERE):
                    used = runs or folder / f"{number}-{turn}-{side == HERE}"
                    seconds = processor_seconds(side, used, arguments)
                    best[side] = min(seconds, best.get(side, seconds))
            text = " ".join(arguments).replace(str(sweep), "(24 trainings of 2 epochs)")
            rows.append([f"`digits {text}`", f"{best[other]:.2f} s", f"{best[HERE]:.2f} s"])
            rows[-1].append(f"{best[HERE] / best[other]:.2f}")
    print(table(["command", "other", "this", "this / other"], rows))


if __name__ == "__main__":
    main()
