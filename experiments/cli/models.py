"""The commands `digits presets`, `test` and `predict`: list presets, let a model read digits."""

from __future__ import annotations

import argparse
import json

import numpy as np

from dataset import DataError, Digits, default_source, load_digits
from dataset.corrections import Corrections, load_corrections
from dataset.image_files import read_image
from experiments.cli.naming import find_preset, load_chosen
from experiments.cli.terminal import table_lines, warn, write
from experiments.disturbances import DISTURBANCES
from experiments.formats import percent
from experiments.robustness import curves_of, measure, sample
from experiments.runs.config import BOUNDS, CHOICES, HELP, PRESETS, RunConfig, differing, has_effect, setting_text
from experiments.training.data import training_overlap
from model import DEFAULT_PRESET, DESCRIPTIONS, BlankDrawing, Classifier, center_ink
from model.metrics import confusion_matrix, wilson_interval

ARCHITECTURE = ("hidden", "image_layers", "activation")
RECIPE = ("loss", "optimizer", "schedule", "learning_rate", "batch_size")


def presets(arguments: argparse.Namespace) -> None:
    """List the presets, or the settings of the one that is named."""
    chosen = PRESETS if arguments.name is None else {arguments.name: find_preset(arguments.name)}
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
        return
    for name, config in chosen.items():
        write(f"{name}{' (default)' if name == DEFAULT_PRESET else ''}: {DESCRIPTIONS[name]}")
        write(f"    {config.architecture} {config.activation}, {config.parameter_count():,} parameters")
        write(f"    {recipe(config)}")
    if not arguments.name:
        write("", "All settings of one: digits presets NAME. Train it: digits train --preset NAME")
        return
    write("", "Settings, each changed with --set KEY=VALUE:")
    for key, value in chosen[arguments.name].to_dict().items():
        if key in ("data", "start_from"):
            continue
        bounds = BOUNDS.get(key)
        limits = f" [{bounds.low:g} to {bounds.high:g}]" if bounds else ""
        limits = f" [{', '.join(CHOICES[key])}]" if key in CHOICES else limits
        shown = ",".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if bounds else value
        write(f"  {key}={shown}{limits}", f"      {HELP[key]}")


def recipe(config: RunConfig) -> str:
    """How the preset is trained: the settings in RECIPE and those that differ from the defaults."""
    names = dict.fromkeys([*RECIPE, "steps" if config.steps else "epochs", *differing([config, RunConfig()])])
    shown = [name for name in names if name not in ARCHITECTURE and has_effect(config, name)]
    return ", ".join(f"{name.replace('_', ' ')} {setting_text(config, name)}" for name in shown)


def test(arguments: argparse.Namespace) -> None:
    """Score a model on labelled digits."""
    classifier, name = load_chosen(arguments)
    source = arguments.data or default_source()
    digits = load_digits(source, arguments.split)
    check_scorable(digits, source, arguments.split, classifier)
    corrections = load_corrections() if arguments.corrected_labels else Corrections()
    digits = corrections.apply(digits)
    confusion = confusion_matrix(digits.labels, classifier.predict_proba(digits.images).argmax(axis=1))
    correct, total = int(confusion.trace()), len(digits)
    low, high = wilson_interval(correct, total)
    is_own_test = (source, arguments.split) == (classifier.settings.get("data"), "test")
    overlap = 0 if is_own_test else training_overlap(classifier, digits)
    if overlap:
        warn(f"this model was trained on {overlap:,} of these {total:,} digits.")
    disturbed = sample(digits)
    robustness = measure_robustness(classifier, disturbed) if arguments.robustness else {}
    if arguments.json:
        found = {"accuracy": correct / total, "correct": correct, "total": total, "confusion": confusion.tolist()}
        found |= {"interval": [low, high], "source": source, "split": arguments.split, "seen": overlap}
        found |= {"classes": list(digits.classes), "model": name, "fingerprint": classifier.fingerprint}
        if arguments.corrected_labels:
            found["label_corrections"] = corrections.version
        if robustness:
            found["robustness"] = {"digits": len(disturbed), "correct": robustness}
        print(json.dumps(found))
        return
    write(f"{percent(correct / total)} right: {correct:,} of {total:,} {arguments.split} digits of {source}")
    write(f"95 % interval {percent(low)} to {percent(high)}; model {name} ({classifier.fingerprint})")
    if corrections.version:
        write(f"by the labels as people corrected them, version {corrections.version}; other scores do not compare")
    rows = [[label, *map(str, counts)] for label, counts in zip(digits.classes, confusion.tolist(), strict=True)]
    write("", "Rows: true class. Columns: predicted class.", *table_lines(["", *digits.classes], rows))
    if robustness:
        write(*robustness_lines(robustness, len(disturbed)))


def check_scorable(digits: Digits, source: str, split: str, classifier: Classifier) -> None:
    """Raise a DataError unless this model can be scored on these digits."""
    if not len(digits):
        raise DataError(f"{source} has no {split} digits; try --split all.")
    if not digits.labelled:
        raise DataError(f"{source} has no labels, so nothing can be scored; digits predict reads it.")
    if digits.classes != classifier.classes:
        raise DataError(
            f"The model recognises {classifier.classes[0]} to {classifier.classes[-1]}, and {source} holds "
            f"{digits.classes[0]} to {digits.classes[-1]}: choose a model of that data."
        )


def measure_robustness(classifier: Classifier, digits: Digits) -> dict[str, dict[str, int]]:
    """Disturbance -> strength -> how many of the digits the model reads right."""
    *_, counts = measure(classifier, digits)
    return {
        name: {f"{strength:g}": correct for strength, correct in curve.items()}
        for name, curve in curves_of(counts).items()
    }


def robustness_lines(robustness: dict[str, dict[str, int]], total: int) -> list[str]:
    """Two lines per disturbance: its strengths, and the share of digits read right at each."""
    rows = []
    for name, counts in robustness.items():
        rows.append([DISTURBANCES[name].axis, *counts])
        rows.append(["right", *(f"{100 * correct / total:.1f}" for correct in counts.values())])
    columns = max(map(len, rows))
    rows = [row + [""] * (columns - len(row)) for row in rows]
    return [
        "",
        f"How many % of {total:,} of them it reads right when they are disturbed:",
        *table_lines(rows[0], rows[1:]),
    ]


def predict(arguments: argparse.Namespace) -> None:
    """Read the digit in each picture."""
    classifier, name = load_chosen(arguments)
    inks = []
    for path in arguments.images:
        try:
            inks.append(center_ink(read_image(path)))
        except BlankDrawing as error:
            raise BlankDrawing(f"{path}: {error}") from error
    answers = []
    probabilities = classifier.predict_proba(np.stack(inks))
    for path, shares, known in zip(arguments.images, probabilities, classifier.knows(probabilities), strict=True):
        of_class = dict(zip(classifier.classes, shares.tolist(), strict=True))
        first, second = sorted(of_class, key=lambda label: -of_class[label])[:2]
        answer = {"file": path, "prediction": first, "probability": of_class[first]}
        answers.append(answer | {"known": bool(known), "probabilities": of_class})
        if not arguments.json:
            nearest = "" if known else "does not look like a digit I know; the nearest is "
            next_guess = f"then {second} with {percent(of_class[second])}"
            write(f"{path}: {nearest}{first} with {percent(of_class[first])}, {next_guess}")
    if arguments.json:
        print(json.dumps({"model": name, "fingerprint": classifier.fingerprint, "predictions": answers}))
