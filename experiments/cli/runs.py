"""The command `digits runs`: list, compare, delete and restore runs."""

from __future__ import annotations

import argparse
import json
import math
import textwrap
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dataset import DataError
from experiments.cli.naming import find_run, full_id, key_and_value, short_ids
from experiments.cli.terminal import UNLIMITED, plain, table_lines, terminal_width, warn, write
from experiments.formats import MISSING, duration, loss, percent
from experiments.runs.config import CHOICES, SETTINGS, RunConfig, differing, setting_text
from experiments.runs.run import STATES, Run, RunError, runs_folder
from experiments.runs.table import RunRow, RunTable, row_of, run_rows, run_table
from experiments.runs.trash import delete_run, deleted_folder, empty_trash, restore_run
from model import CheckpointError, ConfigError

if TYPE_CHECKING:
    from experiments.comparison import Comparison

LONGEST = 24  # characters of a name or a value
LONGEST_NARROW, NARROW = 14, 100  # characters of a name in a terminal with shorter lines than this
SORTS: dict[str, Callable[[RunRow], Any]] = {
    "created": lambda row: -row.status.created,
    "accuracy": lambda row: None if (best := row.status.best_validation_accuracy) is None else -best,
    "loss": lambda row: row.status.best_validation_loss,
    "epochs": lambda row: row.status.epoch,
    "seconds": lambda row: row.status.seconds,
    "parameters": lambda row: row.status.parameters,
    "name": lambda row: row.name.lower(),
    "state": lambda row: row.status.state,
}
FILTERS: dict[str, Callable[[RunRow, str], bool]] = {
    "name": lambda row, text: text.lower() in row.name.lower(),
    "state": lambda row, text: row.status.state == text,
    "group": lambda row, text: row.status.group == text,
    "starred": lambda row, text: row.label.starred == (text == "true"),
}
ALLOWED = {**CHOICES, "state": STATES, "starred": ("true", "false")}


def runs(arguments: argparse.Namespace) -> None:
    """List the runs, compare those that are named, or delete or restore them."""
    empty_trash()
    if arguments.delete:
        delete_runs(arguments.runs)
    elif arguments.restore:
        restore_runs(arguments.runs)
    elif arguments.runs:
        rows = [row_of(find_run(name)) for name in arguments.runs]
        compare_runs(rows, short_ids(run_rows()), as_json=arguments.json)
    else:
        list_runs(arguments)


def list_runs(arguments: argparse.Namespace) -> None:
    """List the runs that match the filters, the damaged ones on standard error."""
    if arguments.limit < 0:
        raise ConfigError(f"--limit takes how many runs to list, or 0 for all, got {arguments.limit}.")
    rows = run_rows()
    found = [row for row in rows if arguments.group in (None, row.status.group)]
    found = sorted_rows(filtered_rows(found, arguments.filter), arguments.sort)
    shown = found[: arguments.limit or None]
    if arguments.json:
        differ = differing(row.config for row in shown)
        print(json.dumps({"runs": [row_record(row) for row in shown], "differing": differ, "found": len(found)}))
        return
    for folder, reason in run_table().damaged():
        warn(f"{folder.name} in {folder.parent} is not a complete run. {reason}")
    if not shown:
        write(
            "No run matches the filters."
            if rows
            else f"There are no runs in {runs_folder()} yet. Make one: digits train"
        )
        return
    write(*runs_table(shown, short_ids(rows), terminal_width()))
    if len(shown) < len(found):
        write("", f"{len(shown):,} of {len(found):,} runs; --limit 0 lists all.")


def filtered_rows(rows: Sequence[RunRow], filters: Sequence[str]) -> list[RunRow]:
    """The rows that match every KEY=VALUE. ConfigError for an unknown key or a wrong value."""
    for text in filters:
        key, value = key_and_value(text, "--filter", "optimizer=adam")
        rows = [row for row in rows if _matches(row, key, value)]
    return list(rows)


def _matches(row: RunRow, key: str, text: str) -> bool:
    if key in ALLOWED and text not in ALLOWED[key]:
        raise ConfigError(f"{key} is one of {', '.join(ALLOWED[key])}, got {text!r}.")
    if key in FILTERS:
        return FILTERS[key](row, text)
    if key not in SETTINGS:
        raise ConfigError(f"--filter takes {', '.join(FILTERS)} or a setting, got {key!r}.")
    value, wanted = getattr(row.config, key), RunConfig.parse(key, text)
    return math.isclose(value, wanted) if isinstance(value, float) else bool(value == wanted)


