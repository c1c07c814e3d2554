"""What each command of `digits` does."""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from dataset import (
    SOURCES,
    DataError,
    Digits,
    available,
    check_csv,
    count_by_digit,
    default_source,
    download,
    load_digits,
    load_training,
)
from dataset.corrections import Corrections, load_corrections
from dataset.drawings import store
from dataset.drawings.exchange import export_drawings, import_drawings, move_drawings
from dataset.image_files import read_image
from experiments import listing, terminal
from experiments.calibration import calibrate_threads
from experiments.comparison import Comparison, ComparisonError, compare, shared_validation
from experiments.deletion import delete_run, deleted_folder, restore_run
from experiments.range_test import HIGHEST, make_range_test, read_range_test
from experiments.robustness import DISTURBANCES, count_right, sample
from experiments.run_table import RunRow, RunTable, differing_settings, row_of, run_rows, run_table
from experiments.runs import Run, RunError, Status, create_run, open_run, runs_folder
from experiments.seen import digits_seen
from experiments.sweeps import SweepError
from experiments.terminal import percent
from experiments.worker import train_run
from model import (
    BOUNDS,
    CHOICES,
    DEFAULT_PRESET,
    DESCRIPTIONS,
    HELP,
    PRESETS,
    BlankDrawing,
    CheckpointError,
    Classifier,
    ConfigError,
    TrainConfig,
    center_ink,
    load_checkpoint,
    load_classifier,
    parse_setting,
)
from model.metrics import confusion_matrix, wilson_interval

BAD_INPUT = (ConfigError, CheckpointError, DataError, RunError, SweepError, BlankDrawing, OSError)
NO_END = 10**6  # letters in a line of a file
SETTINGS = ("epochs", "steps", "learning_rate", "batch_size", "seed")  # those with an option of their own


def complain(sentence: str) -> int:
    print(f"digits: {' '.join(sentence.split())}", file=sys.stderr)
    return 2


def train(arguments: argparse.Namespace) -> int:
    config = config_of(arguments)
    start = model_file(arguments.start_from) if arguments.start_from else None
    prepare_data(config)
    if arguments.threads == "auto":
        threads, why = calibrate_threads(config)
        print(why, file=sys.stderr if arguments.json else sys.stdout, flush=True)
        config = config.replace(threads=threads)
    run = create_run(config, name=arguments.name or arguments.preset, start=start, folder=arguments.run)
    return follow(run, as_json=arguments.json)


def config_of(arguments: argparse.Namespace) -> TrainConfig:
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
            changes[name] = parse_setting(name, getattr(arguments, name))
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
        changes[name] = parse_setting(name, text)
    data = arguments.data or default_source()
    # A path is kept whole, so that the run can be resumed from any folder.
    changes["data"] = data if data in SOURCES else str(Path(data).expanduser().absolute())
    return config.replace(**changes)


def prepare_data(config: TrainConfig) -> None:
    """Fail, or download, before there is a run."""
    if config.data not in SOURCES:
        load_training(config.data, config.validation_share)
    elif not available(config.data):
        download(config.data, progressbar=sys.stderr.isatty())


def resume(arguments: argparse.Namespace) -> int:
    run = find_run(arguments.run)
    status = run.status()
    if status.active and run.alive():  # one that was killed before it began reads as queued for a while
        run.ask("run")
        print(f"The run {run.id} is {status.state} in another process, which goes on with it.")
        return 0
    if status.state == "finished":
        print(f"The run {run.id} is finished: there is nothing to resume. Try it: digits test --run {reference(run)}")
        return 0
    run.queue()
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
        accuracy = f" {terminal.percent(status.validation_accuracy)} of {status.validation_images:,} validation images."
    reason = f" {status.reason}" if status.reason else ""
    ended = "Finished" if status.state == "finished" else f"Stopped {where}"
    print(f"{ended} after {status.epoch:.4g} epochs, {terminal.duration(status.seconds)}.{accuracy}{reason}", file=out)
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
    config = config_of(arguments)
    prepare_data(config)
    run = make_range_test(config, name=arguments.preset)
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


