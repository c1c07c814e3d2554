"""Drawn digits: how many real pen drawings a network reads, at three stroke widths, and writer by writer."""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.report import table
from experiments.pretraining.pens import PEN_DRAWINGS, WIDTHS, Pens, load_pens, pen_images
from model import CheckpointError, Classifier, load_classifier
from model.metrics import wilson_interval


def measure(classifier: Classifier, pens: Pens) -> None:
    rows, right = [], []
    for width in WIDTHS:
        hits = classifier.predict_proba(pen_images(pens, width)).argmax(axis=1) == pens.labels
        low, high = wilson_interval(int(hits.sum()), len(hits))
        rows.append([f"{width} px", f"{hits.mean():.2%}", f"{low:.2%} to {high:.2%}", f"{len(hits):,}"])
        right.append(hits)
    print(table(["stroke width", "accuracy", "95 % interval", "drawings"], rows))
    by_writer = [np.mean(np.array(right)[:, pens.writers == writer]) for writer in np.unique(pens.writers)]
    print(f"\nBy writer ({len(by_writer)}): lowest {min(by_writer):.1%}, median {np.median(by_writer):.1%}, ", end="")
    print(f"highest {max(by_writer):.1%}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a checkpoint; the shipped weights unless given")
    parser.add_argument("--pens", type=Path, default=PEN_DRAWINGS, help="the pen drawings (default: %(default)s)")
    arguments = parser.parse_args()
    if not arguments.pens.is_file():
        print(f"There are no pen drawings at {arguments.pens}. Name their file with --pens.", file=sys.stderr)
        return 2
    try:
        classifier, pens = load_classifier(arguments.model), load_pens(arguments.pens)
    except CheckpointError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"## Drawn digits\n\nModel {classifier.fingerprint}, {classifier.parameter_count:,} parameters.\n")
    measure(classifier, pens)
    return 0


if __name__ == "__main__":
    sys.exit(main())