def sorted_rows(rows: Sequence[RunRow], key: str) -> list[RunRow]:
    """The rows in the order of a fact or a setting; rows without a value come last."""
    key = key.replace("-", "_")
    if key not in SORTS and key not in SETTINGS:
        raise ConfigError(f"--sort takes {', '.join(SORTS)} or a setting, got {key!r}.")
    value = SORTS[key] if key in SORTS else lambda row: getattr(row.config, key)
    return sorted(rows, key=lambda row: (value(row) is None, value(row)))


def runs_table(rows: Sequence[RunRow], short: dict[str, str], width: int | None = None) -> list[str]:
    """One line per run: its results and the settings that differ, as many as fit into the width.

    Below stand the state and the number of epochs that all runs have, and settings without room.
    """
    columns: dict[str, list[str]] = {
        "run": [short.get(row.id, row.id) for row in rows],
        "": ["*" if row.label.starred else "" for row in rows],
        "name": [_cut(row.name, LONGEST_NARROW if width and width < NARROW else LONGEST) for row in rows],
        "state": [row.status.state for row in rows],
        "best\naccuracy": [percent(row.status.best_validation_accuracy) for row in rows],
        "epochs": [_epochs(row) for row in rows],
        "time": [duration(row.status.seconds) for row in rows],
    }
    if not any(columns[""]):
        del columns[""]
    notes = []
    for heading, note in (("state", "All are {}."), ("epochs", "Epochs of each: {}.")):
        if len(rows) > 1 and len(set(columns[heading])) == 1:
            notes.append(note.format(columns.pop(heading)[0]))
    settings = {
        name: [_cut(setting_text(row.config, name)) for row in rows]
        for name in differing(row.config for row in rows)
        if name not in ("epochs", "steps")  # the column of epochs shows them
    }
    optional = dict(sorted(settings.items(), key=lambda item: (item[0] == "seed", -len(set(item[1])))))
    optional["made"] = [time.strftime("%d %b %H:%M", time.localtime(row.status.created)) for row in rows]
    room = math.inf if width is None else width + 2 - sum(_column_width(*column) for column in columns.items())
    shown = set()
    for name, cells in optional.items():
        if (needed := _column_width(name.replace("_", "\n"), cells)) <= room:
            room -= needed
            shown.add(name)
    columns |= {name.replace("_", "\n"): optional[name] for name in ("made", *settings) if name in shown}
    if without_room := [name.replace("_", " ") for name in settings if name not in shown]:
        notes.append(f"No room for {', '.join(without_room)}.")
    lines = table_lines(list(columns), list(zip(*columns.values(), strict=True)), left=("run", "", "name", "state"))
    return [*lines, "", " ".join(notes)] if notes else lines


def _column_width(heading: str, cells: Sequence[str]) -> int:
    """Characters of a column and of the gap next to it."""
    return max(map(len, [*heading.split("\n"), *cells])) + 2


def side_by_side(rows: Sequence[RunRow], short: dict[str, str]) -> list[str]:
    """One column per run: the settings that differ (of one run: from the defaults), and results."""
    settings = differing(row.config for row in rows) if len(rows) > 1 else differing([rows[0].config, RunConfig()])
    lines = [(name.replace("_", " "), *(setting_text(row.config, name) for row in rows)) for name in settings]
    lines += [] if settings else [("the same settings", *[""] * len(rows))]
    facts: dict[str, Callable[[RunRow], str]] = {
        "": lambda _: "",
        "state": lambda row: row.status.state,
        "best accuracy": lambda row: percent(row.status.best_validation_accuracy),
        "best loss": lambda row: loss(row.status.best_validation_loss),
        "best epoch": lambda row: MISSING if row.status.best_epoch is None else f"{row.status.best_epoch:.3g}",
        "last accuracy": lambda row: percent(row.status.validation_accuracy),
        "last loss": lambda row: loss(row.status.validation_loss),
        "epochs": _epochs,
        "time": lambda row: duration(row.status.seconds),
        "parameters": lambda row: f"{row.status.parameters:,}",
    }
    lines += [(name, *map(fact, rows)) for name, fact in facts.items()]
    headings = ["", *(f"{short.get(row.id, row.id)}\n{_cut(row.name)}" for row in rows)]
    return table_lines(headings, [[_cut(cell) for cell in line] for line in lines], left=("",))


