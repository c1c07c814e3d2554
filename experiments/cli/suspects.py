"""The command `digits data suspects`: labels ranked by how much networks doubt them, in a terminal."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from typing import Any, TextIO

from dataset import DataError, Digits
from dataset.corrections import Corrections, image_hashes, load_corrections
from experiments.cli import terminal
from experiments.cli.terminal import percent
from experiments.label_errors import (
    NETWORKS,
    LabelErrors,
    Search,
    SearchStatus,
    as_part,
    create_search,
    load_judged,
    parts_of,
    run_search,
    search_for,
)
from experiments.runs.run import RunError


def suspects(arguments: argparse.Namespace) -> int:
    """Search in this process, in view, unless the answers are there already."""
    if arguments.limit < 0:
        raise DataError(f"--limit is 0 or more, got {arguments.limit}.")
    source = arguments.source
    part = as_part(arguments.part or parts_of(source)[0])
    digits = load_judged(source, part)
    search = search_for(source, part, digits)
    if not search.is_done():
        search = create_search(source, part, digits)
        status = follow(search, sys.stderr if arguments.json else sys.stdout)
        if status.state != "finished":
            raise RunError(status.reason or "The search was stopped. The same command goes on where it was.")
    rows = ranked(search.result(), digits, load_corrections(), arguments.limit)
    if arguments.json:
        about = {"source": source, "part": part, "digits": len(digits), "read_otherwise": search.result().disagreements}
        print(json.dumps(about | {"suspects": rows}))
    else:
        print("\n".join(table(rows, digits, search.result())))
    return 0


def follow(search: Search, out: TextIO) -> SearchStatus:
    with terminal.Bar(out) if out.isatty() else terminal.Lines(out) as progress, closing(run_search(search)) as found:
        for status in found:
            left = "" if status.seconds_left is None else f"{terminal.duration(status.seconds_left)} left"
            waiting = "Waiting for another search to end." if status.state == "queued" else ""
            progress.draw(status.share, waiting or f"network {status.network} of {NETWORKS}", left)
    return status


def ranked(suspects: LabelErrors, digits: Digits, corrections: Corrections, limit: int) -> list[dict[str, Any]]:
    rows = suspects.order[:limit].tolist()
    found = []
    for row, image in zip(rows, image_hashes(digits.images[rows]), strict=True):
        label, read = int(digits.labels[row]), int(suspects.predicted[row])
        said = corrections.of.get(image)
        found.append(
            {
                "row": row,
                "label": label,
                "read": read,
                "label_probability": float(suspects.confidence[row]),
                "read_probability": float(suspects.probabilities[row, read]),
                "margin": float(suspects.margin[row]),
                "judged": said.verdict if said else "",
                "corrected": said.label if said and said.verdict == "relabelled" else label,
            }
        )
    return found


def table(rows: list[dict[str, Any]], digits: Digits, suspects: LabelErrors) -> list[str]:
    names = digits.classes
    width = max(6, *map(len, names))
    lines = [f"{'row':>8}  {'label':<{width}}{'':>9}  {'read as':<{width + 1}}{'':>9}  judged"]
    for row in rows:
        judged = f"now {names[row['corrected']]}" if row["judged"] == "relabelled" else row["judged"]
        lines.append(
            f"{row['row']:>8,}  {names[row['label']]:<{width}}{percent(row['label_probability']):>9}  "
            f"{names[row['read']]:<{width + 1}}{percent(row['read_probability']):>9}  {judged}".rstrip()
        )
    lines.append(
        f"{suspects.disagreements:,} of {len(digits):,} digits are read otherwise than labelled. "
        "Rows are counted from 0. Review them on the Data page, under Label errors."
    )
    return lines
