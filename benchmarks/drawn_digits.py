"""Drawn digits: accuracy on real pen drawings by writers that no training used."""

import argparse
import os
import sys

import numpy as np

from benchmarks.report import table
from dataset import DataError
from model import CheckpointError, Classifier, load_classifier
from model.metrics import calibration_error, wilson_interval
from pretraining.pens import HELD_OUT, MANNERS, VALIDATION, Pens, load_pens, pen_images

WRITERS = {"held-out": HELD_OUT, "validation": VALIDATION}
HEADER = ("drawn", "accuracy", "95 % interval", "lowest writer", "median writer", "calibration error", "drawings")


def measure(classifier: Classifier, pens: Pens) -> list[list[str]]:
    """The rows of the table, a manner of drawing each."""
    rows = []
    for name, manner in MANNERS.items():
        probabilities = classifier.predict_proba(pen_images(pens, manner))
        hits = probabilities.argmax(axis=1) == pens.labels
        low, high = wilson_interval(int(hits.sum()), len(hits))
        by_writer = [hits[pens.writers == writer].mean() for writer in np.unique(pens.writers)]
        interval, error = f"{low:.2%} to {high:.2%}", calibration_error(probabilities, pens.labels)
        ends = (f"{min(by_writer):.1%}", f"{np.median(by_writer):.1%}", f"{error:.3f}", f"{len(hits):,}")
        rows.append([name, f"{hits.mean():.2%}", interval, *ends])
    return rows


def options(description: str | None) -> argparse.ArgumentParser:
    """Which model, and which pens."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--model", help="a checkpoint; the shipped weights unless given")
    data = os.environ.get("DIGITS_REFERENCE_DATA")
    path = f"{data}/pen-drawings/pendigits_orig_train.npz" if data else None
    help_ = "the pen drawings, a .npz file (default: pen-drawings/pendigits_orig_train.npz in DIGITS_REFERENCE_DATA)"
    parser.add_argument("--pens", default=path, required=not path, help=help_)
    parser.add_argument("--writers", choices=WRITERS, default="held-out", help="whose digits (default: %(default)s)")
    return parser


def main() -> int:
    parser = options(__doc__)
    arguments = parser.parse_args()
    try:
        classifier, pens = (
            load_classifier(arguments.model),
            load_pens(arguments.pens).of_writers(WRITERS[arguments.writers]),
        )
    except (CheckpointError, DataError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"## Drawn digits\n\nModel {classifier.fingerprint}, {classifier.parameter_count:,} parameters; ", end="")
    print(f"{len(np.unique(pens.writers))} {arguments.writers} writers.\n\n{table(HEADER, measure(classifier, pens))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
