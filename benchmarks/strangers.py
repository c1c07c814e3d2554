"""Strangers: whether a network tells drawings that are no digits from digits, by how probable its answer is."""

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.report import table
from dataset import DataError, load_digits
from experiments.pretraining.material import MANNERS as NAMES
from experiments.pretraining.pens import HELD_OUT, MANNERS, VALIDATION, load_pens, pen_images
from experiments.pretraining.strangers import draw_strangers, unseen_families
from model import CheckpointError, Classifier, load_classifier
from model.arrays import Bytes
from model.metrics import auroc

WRITERS = {"validation": VALIDATION, "held-out": HELD_OUT}


def measure(classifier: Classifier, digits: dict[str, Bytes], strangers: dict[str, Bytes]) -> None:
    """How sure the network is, digits against each family and against all; and what is rejected of either."""
    sure = {name: classifier.predict_proba(images) for name, images in (digits | strangers).items()}
    everyone = np.concatenate([sure[name] for name in digits])
    all_strangers = np.concatenate([sure[name] for name in strangers])
    rows = []
    for name, probabilities in [*((name, sure[name]) for name in strangers), ("all of them", all_strangers)]:
        area = auroc(everyone.max(axis=1), probabilities.max(axis=1))
        rejected = 1 - np.mean(classifier.knows(probabilities))
        rows.append([name, f"{area:.4f}", f"{rejected:.1%}", f"{len(probabilities):,}"])
    print(table(["drawings that are no digits", "AUROC", "rejected", "n"], rows), end="\n\n")
    rows = []
    for name, probabilities in [*((name, sure[name]) for name in digits), ("all of them", everyone)]:
        area = auroc(probabilities.max(axis=1), all_strangers.max(axis=1))
        rejected = 1 - np.mean(classifier.knows(probabilities))
        rows.append([name, f"{area:.4f}", f"{rejected:.2%}", f"{len(probabilities):,}"])
    print(table(["digits", "AUROC", "rejected", "n"], rows))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="a checkpoint; the shipped weights unless given")
    parser.add_argument("--pens", type=Path, required=True, help="the pen drawings, a .npz file")
    parser.add_argument("--writers", choices=WRITERS, default="held-out", help="of the digits (default: %(default)s)")
    parser.add_argument("--each", type=int, default=500, help="drawings of each family (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawings (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        classifier, pens = load_classifier(arguments.model), load_pens(arguments.pens).by(WRITERS[arguments.writers])
        digits = {"MNIST, test": load_digits("mnist", "test").images}
    except (CheckpointError, DataError) as error:
        print(error, file=sys.stderr)
        return 2
    digits |= {f"pens, {name}": pen_images(pens, *MANNERS[name]) for name in NAMES}
    strangers = draw_strangers(unseen_families(pens), arguments.each, arguments.seed)
    print(f"## Strangers\n\nModel {classifier.fingerprint}; the pens are those of the {arguments.writers} writers.\n")
    measure(classifier, digits, strangers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
