"""Naming: find the run, model or preset that a name stands for, and shorten the ids of runs."""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.run import Run, RunError, open_run, runs_folder
from experiments.runs.table import RunRow, run_rows
from model import Classifier, ConfigError, load_classifier

SHORT = [re.compile(rf"\d{{8}}-{part}") for part in (r"\d{6}-([0-9a-f]{4})-", r"(\d{6}-[0-9a-f]{4})-", r"\d{6}-(.+)")]


def short_ids(rows: Sequence[RunRow]) -> dict[str, str]:
    """Id -> a part that no other run has: "2b5f" of 20261120-183012-2b5f-quick.

    Of a run of a sweep it is the sweep, the trial and the seed: "rates-3-0".
    """
    parts = {
        row.id: [part for pattern in SHORT if (found := pattern.match(row.id)) for part in found.groups()]
        for row in rows
    }
    counts = Counter(part for found in parts.values() for part in found)
    return {id_: next((part for part in found if counts[part] == 1), id_) for id_, found in parts.items()}


def full_id(name: str, rows: Sequence[RunRow]) -> str:
    """The id of the run with this id, short id or name; RunError if several runs have the name."""
    short = short_ids(rows)
    if name in short:
        return name
    ids = [row.id for row in rows if short[row.id] == name] or [row.id for row in rows if row.name == name]
    if len(ids) > 1:
        several = ", ".join(short[id_] for id_ in ids[:5]) + (", ..." if len(ids) > 5 else "")
        raise RunError(f"{len(ids)} runs are called {name}: {several}. Say which one.")
    return ids[0] if ids else name


def find_run(name: str) -> Run:
    """The run with this id, short id, name or folder; RunError if there is none."""
    if os.sep in name or Path(name).is_dir():
        return open_run(Path(name))
    return open_run(full_id(name, run_rows()))


def model_file(name: str) -> Path:
    """A checkpoint file, or the model of a run."""
    return Path(name) if Path(name).is_file() else find_run(name).model


def load_chosen(arguments: argparse.Namespace) -> tuple[Classifier, str]:
    """The classifier that --run or --model names (the default is the shipped one), and its name."""
    if arguments.run:
        run = find_run(arguments.run)
        return load_classifier(run.model), run.id
    return load_classifier(arguments.model or None), arguments.model or "shipped"


def find_preset(name: str) -> RunConfig:
    """The preset with this name; ConfigError if there is none."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}; the presets are {', '.join(PRESETS)}.")
    return PRESETS[name]


def key_and_value(text: str, option: str, example: str) -> tuple[str, str]:
    """The two sides of KEY=VALUE, the key with underscores; ConfigError if there is no "="."""
    key, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"{option} takes KEY=VALUE, such as {option} {example}, got {text!r}.")
    return key.strip().replace("-", "_"), value.strip()


def reference(run: Run) -> str:
    """How to name the run on the command line."""
    return run.id if run.folder.parent == runs_folder() else str(run.folder)
