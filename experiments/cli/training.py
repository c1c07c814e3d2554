"""The commands `digits train`, `resume` and `range`: a network is trained here, in view."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from typing import Any

from dataset import SOURCES, available, default_source, download, load_training
from dataset.files import path_of
from experiments.cli import terminal
from experiments.cli.errors import complain
from experiments.cli.naming import find_run, model_file, reference
from experiments.cli.terminal import duration, percent
from experiments.range_test import HIGHEST, create_range_test, read_range_test
from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.run import Run, RunError, Status, create_run
from experiments.training.cost import calibrate_threads
from experiments.training.worker import train_run
from model import ConfigError, load_checkpoint

SETTINGS = ("epochs", "steps", "learning_rate", "batch_size", "seed")  # those with an option of their own


def train(arguments: argparse.Namespace) -> int:
    config = prepared(arguments)
    start = model_file(arguments.start_from) if arguments.start_from else None
    run = create_run(config, name=arguments.name or arguments.preset, start=start, folder=arguments.run)
    return follow(run, as_json=arguments.json)


def prepared(arguments: argparse.Namespace) -> RunConfig:
    """What the command line asks for, with its data here and its threads counted."""
    config = config_of(arguments)
    prepare_data(config)
    if arguments.threads == "auto":
        threads, why = calibrate_threads(config)
        print(why, file=sys.stderr if arguments.json else sys.stdout, flush=True)
        config = config.replace(threads=threads)
    return config


def config_of(arguments: argparse.Namespace) -> RunConfig:
    """The preset, with what the command line changes about it."""
    if arguments.preset not in PRESETS:
        raise ConfigError(f"there is no preset {arguments.preset!r}; the presets are {', '.join(PRESETS)}.")
    config = PRESETS[arguments.preset]
    if arguments.start_from:
        config = config.with_network_of(load_checkpoint(model_file(arguments.start_from)).config)
    changes: dict[str, Any] = {}
    if arguments.epochs is not None:
        changes["steps"] = 0  # a preset may count in steps
    for name in SETTINGS:
        if getattr(arguments, name) is not None:
            changes[name] = RunConfig.parse(name, getattr(arguments, name))
    if arguments.threads not in (None, "auto"):
        try:
            changes["threads"] = int(arguments.threads)
        except ValueError:
            raise ConfigError(f"--threads takes a whole number or auto, got {arguments.threads!r}.") from None
    for setting in arguments.set:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set takes KEY=VALUE, such as --set hidden=256,128, got {setting!r}.")
        name = name.strip().replace("-", "_")
        if name in ("data", "start_from"):
            raise ConfigError(f"give {name} with --{name.replace('start_', '')}, not with --set.")
        changes[name] = RunConfig.parse(name, text)
    data = arguments.data or default_source()
    # A path is kept whole, so that the run can be resumed from any folder.
    changes["data"] = data if data in SOURCES else str(path_of(data).absolute())
    return config.replace(**changes)


def prepare_data(config: RunConfig) -> None:
    """Fail, or download, before there is a run."""
    if config.data not in SOURCES:
        load_training(config.data, config.validation_share)
    elif not available(config.data):
        download(config.data, progressbar=sys.stderr.isatty())


def resume(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.run)
    status = run.status()
    if status.active and run.is_alive():  # one that was killed before it began reads as queued for a while
        run.request("run")
        print(f"The run {run.id} is {status.state} in another process, which goes on with it.")
        return 0
    if status.state == "finished":
        print(f"The run {run.id} is finished: there is nothing to resume. Try it: digits test --run {reference(run)}")
        return 0
    run.enqueue()
    return follow(run, as_json=arguments.json)


def follow(run: Run, *, as_json: bool) -> int:
    """Train in this process, show it, and say how it ended and what to do next."""
    out = sys.stderr if as_json else sys.stdout
    print(f"Run {run.folder}", file=out, flush=True)
    with closing(train_run(run)) as statuses:
        status = terminal.follow(statuses, out)
    if as_json:
        print(json.dumps(result(run, status)))
    again = f"digits resume {reference(run)}"
    where = f"at step {status.step:,} of {status.total_steps:,}"
    if status.state == "failed":
        return complain(status.reason)
    if status.state == "diverged":
        print(f"digits: diverged {where}. {status.reason}", file=sys.stderr)
        return 1
    if status.state == "interrupted":
        print(f"Interrupted {where}; all is saved. Go on with: {again}", file=out)
        return 130
    accuracy = ""
    if status.validation_accuracy is not None:
        accuracy = f" {percent(status.validation_accuracy)} of {status.validation_images:,} validation images."
    reason = f" {status.reason}" if status.reason else ""
    ended = "Finished" if status.state == "finished" else f"Stopped {where}"
    print(f"{ended} after {status.epoch:.4g} epochs, {duration(status.seconds)}.{accuracy}{reason}", file=out)
    print(f"Try it on the test digits: digits test --run {reference(run)} --data {run.config.data}", file=out)
    if status.state == "stopped":
        print(f"Go on with it: {again}", file=out)
    return 0


def result(run: Run, status: Status) -> dict[str, Any]:
    names = ["state", "reason", "step", "total_steps", "epoch", "seconds", "images_per_second", "parameters"]
    names += ["images", "validation_images", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    model = str(run.model) if run.model.exists() else None
    return {"run": run.id, "folder": str(run.folder), "model": model} | {name: getattr(status, name) for name in names}


def range_test(arguments: argparse.Namespace) -> int:
    run = create_range_test(prepared(arguments), name=arguments.preset)
    with closing(train_run(run)) as statuses:
        *_, status = statuses
    if status.state not in ("finished", "diverged"):
        raise RunError(status.reason)
    found = read_range_test(run.history(), run.config, diverged=status.state == "diverged")
    if arguments.json:
        names = ("suggested", "suggested_low", "suggested_high", "diverges_at")
        curve = {name: getattr(found, name).tolist() for name in ("rates", "losses", "smoothed")}
        print(json.dumps({name: getattr(found, name) for name in names} | curve))
        return 0
    if found.suggested is None:
        print("The loss hardly fell at any learning rate: look at the initializer and the activation first.")
        return 1
    end = f"above {HIGHEST:g}" if found.diverges_at is None else f"at {found.diverges_at:g}"
    print(f"Suggested learning rate {found.suggested:g}, worth trying from {found.suggested_low:g} to ", end="")
    print(f"{found.suggested_high:g}; training diverges {end}.")
    print(f"Train with it: digits train --preset {arguments.preset} --learning-rate {found.suggested:g}")
    return 0
