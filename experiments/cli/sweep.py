"""The command `digits sweep`: run a sweep here, show its progress, and print the best settings."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from dataset import load_training
from experiments.cli.terminal import Progress, follow, table_lines, write
from experiments.cli.training import fetch_data
from experiments.formats import MISSING, duration, percent
from experiments.jobs.launch import worker_limit
from experiments.runs.table import list_runs
from experiments.sweeps import Sweep, SweepError, SweepSpec, SweepStatus, Trial, create_sweep
from experiments.sweeps.driver import run_sweep
from experiments.sweeps.findings import summarize
from experiments.sweeps.space import value_text
from experiments.sweeps.trials import ranked
from experiments.training.cost import slowness

ROWS = 10  # of the table of the best
DASK = "dask://"


def sweep(arguments: argparse.Namespace) -> int:
    """Run the sweep in this process, show its progress, and print the best settings."""
    spec = spec_of(arguments)
    fetch_data(spec.base)
    out = sys.stderr if arguments.json else sys.stdout
    with executor_of(arguments.executor) as (executor, places):
        made = create_sweep(spec, arguments.storage)
        train, validation = load_training(spec.base.data, spec.base.validation_share)
        write(introduction(spec, len(train), spec.workers or places or worker_limit()), out=out)
        status = follow(
            run_sweep(made, executor, workers=spec.workers or places), partial(sweep_progress, spec=spec), out
        )
    if arguments.json:
        print(json.dumps(result(made, status)))
    elif status.done:
        write(*table(made, len(validation)))
    if status.state == "failed":
        raise SweepError(status.reason)
    again = f"digits sweep {shlex.quote(str(arguments.config))}"
    if status.state == "finished":
        write(f"Finished after {duration(status.seconds)}. Runs: digits runs --group {made.id}", out=out)
        if spec.sampler != "grid":
            write(f"Continue with more trials: {again} --trials {2 * max(1, status.ended)}", out=out)
        return 0
    reason = f" {status.reason}" if made.is_out_of_time else ""
    ended = f"{status.state.capitalize()} after {status.ended:,} trials; everything is saved."
    write(f"{ended}{reason} Continue with: {again}", out=out)
    return 130 if status.state == "interrupted" else 0


def spec_of(arguments: argparse.Namespace) -> SweepSpec:
    """The sweep that the file describes, with the changes of the command line."""
    changes: dict[str, Any] = {}
    for name in ("trials", "workers"):
        if (text := getattr(arguments, name)) is not None:
            try:
                changes[name] = int(text)
            except ValueError:
                raise SweepError(f"--{name} takes a whole number, got {text!r}.") from None
    return SweepSpec.from_toml(arguments.config, **changes)


@contextmanager
def executor_of(where: str) -> Iterator[tuple[Executor | None, int]]:
    """The executor that trains the runs, and how many at once; (None, 0): this machine."""
    if where == "local":
        yield None, 0
        return
    if not where.startswith(DASK) or not where.removeprefix(DASK):
        raise SweepError(f"--executor is local or {DASK}HOST:PORT, got {where!r}.")
    try:
        from distributed import Client
    except ImportError:
        raise SweepError(
            "A Dask cluster needs the package distributed: pip install 'digit-lab[scaling]', see docs/scaling.md."
        ) from None
    address = where.removeprefix(DASK)
    try:
        client: Any = Client(f"tcp://{address}", timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise SweepError(f"There is no Dask scheduler at {address}: {error or 'no answer in 10 s'}.") from error
    with client:
        places = sum(client.nthreads().values())
        if not places:
            raise SweepError(f"The Dask scheduler at {address} has no workers yet: start some, see docs/scaling.md.")
        yield client.get_executor(pure=False), places


def introduction(spec: SweepSpec, images: int, together: int) -> str:
    """The plan of the sweep and its expected time, in a line."""
    seconds = replace(spec, workers=together).expected_seconds(images, slowness(list_runs()))
    count = f"{spec.most_trials:,} trials" if spec.most_trials else "trials"
    runs = f" of {spec.seeds} runs" if spec.seeds > 1 else ""
    limits = [f"{spec.epochs:,g} epochs"] if spec.epochs is not None else []
    limits += [f"{spec.minutes:g} minutes"] if spec.minutes is not None else []
    up_to = f", up to {' or '.join(limits)}" if limits else ""
    less = ", less by pruning" if spec.pruner != "none" else ""
    long = f"about {duration(seconds)}{less}"
    return f"Sweep {spec.id}: {count}{runs}{up_to}, {spec.sampler}, {together} at a time, {long}."


def sweep_progress(status: SweepStatus, spec: SweepSpec) -> Progress:
    """The progress of a sweep: its trials, and the best of them."""
    best = f"best {score(status.best, spec)}  {settings(status.best)}" if status.best else ""
    return Progress(status.share, counts(status), best)


def counts(status: SweepStatus) -> str:
    """How many trials have ended, are running, were pruned and failed, and the time left."""
    of = f" of {status.trials:,}" if status.trials else ""
    parts = [f"{status.ended:,}{of} trials"]
    parts += [f"{n:,} {word}" for word in ("running", "pruned", "failed") if (n := getattr(status, word))]
    if status.seconds_left is not None:
        parts.append(f"{duration(status.seconds_left)} left")
    return "  ".join(parts)


def score(trial: Trial, spec: SweepSpec) -> str:
    """The mean over its seeds, and the lowest and highest of several."""
    show = percent if spec.maximize else "{:.4f}".format
    text = show(trial.value) if trial.value is not None else MISSING
    return f"{text} ({show(min(trial.values))} to {show(max(trial.values))})" if len(trial.values) > 1 else text


def settings(trial: Trial) -> str:
    """The settings of a trial: "learning_rate 0.01, hidden 128-64"."""
    return ", ".join(f"{name} {value_text(value)}" for name, value in trial.params.items())


def table(made: Sweep, validation_images: int) -> list[str]:
    """The best settings, those that cannot be told from the very best marked, and what mattered."""
    spec, trials = made.spec, made.trials()
    found = summarize(spec.search, trials, objective=spec.objective, images=validation_images)
    done = ranked(trials, spec.objective)[:ROWS]
    names = list(spec.search)
    head = ["", "trial", "accuracy" if spec.maximize else "loss", *names, "run"]
    rows = [
        ["=" if trial.number in found.ties.numbers[1:] else "", str(trial.number), score(trial, spec)]
        + [value_text(trial.params[name]) for name in names]
        + [trial.runs[0]]
        for trial in done
    ]
    lines = table_lines(head, rows, left=head)
    if any(row[0] for row in rows):
        lines.append(f"= {found.ties.test}")
    return [*lines, found.sentence]


def result(made: Sweep, status: SweepStatus) -> dict[str, Any]:
    """The object that --json prints."""
    best = status.best.to_dict() if status.best else None
    trials = [trial.to_dict() for trial in made.trials()]
    return {"sweep": made.id, "folder": str(made.folder)} | asdict(status) | {"best": best, "all": trials}