def compare_runs(rows: Sequence[RunRow], short: dict[str, str], *, as_json: bool) -> None:
    """Show runs side by side; compare the models of two of them on the same validation digits."""
    from experiments.comparison import ComparisonError

    names = [short.get(row.id, row.id) for row in rows]
    comparison: Comparison | None = None
    warnings: list[str] = []
    reason = ""
    if len(rows) == 2:
        try:
            comparison, warnings = compare_models(rows, names)
        except (ComparisonError, CheckpointError, DataError) as error:
            reason = f"Their models are not compared: {error}"
    if as_json:
        record = {"runs": [row_record(row) for row in rows], "differing": differing(row.config for row in rows)}
        print(json.dumps(record | {"comparison": comparison and comparison_record(comparison)}))
        return
    width = terminal_width() or UNLIMITED
    lines = side_by_side(rows, short)
    write(*(lines if max(map(len, lines)) <= width else runs_table(rows, short, width)))
    for row in rows:
        if row.label.note:
            write("", f"{row.name}: {row.label.note}")
    if comparison:
        for warning in warnings:
            warn(warning)
        count = len(comparison.disagreements)
        write("", f"They disagree on {count:,} of {comparison.total:,} validation digits.")
        write(textwrap.fill(plain(comparison.verdict(*names)), width))
    elif reason:
        write("", textwrap.fill(plain(reason), width))


def compare_models(rows: Sequence[RunRow], names: Sequence[str]) -> tuple[Comparison, list[str]]:
    """Compare the models of two runs on validation digits; warn where one was trained on some.

    Raises ComparisonError, CheckpointError or DataError where that cannot be.
    """
    from experiments.comparison import ComparisonError, compare, shared_validation  # SciPy, which a list does not need
    from experiments.training.data import training_overlap
    from model import load_classifier

    for row, name in zip(rows, names, strict=True):
        if not row.run.model.exists():
            raise ComparisonError(f"{name} has none yet.")
    digits = shared_validation(rows[0].config, rows[1].config)
    models = [load_classifier(row.run.model) for row in rows]
    warnings = []
    for name, model in zip(names, models, strict=True):
        # The weights that it started from may have been trained with other validation digits.
        if model.settings.get("start_from") and (overlap := training_overlap(model, digits)):
            warnings.append(f"{name} began with weights that had been trained on {overlap:,} of these digits.")
    return compare(models[0], models[1], digits), warnings


def delete_runs(names: Sequence[str]) -> None:
    """Move runs aside, also damaged ones."""
    if not names:
        raise RunError("Say which runs to delete: digits runs --delete RUN ...")
    damaged = {folder.name: Run(folder) for folder, _ in run_table().damaged()}
    for run in [damaged.get(name) or find_run(name) for name in names]:
        delete_run(run)
        write(f"{run.id} is deleted. Bring it back: digits runs --restore {run.id}")


def restore_runs(names: Sequence[str]) -> None:
    """Bring deleted runs back; without names, list them."""
    deleted = RunTable(deleted_folder()).rows()
    for name in names:
        write(f"{restore_run(full_id(name, deleted)).id} is back.")
    if not names:
        write(*(runs_table(deleted, short_ids(deleted), terminal_width()) if deleted else ["No run is deleted."]))


def row_record(row: RunRow) -> dict[str, Any]:
    """The facts and the settings of a run, for JSON."""
    status = row.status
    names = ("state", "reason", "group", "trial", "created", "seconds", "parameters", "best_epoch")
    record = {"id": row.id, "name": row.name, "note": row.label.note, "starred": row.label.starred}
    record |= {name: getattr(status, name) for name in names} | {"epochs": status.epoch}
    record |= {"best_accuracy": status.best_validation_accuracy, "best_loss": status.best_validation_loss}
    record |= {"last_accuracy": status.validation_accuracy, "last_loss": status.validation_loss}
    return record | {"config": row.config.to_dict()}


def comparison_record(comparison: Comparison) -> dict[str, Any]:
    """The results of a comparison, for JSON."""
    return {
        "digits": comparison.total,
        "correct": comparison.correct,
        "only_right": comparison.only_right,
        "disagreements": comparison.disagreements.tolist(),
        "p_value": comparison.p_value,
        "confusions": [confusion.tolist() for confusion in comparison.confusions],
    }


def _epochs(row: RunRow) -> str:
    """The epochs done, with those planned where the run has not reached its end."""
    status = row.status
    done = f"{round(row.status.epoch, 1):g}"
    return done if status.step >= status.total_steps or row.status.state == "finished" else f"{done}/{status.epochs:g}"


def _cut(text: str, longest: int = LONGEST) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
