"""Seeds: the same training with other random numbers, which shows how much of a result is chance."""

from experiments.jobs.launch import start_training
from experiments.runs.config import BOUNDS
from experiments.runs.run import Run
from experiments.runs.table import run_rows

SEEDS = 5


def train_with_seeds(run: Run, count: int = SEEDS) -> list[Run]:
    """The run and those with its config and the next seeds, `count` in all; the ones not there yet are started."""
    config, name = run.config, run.name.partition(", seed ")[0]
    # newest first, so that an older one of the same config is the one that stays
    there = {row.config: row.run for row in run_rows() if row.status.active or row.state == "finished"}
    found = [run]
    for number in range(1, count):
        other = config.replace(seed=(config.seed + number) % int(BOUNDS["seed"].high))
        start = run.start if config.start_from else None
        again = other if start is None else other.replace(start_from="")
        found.append(there.get(other) or start_training(again, name=f"{name}, seed {other.seed}", start=start))
    return found