def sweep(arguments: argparse.Namespace) -> int:
    from experiments import sweep_command

    spec = sweep_command.spec_of(arguments)
    prepare_data(spec.base)
    return sweep_command.sweep(arguments, spec)


def learn(arguments: argparse.Namespace) -> int:
    from experiments import learn_command

    which = arguments.run or arguments.model
    return learn_command.learn(arguments, model_file(which) if which else None)


def test(arguments: argparse.Namespace) -> int:
    classifier, name = classifier_of(arguments)
    source = arguments.data or default_source()
    digits = load_digits(source, arguments.split)
    if not len(digits):
        raise DataError(f"{source} has no {arguments.split} digits; try --split all.")
    if not digits.labelled:
        raise DataError(f"{source} has no labels, so nothing can be scored; digits predict tells what it reads.")
    if digits.classes != classifier.classes:
        raise DataError(
            f"The model tells {classifier.classes[0]} to {classifier.classes[-1]}, and {source} holds "
            f"{digits.classes[0]} to {digits.classes[-1]}: choose a model of that data."
        )
    corrections = load_corrections() if arguments.corrected_labels else Corrections()
    digits = corrections.apply(digits)
    predictions = classifier.predict_proba(digits.images).argmax(axis=1)
    confusion = confusion_matrix(digits.labels, predictions)
    correct, total = int(confusion.trace()), len(digits)
    low, high = wilson_interval(correct, total)
    seen = digits_seen(classifier, digits) if (source, arguments.split) != (classifier.config.data, "test") else 0
    if seen:
        print(f"digits: this model was trained on {seen:,} of these {total:,} digits.", file=sys.stderr)
    part = sample(digits)
    withstood = robustness(classifier, part) if arguments.robustness else {}
    if arguments.json:
        found = {"accuracy": correct / total, "correct": correct, "total": total, "confusion": confusion.tolist()}
        found |= {"interval": [low, high], "source": source, "split": arguments.split, "seen": seen}
        found |= {"classes": list(digits.classes), "model": name, "fingerprint": classifier.fingerprint}
        if arguments.corrected_labels:
            found["label_corrections"] = corrections.version
        if withstood:
            found["robustness"] = {"digits": len(part), "correct": withstood}
        print(json.dumps(found))
        return 0
    print(f"{percent(correct / total)} right: {correct:,} of {total:,} {arguments.split} digits of {source}")
    print(f"95 % interval {percent(low)} to {percent(high)}; model {name} ({classifier.fingerprint})")
    if corrections.version:
        print(f"by the labels as people corrected them, version {corrections.version}: not to be compared with others")
    width = max(6, *(len(label) + 2 for label in digits.classes))
    print("\nRows: what it is. Columns: what the model said.")
    for label, row in zip(("", *digits.classes), [digits.classes, *confusion.tolist()], strict=True):
        print(f"{label:>{width}}" + "".join(f"{cell:>{width}}" for cell in row))
    if withstood:
        print(f"\nHow many % of {len(part):,} of them it reads right when they are disturbed:")
    for name, counts in withstood.items():
        print(f"{DISTURBANCES[name].axis:>28}" + "".join(f"{strength:>6}" for strength in counts))
        print(f"{'right':>28}" + "".join(f"{100 * right / len(part):>6.1f}" for right in counts.values()))
    return 0


