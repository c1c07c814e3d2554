"""The commands `digits test` and `digits predict`: a model reads digits."""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np
from numpy.typing import NDArray

from dataset import DataError, Digits, default_source, load_digits
from dataset.corrections import Corrections, load_corrections
from dataset.image_files import read_image
from experiments.cli.naming import classifier_of
from experiments.cli.terminal import percent
from experiments.disturbances import DISTURBANCES
from experiments.robustness import curves_of, measure, sample
from experiments.training.data import training_overlap
from model import BlankDrawing, Classifier, center_ink
from model.metrics import confusion_matrix, wilson_interval


def test(arguments: argparse.Namespace) -> int:
    classifier, name = classifier_of(arguments)
    source = arguments.data or default_source()
    digits = load_digits(source, arguments.split)
    check(digits, source, arguments.split, classifier)
    corrections = load_corrections() if arguments.corrected_labels else Corrections()
    digits = corrections.apply(digits)
    predictions = classifier.predict_proba(digits.images).argmax(axis=1)
    confusion = confusion_matrix(digits.labels, predictions)
    correct, total = int(confusion.trace()), len(digits)
    low, high = wilson_interval(correct, total)
    is_own_test = (source, arguments.split) == (classifier.settings.get("data"), "test")
    seen = 0 if is_own_test else training_overlap(classifier, digits)
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
    print_confusion(digits.classes, confusion)
    if withstood:
        print_robustness(withstood, len(part))
    return 0


def check(digits: Digits, source: str, split: str, classifier: Classifier) -> None:
    """Raise a DataError unless this model can be scored on these digits."""
    if not len(digits):
        raise DataError(f"{source} has no {split} digits; try --split all.")
    if not digits.labelled:
        raise DataError(f"{source} has no labels, so nothing can be scored; digits predict tells what it reads.")
    if digits.classes != classifier.classes:
        raise DataError(
            f"The model tells {classifier.classes[0]} to {classifier.classes[-1]}, and {source} holds "
            f"{digits.classes[0]} to {digits.classes[-1]}: choose a model of that data."
        )


def print_confusion(classes: tuple[str, ...], confusion: NDArray[np.int64]) -> None:
    width = max(6, *(len(label) + 2 for label in classes))
    print("\nRows: what it is. Columns: what the model said.")
    for label, row in zip(("", *classes), [classes, *confusion.tolist()], strict=True):
        print(f"{label:>{width}}" + "".join(f"{cell:>{width}}" for cell in row))


def print_robustness(withstood: dict[str, dict[str, int]], total: int) -> None:
    print(f"\nHow many % of {total:,} of them it reads right when they are disturbed:")
    for name, counts in withstood.items():
        print(f"{DISTURBANCES[name].axis:>28}" + "".join(f"{strength:>6}" for strength in counts))
        print(f"{'right':>28}" + "".join(f"{100 * right / total:>6.1f}" for right in counts.values()))


def robustness(classifier: Classifier, digits: Digits) -> dict[str, dict[str, int]]:
    """Disturbance -> strength -> how many of the digits are read correctly."""
    *_, counts = measure(classifier, digits)
    return {
        name: {f"{strength:g}": correct for strength, correct in curve.items()}
        for name, curve in curves_of(counts).items()
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
