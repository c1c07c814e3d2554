"""Naming: which run or model somebody means who names one on the command line, and how to name it to them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from experiments.commands.listing import full_id
from experiments.run_table import run_rows
from experiments.runs import Run, open_run, runs_folder
from model import Classifier, load_classifier


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