def runs(arguments: argparse.Namespace) -> int:
    if arguments.delete:
        return delete_runs(arguments.runs)
    if arguments.restore:
        return restore_runs(arguments.runs)
    known = run_rows()
    rows = [row_of(find_run(which)) for which in arguments.runs]
    if rows:
        return compare_runs(rows, listing.short_ids(known), as_json=arguments.json)
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
    print("\n".join(listing.table(shown, listing.short_ids(known), terminal.width(sys.stdout))))
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
        print(f"{restore_run(listing.full_id(name, deleted)).id} is back.")
    if not names and deleted:
        print("\n".join(listing.table(deleted, listing.short_ids(deleted), terminal.width(sys.stdout))))
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
            seen = digits_seen(model, digits) if model.config.start_from else 0
            if seen:  # what it continues from had other validation digits
                print(f"digits: {name} began with weights that had learnt {seen:,} of these digits.", file=sys.stderr)
        print(f"\nThey disagree on {len(found.disagreements):,} of {found.total:,} validation digits.")
        print(textwrap.fill(found.verdict(*names), width))
    elif why:
        print("\n" + textwrap.fill(why, width))
    return 0


def robustness(classifier: Classifier, digits: Digits) -> dict[str, dict[str, int]]:
    """Disturbance -> strength -> how many of the digits are read right."""
    return {
        name: {f"{strength:g}": count_right(classifier, digits, name, strength) for strength in disturbance.strengths}
        for name, disturbance in DISTURBANCES.items()
    }


def predict(arguments: argparse.Namespace) -> int:
    classifier, name = classifier_of(arguments)
    inks = []
    for path in arguments.images:
        try:
            inks.append(center_ink(read_image(path)))
        except BlankDrawing as error:
            raise BlankDrawing(f"{path}: {error}") from error
    answers = []
    probabilities = classifier.predict_proba(np.stack(inks))
    for path, shares, known in zip(arguments.images, probabilities, classifier.knows(probabilities), strict=True):
        first, second = np.argsort(shares)[:-3:-1]
        labels = classifier.classes
        answers.append(
            {
                "file": path,
                "prediction": labels[first],
                "probability": float(shares[first]),
                "known": bool(known),
                "probabilities": dict(zip(labels, shares.tolist(), strict=True)),
            }
        )
        if not arguments.json:
            runner_up = f"then {labels[second]} with {percent(float(shares[second]))}"
            nearest = "" if known else "does not look like a digit I know; the nearest is "
            print(f"{path}: {nearest}{labels[first]} with {percent(float(shares[first]))}, {runner_up}")
    if arguments.json:
        print(json.dumps({"model": name, "fingerprint": classifier.fingerprint, "predictions": answers}))
    return 0


def presets(arguments: argparse.Namespace) -> int:
    if arguments.name is not None and arguments.name not in PRESETS:
        raise ConfigError(f"there is no preset {arguments.name!r}; the presets are {', '.join(PRESETS)}.")
    chosen = {name: PRESETS[name] for name in ([arguments.name] if arguments.name else PRESETS)}
    if arguments.json:
        found = {
            name: {
                "description": DESCRIPTIONS[name],
                "parameters": config.parameter_count(),
                "config": config.to_dict(),
            }
            for name, config in chosen.items()
        }
        print(json.dumps(found))
        return 0
    for name, config in chosen.items():
        print(f"{name}{' (default)' if name == DEFAULT_PRESET else ''}: {DESCRIPTIONS[name]}")
        print(f"    {architecture(config)}, {config.parameter_count():,} parameters")
        print(f"    {recipe(config)}")
    if not arguments.name:
        print("\nAll settings of one: digits presets NAME. Train it: digits train --preset NAME")
        return 0
    print("\nSettings, each changed with --set KEY=VALUE:")
    for key, value in chosen[arguments.name].to_dict().items():
        if key in ("data", "start_from"):
            continue
        bounds = BOUNDS.get(key)
        limits = f" [{bounds.low:g} to {bounds.high:g}]" if bounds else ""
        limits = f" [{', '.join(CHOICES[key])}]" if key in CHOICES else limits
        shown = ",".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if bounds else value
        print(f"  {key}={shown}{limits}\n      {HELP[key]}")
    return 0


