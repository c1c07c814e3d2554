"""The command `digits space`: how much of the disk is taken by what, and removal of some parts."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from experiments.cli.terminal import table_lines, write
from experiments.formats import size
from experiments.runs.trash import KEPT_DAYS, empty_trash
from experiments.space import measure_space, remove_part


def space(arguments: argparse.Namespace) -> None:
    """Remove the named parts; then list all parts with their size."""
    old = empty_trash()
    freed = {name: remove_part(name) for name in dict.fromkeys(arguments.remove)}
    parts = measure_space()
    if arguments.json:
        print(json.dumps({"parts": [asdict(part) for part in parts], "freed": freed}))
        return
    if old:
        write(f"{len(old)} runs or sweeps that were deleted {KEPT_DAYS} days ago were removed: {', '.join(old)}.")
    for name, number in freed.items():
        write(f"{size(number)} of {name} were removed.")
    rows = [
        [part.name, size(part.bytes), f"{part.files:,}", "yes" if part.can_go else "", part.purpose] for part in parts
    ]
    write(*table_lines(("part", "size", "files", "can go", "content"), rows, left=("part", "content")))
    write(f"In all {size(sum(part.bytes for part in parts))}. digits space --remove PART removes a part that can go.")
