"""Strangers: whether a network tells drawings that are no digits from digits, by how much it doubts its answer."""

import sys

import numpy as np

from benchmarks.drawn_digits import WRITERS, options
from benchmarks.report import table
from dataset import DataError, load_digits
from model import CheckpointError, Classifier, load_classifier
from model.arrays import Bytes, Floats
from model.classifier import entropy
from model.metrics import auroc
from pretraining.material import MANNERS as NAMES
from pretraining.pens import MANNERS, load_pens, pen_images
from pretraining.strangers import draw_strangers, unseen_families

ALL = "all of them"


def measure(classifier: Classifier, digits: dict[str, Bytes], strangers: dict[str, Bytes]) -> None:
    """Each family against all digits, each group of digits against all families; and what is rejected of either."""
    of_digits, of_strangers = doubts_of(classifier, digits), doubts_of(classifier, strangers)
    for heading, groups, others in (("no digits", of_strangers, of_digits), ("digits", of_digits, of_strangers)):
        rows = []
        for name, doubts in groups.items():
            area = auroc(doubts, others[ALL]) if groups is of_strangers else auroc(others[ALL], doubts)
            rejected = np.mean(doubts > classifier.rejects_above)
            rows.append([name, f"{area:.4f}", f"{rejected:.2%}", f"{len(doubts):,}"])
        print(table([heading, "AUROC against all the others", "rejected", "n"], rows), end="\n\n")


def doubts_of(classifier: Classifier, groups: dict[str, Bytes]) -> dict[str, Floats]:
    """How much the network doubts each image: by group, and of all groups."""
    doubts = {name: entropy(classifier.predict_proba(images)) for name, images in groups.items()}
    return doubts | {ALL: np.concatenate(list(doubts.values()))}


def main() -> int:
    parser = options(__doc__)
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
