"""The commands `digits train`, `resume`, `range` and `learn`: train here and show the progress."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from dataclasses import asdict
from typing import Any

import numpy as np

from dataset import SOURCES, available, default_source, download, load_training
from dataset.files import path_of
from experiments.cli.naming import find_preset, find_run, key_and_value, model_file, reference
from experiments.cli.terminal import follow, run_progress, table_lines, warn, write
from experiments.fine_tuning import FineTuningResult, Score, accept_fine_tuning, create_fine_tuning, read_result
from experiments.formats import MISSING, duration, percent
from experiments.range_test import HIGHEST, create_range_test, read_range_test
from experiments.runs.config import RunConfig
from experiments.runs.run import Run, RunError, Status, create_run
from experiments.training.cost import calibrate_threads
from experiments.training.worker import train_run
from model import ConfigError, load_checkpoint
from model.classifier import SHIPPED

OPTIONS = ("epochs", "steps", "learning_rate", "batch_size", "seed")  # settings with an option of their own


def train(arguments: argparse.Namespace) -> int:
    """Train a new run."""
    config = prepare_config(arguments)
    start = model_file(arguments.start_from) if arguments.start_from else None
    run = create_run(config, name=arguments.name or arguments.preset, start=start, folder=arguments.run)
    return train_here(run, as_json=arguments.json)


def prepare_config(arguments: argparse.Namespace) -> RunConfig:
    """The settings of the run. Downloads the data and measures the fastest number of threads."""
    config = build_config(arguments)
    fetch_data(config)
    if arguments.threads == "auto":
        threads, reason = calibrate_threads(config)
        write(reason, out=sys.stderr if arguments.json else None)
        config = config.replace(threads=threads)
    return config


def build_config(arguments: argparse.Namespace) -> RunConfig:
    """The preset with the changes of the command line. Raises ConfigError for what cannot be."""
    config = find_preset(arguments.preset)
    given = vars(arguments)  # `digits range` has fewer options
    if given.get("start_from"):
        config = config.with_network_of(load_checkpoint(model_file(arguments.start_from)).config)
    changes: dict[str, Any] = {}
    if given.get("epochs") is not None:
        changes["steps"] = 0  # a preset may count in steps
    for name in OPTIONS:
        if given.get(name) is not None:
            changes[name] = RunConfig.parse(name, given[name])
    if arguments.threads not in (None, "auto"):
        try:
            changes["threads"] = int(arguments.threads)
        except ValueError:
            raise ConfigError(f"--threads takes a whole number or auto, got {arguments.threads!r}.") from None
    for setting in arguments.set:
        name, text = key_and_value(setting, "--set", "hidden=256,128")
        if name in ("data", "start_from"):
            raise ConfigError(f"give {name} with --{name.replace('start_', '')}, not with --set.")
        changes[name] = RunConfig.parse(name, text)
    data = arguments.data or default_source()
    # The absolute path, so that the run can be resumed from any folder.
    changes["data"] = data if data in SOURCES else str(path_of(data).absolute())
    return config.replace(**changes)


def fetch_data(config: RunConfig) -> None:
    """Download the data or check the file, so that errors come before a run is created."""
    if config.data not in SOURCES:
        load_training(config.data, config.validation_share)
    elif not available(config.data):
        download(config.data, progressbar=sys.stderr.isatty())


def resume(arguments: argparse.Namespace) -> int:
    """Continue a run; one that another process trains is asked to continue there."""
    run = find_run(arguments.run)
    status = run.status()
    if status.active and run.is_alive():  # a worker that was killed before it began leaves a run that reads as queued
        run.request("run")
        write(f"The run {run.id} is {status.state} in another process, which continues it.")
        return 0
    if status.state == "finished":
        write(f"The run {run.id} is finished: there is nothing to resume. Try it: digits test --run {reference(run)}")
        return 0
    run.enqueue()
    return train_here(run, as_json=arguments.json)


def train_here(run: Run, *, as_json: bool) -> int:
    """Train the run in this process, show its progress, print the result and what to do next."""
    out = sys.stderr if as_json else sys.stdout
    write(f"Run {run.folder}", out=out)
    status = follow(train_run(run), run_progress, out)
    if as_json:
        print(json.dumps(run_record(run, status)))
    again = f"digits resume {reference(run)}"
    where = f"at step {status.step:,} of {status.total_steps:,}"
    if status.state == "failed":
        raise RunError(status.reason)
    if status.state == "diverged":
        warn(f"diverged {where}. {status.reason}")
        return 1
    if status.state == "interrupted":
        write(f"Interrupted {where}; everything is saved. Continue with: {again}", out=out)
        return 130
    accuracy = ""
    if status.validation_accuracy is not None:
        accuracy = f" {percent(status.validation_accuracy)} of {status.validation_images:,} validation images."
    reason = f" {status.reason}" if status.reason else ""
    ended = "Finished" if status.state == "finished" else f"Stopped {where}"
    write(f"{ended} after {status.epoch:.4g} epochs, {duration(status.seconds)}.{accuracy}{reason}", out=out)
    write(f"Try it on the test digits: digits test --run {reference(run)} --data {run.config.data}", out=out)
    if status.state == "stopped":
        write(f"Continue with: {again}", out=out)
    return 0


def run_record(run: Run, status: Status) -> dict[str, Any]:
    """The result of a training, for JSON."""
    names = ["state", "reason", "step", "total_steps", "epoch", "seconds", "images_per_second", "parameters"]
    names += ["images", "validation_images", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    model = str(run.model) if run.model.exists() else None
    return {"run": run.id, "folder": str(run.folder), "model": model} | {name: getattr(status, name) for name in names}


def range_test(arguments: argparse.Namespace) -> int:
    """Run a learning-rate range test and print the rates to try; 1 if the loss did not fall."""
    run = create_range_test(prepare_config(arguments), name=arguments.preset)
    with closing(train_run(run)) as statuses:
        *_, status = statuses
    if status.state not in ("finished", "diverged"):
        raise RunError(status.reason)
    found = read_range_test(run.history(), run.config, diverged=status.state == "diverged")
    if arguments.json:
        print(json.dumps(asdict(found), default=np.ndarray.tolist))
        return 0
    if found.suggested is None:
        write("The loss hardly fell at any learning rate: look at the initializer and the activation first.")
        return 1
    end = f"above {HIGHEST:g}" if found.diverges_at is None else f"at {found.diverges_at:g}"
    write(
        f"Suggested learning rate {found.suggested:g}, worth trying from {found.suggested_low:g} to "
        f"{found.suggested_high:g}; training diverges {end}.",
        f"Train with it: digits train --preset {arguments.preset} --learning-rate {found.suggested:g}",
    )
    return 0


def learn(arguments: argparse.Namespace) -> int:
    """Fine-tune a model on the drawings, and save it as a run unless it is refused; 1 if it is."""
    out = sys.stderr if arguments.json else sys.stdout
    name = arguments.run or arguments.model
    run = create_fine_tuning(model_file(name) if name else SHIPPED)
    status = follow(train_run(run), run_progress, out)
    result = read_result(run)
    if result is None:
        if status.state == "interrupted":
            return 130
        raise RunError(status.reason)
    if not result.refusal:
        run = accept_fine_tuning(run)
    if arguments.json:
        print(json.dumps(fine_tuning_record(run, result)))
    else:
        write(*fine_tuning_lines(result))
    if result.refusal:
        warn(f"the new weights are not used. {result.refusal}")
        return 1
    write(f"Saved. Try it: digits test --run {run.id}", out=out)
    return 0


def fine_tuning_lines(result: FineTuningResult) -> list[str]:
    """A table of the scores before and after fine-tuning."""
    rows = []
    for name, score in _scores(result).items():
        before, after = (percent(share, 2) for share in score.shares)
        low, high = (percent(share, 2) for share in score.intervals[1])
        results = [before, after, f"{low} to {high}"] if score.total else [MISSING, MISSING, ""]
        rows.append([name, f"{score.total:,}", *results])
    headings = ("read right", "n", "before", "after", "95 % interval")
    return [*table_lines(headings, rows, left=(headings[0], headings[-1])), *filter(None, [result.interpolation])]


def fine_tuning_record(run: Run, result: FineTuningResult) -> dict[str, Any]:
    """The result of fine-tuning, for JSON."""
    record: dict[str, Any] = {"run": run.id, "model": str(run.model), "kept": not result.refusal}
    record |= {"reason": result.refusal, "part": result.part}
    keys = ("corrected_drawings", "held_out_drawings", "old_digits")
    for key, score in zip(keys, _scores(result).values(), strict=True):
        record[key] = asdict(score) | {"intervals": score.intervals}
    return record


def _scores(result: FineTuningResult) -> dict[str, Score]:
    return {"corrected drawings": result.corrected, "held-out drawings": result.held_out, "MNIST digits": result.old}
