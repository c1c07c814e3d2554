"""Explore: time and memory of a list of 500 runs, first, again, and while one of them trains."""

import benchmarks.one_core  # noqa: F401  # isort: skip

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.report import Goal, begin, conclude, table
from experiments.runs.config import RunConfig, differing
from experiments.runs.history import HISTORY_COLUMNS
from experiments.runs.run import Run, Status
from experiments.runs.table import RunTable

ROOT = Path(__file__).resolve().parent.parent
CHECKS = 5  # validations of each run, twenty reported steps apart


def make_runs(folder: Path, count: int) -> None:
    """Run folders as they are after a search, written and not trained.

    Every tenth is from before best_... was told.
    """
    chance = random.Random(0)
    for number in range(count):
        config = RunConfig(
            learning_rate=10 ** chance.uniform(-4, -1),
            hidden=(chance.choice((32, 64, 128)),) * chance.choice((1, 2)),
            batch_size=chance.choice((32, 64, 128)),
            optimizer=chance.choice(("sgd", "momentum", "adam")),
            seed=number % 5,
        )
        run = Run(folder / f"20261120-{number:06}-{number:04x}-trial-{number}")
        run.folder.mkdir()
        losses = sorted((chance.uniform(0.1, 0.5) for _ in range(CHECKS)), reverse=True)
        history = [",".join(HISTORY_COLUMNS)]
        for step in range(1, 20 * CHECKS + 1):
            validation = f"{losses[step // 20 - 1]:.9g},0.9" if step % 20 == 0 else ","
            history.append(f"{step},{step / 20:g},0.003,0.234567891,0.9453125,{validation},1.23456789,98765.4321,0.5")
        status = Status("finished", name=f"trial {number}", created=1.7e9 + number, pid=1, epoch=CHECKS, seconds=3.2)
        status = replace(
            status, validation_loss=losses[-1], validation_accuracy=0.9, parameters=config.parameter_count()
        )
        if number % 10:
            status = replace(status, best_validation_loss=losses[-1], best_validation_accuracy=0.9, best_epoch=CHECKS)
        for name, content in (
            ("config.json", json.dumps(config.to_dict(), indent=2)),
            ("status.json", json.dumps(asdict(status), indent=2)),
            ("history.csv", "\n".join(history) + "\n"),
            ("worker.lock", ""),
        ):
            (run.folder / name).write_text(content)


def seconds(call: Callable[[], object], before: Callable[[], object] = lambda: None, times: int = 15) -> float:
    """The fastest of several: what else the machine does can only add."""
    found = []
    for _ in range(times):
        before()
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    return min(found)


def measure_memory(folder: Path) -> float:
    """Megabytes that the table of all runs takes."""
    tracemalloc.start()
    kept = RunTable(folder)
    kept.rows()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500, metavar="N", help="how many (default: 500)")
    count = parser.parse_args().runs
    begin(
        f"Explore: a table of {count:,} runs",
        "The fastest of 15; the system has the files in memory. At first: nothing is read yet. Again: nothing changed "
        "on disk. One trains: its status was written since.",
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_runs(folder, count)
        kept = RunTable(folder)
        rows = kept.rows()
        live = rows[count // 2].run
        stored = live.stored()
        first = seconds(lambda: RunTable(folder).rows())
        again = seconds(kept.rows)
        changed = seconds(kept.rows, lambda: live.write_status(replace(stored, step=stored.step + 1)))
        settings = seconds(lambda: differing(row.config for row in rows))
        command = [sys.executable, "-m", "experiments", "runs", "--limit", "0"]
        environment = {**os.environ, "DIGITS_RUNS": name}
        whole = seconds(lambda: subprocess.check_output(command, cwd=ROOT, env=environment), times=5)
        memory = measure_memory(folder)
    print(
        table(
            ("operation", "time"),
            [
                ("first reading", f"{1000 * first:.0f} ms"),
                ("reading again", f"{1000 * again:.1f} ms"),
                ("reading while one run trains", f"{1000 * changed:.1f} ms"),
                ("computing the settings that differ", f"{1000 * settings:.1f} ms"),
                ("`digits runs --limit 0`, from its start to its end", f"{1000 * whole:.0f} ms"),
            ],
        )
    )
    print(f"\nThe table takes {memory:.1f} MB.")
    if count == 500:  # what the goals are for
        conclude(
            Goal("500 runs listed at first", first, 0.7, 0.2, " s"),
            Goal("500 runs listed again", again, 0.1, 0.02, " s", 3),
            Goal("500 runs listed while one trains", changed, 0.1, 0.02, " s", 3),
            Goal("`digits runs` of 500 runs", whole, 1.5, 1.0, " s"),
            Goal("memory of a table of 500 runs", memory, 10, 5, " MB", 1),
        )


if __name__ == "__main__":
    main()
