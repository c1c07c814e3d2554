"""The command `digits runs`: runs are listed, put beside each other, deleted and brought back."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from typing import Any

from dataset import DataError
from experiments.cli import listing, terminal
from experiments.cli.naming import find_run, full_id, short_ids
from experiments.comparison import Comparison, ComparisonError, compare, shared_validation
from experiments.runs.run import Run, RunError, runs_folder
from experiments.runs.table import RunRow, RunTable, differing_settings, row_of, run_rows, run_table
from experiments.runs.trash import delete_run, deleted_folder, restore_run
from experiments.training.data import training_overlap
from model import CheckpointError, ConfigError, load_classifier

NO_END = 10**6  # letters in a line of a file


def runs(arguments: argparse.Namespace) -> int:
    if arguments.delete:
        return delete_runs(arguments.runs)
    if arguments.restore:
        return restore_runs(arguments.runs)
    known = run_rows()
    rows = [row_of(find_run(which)) for which in arguments.runs]
    if rows:
        return compare_runs(rows, short_ids(known), as_json=arguments.json)
    if arguments.limit < 0:
        raise ConfigError(f"--limit takes how many runs to list, or 0 for all, got {arguments.limit}.")
    found = [row for row in known if arguments.group in (None, row.group)]
    found = listing.chosen(found, arguments.filter, arguments.sort)
    shown = found[: arguments.limit or None]
    if arguments.json:
        differ = differing_settings(shown)
        print(json.dumps({"runs": [listing.as_json(row) for row in shown], "differing": differ, "found": len(found)}))
        return 0
    for folder, why in run_table().damaged():
        print(f"digits: {folder.name} in {folder.parent} is no whole run. {why}", file=sys.stderr)
    if not shown:
        print("No run is like that." if known else f"There are no runs in {runs_folder()} yet. Make one: digits train")
        return 0
    print("\n".join(listing.table(shown, short_ids(known), terminal.width(sys.stdout))))
    if len(shown) < len(found):
        print(f"\n{len(shown):,} of {len(found):,} runs; --limit 0 lists all.")
    return 0


def delete_runs(names: list[str]) -> int:
    """Move runs aside, also damaged ones."""
    if not names:
        raise RunError("Say which runs to delete: digits runs --delete RUN ...")
    damaged = {folder.name: Run(folder) for folder, _ in run_table().damaged()}
    for run in [damaged.get(name) or find_run(name) for name in names]:
        delete_run(run)
        print(f"{run.id} is deleted. Bring it back: digits runs --restore {run.id}")
    return 0


def restore_runs(names: list[str]) -> int:
    """Bring deleted runs back, or list them."""
    deleted = RunTable(deleted_folder()).rows()
    for name in names:
        print(f"{restore_run(full_id(name, deleted)).id} is back.")
    if not names and deleted:
        print("\n".join(listing.table(deleted, short_ids(deleted), terminal.width(sys.stdout))))
    elif not names:
        print("No run is deleted.")
    return 0


def compare_runs(rows: list[RunRow], short: dict[str, str], *, as_json: bool) -> int:
    """Some runs beside each other; if they are two, also what their models make of the same digits."""
    found: Comparison | None = None
    why = ""
    if len(rows) == 2:
        try:
            for row in rows:
                if not row.run.model.exists():
                    raise ComparisonError(f"{short.get(row.id, row.id)} has none yet.")
            digits = shared_validation(rows[0].config, rows[1].config)
            models = [load_classifier(row.run.model) for row in rows]
            found = compare(models[0], models[1], digits)
        except (ComparisonError, CheckpointError, DataError) as error:
            why = f"Their models are not compared: {error}"
    if as_json:
        differ = differing_settings(rows)
        result: dict[str, Any] = {"runs": [listing.as_json(row) for row in rows], "differing": differ}
        print(json.dumps(result | {"comparison": found and listing.comparison_as_json(found)}))
        return 0
    width = terminal.width(sys.stdout) or NO_END
    lines = listing.side_by_side(rows, short)
    if max(map(len, lines)) > width:
        lines = listing.table(rows, short, width)
    print("\n".join(lines))
    for row in rows:
        if row.note:
            print(f"\n{row.name}: {row.note}")
    if found:
        names = [short.get(row.id, row.id) for row in rows]
        for name, model in zip(names, models, strict=True):
            seen = training_overlap(model, digits) if model.settings.get("start_from") else 0
            if seen:  # what it continues from had other validation digits
                print(f"digits: {name} began with weights that had learnt {seen:,} of these digits.", file=sys.stderr)
        print(f"\nThey disagree on {len(found.disagreements):,} of {found.total:,} validation digits.")
        print(textwrap.fill(found.verdict(*names), width))
    elif why:
        print("\n" + textwrap.fill(why, width))
    return 0
