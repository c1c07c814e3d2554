"""Naming: which run or model somebody means who names one on the command line, and how to name it to them."""

from __future__ import annotations

import argparse
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from experiments.runs.run import Run, RunError, open_run, runs_folder
from experiments.runs.table import RunRow, run_rows
from model import Classifier, load_classifier

SHORT = [re.compile(rf"\d{{8}}-{part}") for part in (r"\d{6}-([0-9a-f]{4})-", r"(\d{6}-[0-9a-f]{4})-", r"\d{6}-(.+)")]


def short_ids(rows: Sequence[RunRow]) -> dict[str, str]:
    """Id -> a short part that no other run has: "2b5f" of 20261120-183012-2b5f-quick, "rates-3-0" of a sweep's run."""
    parts = {
        row.id: [part for pattern in SHORT if (found := pattern.match(row.id)) for part in found.groups()]
        for row in rows
    }
    counts = Counter(part for found in parts.values() for part in found)
    return {which: next((part for part in found if counts[part] == 1), which) for which, found in parts.items()}


def full_id(which: str, rows: Sequence[RunRow]) -> str:
    """The id that an id, a part of it as `short_ids` gives it, or a name stands for; RunError if for several."""
    short = short_ids(rows)
    if which in short:
        return which
    meant = [row.id for row in rows if short[row.id] == which] or [row.id for row in rows if row.name == which]
    if len(meant) > 1:
        several = ", ".join(short[found] for found in meant[:5]) + (", ..." if len(meant) > 5 else "")
        raise RunError(f"{len(meant)} runs are called {which}: {several}. Say which one.")
    return meant[0] if meant else which


def find_run(which: str) -> Run:
    """By its id, a part of it that no other run has, its name, or its folder."""
    if os.sep in which or Path(which).is_dir():
        return open_run(Path(which))
    return open_run(full_id(which, run_rows()))


def model_file(which: str) -> Path:
    """A checkpoint file, or the model of a run."""
    return Path(which) if Path(which).is_file() else find_run(which).model


def classifier_of(arguments: argparse.Namespace) -> tuple[Classifier, str]:
    """The classifier asked for, and what to call it."""
    if arguments.run:
        run = find_run(arguments.run)
        return load_classifier(run.model), run.id
    if arguments.model:
        return load_classifier(arguments.model), arguments.model
    return load_classifier(), "shipped"


def reference(run: Run) -> str:
    """How to name the run on the command line."""
    return run.id if run.folder.parent == runs_folder() else str(run.folder)