def architecture(config: TrainConfig) -> str:
    outputs = ", sigmoid outputs" if config.loss == "squared-error" else ""
    return f"{config.architecture} {config.activation}{outputs}"


def recipe(config: TrainConfig) -> str:
    batch = f"batch {config.batch_size}" if config.batch_size else "full batch"
    length = f"{config.steps} steps" if config.steps else f"{config.epochs} epochs"
    parts = [config.loss, config.optimizer, config.schedule, f"learning rate {config.learning_rate:g}", batch, length]
    if config.weight_decay:
        parts.append(f"weight decay {config.weight_decay:g}")
    if config.label_smoothing:
        parts.append(f"label smoothing {config.label_smoothing:g}")
    if config.shift or config.rotation or config.scale or config.shear:
        parts.append("augmented")
    return ", ".join(parts)


def data_list(_: argparse.Namespace) -> int:
    for source in SOURCES.values():
        here = "here" if available(source.name) else f"not here yet: digits data download {source.name}"
        print(f"{source.name} ({here})\n    {source.explanation}")
    counts = count_by_digit()
    each = ", ".join(f"{count} of {digit}" for digit, count in enumerate(counts) if count)
    print(f"drawings ({counts.sum():,} in {store().name})\n    {each or 'None yet: draw some on the Draw page.'}")
    return 0


def data_download(arguments: argparse.Namespace) -> int:
    if arguments.name not in SOURCES:
        raise DataError(f"there is no source {arguments.name!r}; the sources are {', '.join(SOURCES)}.")
    print(f"{arguments.name} is in {download(arguments.name, progressbar=sys.stderr.isatty())}")
    return 0


def data_check(arguments: argparse.Namespace) -> int:
    problems = check_csv(arguments.file)
    for problem in problems:
        print(problem)
    if problems:
        return complain(f"{arguments.file} has {'at least ' if len(problems) == 20 else ''}{len(problems)} problems.")
    digits = load_digits(arguments.file, "all")
    print(f"{arguments.file} is whole: {len(digits):,} digits{'' if digits.labelled else ', without labels'}.")
    return 0


def data_export(arguments: argparse.Namespace) -> int:
    print(f"{export_drawings(arguments.file):,} drawings are now in {arguments.file}.")
    return 0


def data_import(arguments: argparse.Namespace) -> int:
    print(f"{import_drawings(arguments.file):,} digits were added to {store().name}.")
    return 0


def data_suspects(arguments: argparse.Namespace) -> int:
    from experiments import suspects_command

    return suspects_command.suspects(arguments)


def data_move(arguments: argparse.Namespace) -> int:
    before = store().name
    moved = move_drawings(arguments.to)
    print(f"{moved:,} drawings are now in {arguments.to} with their history, and still in {before}.")
    if "://" in arguments.to:
        print("Set DIGITS_DATABASE to that address to use them from there.")
    else:
        print("Set DIGITS_DRAWINGS to that file and no DIGITS_DATABASE to use them from there.")
    return 0


def classifier_of(arguments: argparse.Namespace) -> tuple[Classifier, str]:
    """The classifier asked for, and what to call it."""
    if arguments.run:
        run = find_run(arguments.run)
        return load_classifier(run.model), run.id
    if arguments.model:
        return load_classifier(arguments.model), arguments.model
    return load_classifier(), "shipped"


def model_file(which: str) -> Path:
    """A checkpoint file, or the model of a run."""
    return Path(which) if Path(which).is_file() else find_run(which).model


def find_run(which: str) -> Run:
    """By its id, a part of it that no other run has, its name, or its folder."""
    if os.sep in which or Path(which).is_dir():
        return open_run(Path(which))
    return open_run(listing.full_id(which, run_rows()))


def reference(run: Run) -> str:
    """How to name the run on the command line."""
    return run.id if run.folder.parent == runs_folder() else str(run.folder)
