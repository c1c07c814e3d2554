"""The commands `digits backup` and `digits restore`."""

from __future__ import annotations

import argparse

from dataset.drawings import drawing_storage
from dataset.files import path_of
from experiments.backups.archive import Contents
from experiments.backups.restore import restore_backup
from experiments.backups.save import save_backup
from experiments.cli.terminal import warn, write
from experiments.formats import count, size
from experiments.runs.run import runs_folder


def backup(arguments: argparse.Namespace) -> int:
    """Write a backup; -> exit status 1 if something could not be copied."""
    contents = save_backup(arguments.file)
    for sentence in contents.missing:
        warn(sentence)
    file = path_of(arguments.file)
    write(f"{summary(contents)} are now in {file} ({size(file.stat().st_size)}).")
    return 1 if contents.missing else 0


def restore(arguments: argparse.Namespace) -> int:
    """Restore a backup; -> exit status 1 if the backup was incomplete."""
    contents = restore_backup(arguments.file)
    for sentence in contents.missing:
        warn(sentence)
    write(f"{summary(contents)} of {contents.created} are now in {runs_folder()} and {drawing_storage().name}.")
    return 1 if contents.missing else 0


def summary(contents: Contents) -> str:
    """How many runs and sweeps are in a backup, and of the drawings how many bytes."""
    runs, sweeps = contents.count("runs", "config.json"), contents.count("runs/.sweeps", "sweep.json")
    drawings = sum(entry.bytes for name, entry in contents.files.items() if name.startswith("drawings/"))
    return f"{count(runs, 'run')}, {count(sweeps, 'sweep')} and {size(drawings)} of drawings and corrected labels"
