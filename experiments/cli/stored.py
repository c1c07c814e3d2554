"""Stored: the commands that copy, restore and measure everything that is stored."""

from __future__ import annotations

import argparse

from experiments.cli.parser import argument, command, json_switch, repeated


@command("backup", argument("file FILE", "the file to create"))
def backup(arguments: argparse.Namespace) -> int:
    """Copy runs, sweeps, drawings and corrected labels into one file, while the app runs.

    The file is not compressed. What can be made again (downloads, parsed copies) is not in it.
    """
    from experiments.cli import backup

    return backup.backup(arguments)


@command("restore", argument("file FILE", "a file that digits backup made"))
def restore(arguments: argparse.Namespace) -> int:
    """Restore a backup into an empty folder of runs and an empty storage of drawings.

    example:
      DIGITS_RUNS=new/runs DIGITS_DRAWINGS=new/drawings.csv digits restore backup.zip
    """
    from experiments.cli import backup

    return backup.restore(arguments)


@command(
    "space",
    repeated("--remove PART", "remove this part for good: trash, checkpoints, results or copies"),
    json_switch(""),
)
def space(arguments: argparse.Namespace) -> None:
    """Show how much of the disk is taken by what, and which parts can go.

    Runs and sweeps that were deleted 30 days ago are removed, except those with a name, a note or a
    star.
    """
    from experiments.cli import space

    space.space(arguments)
