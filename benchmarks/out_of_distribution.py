"""Out-of-distribution images: how well the entropy of a prediction separates them from digits."""

import sys

import numpy as np

from benchmarks.drawn_digits import WRITERS, options
from benchmarks.report import table
from dataset import DataError, load_digits
from model import CheckpointError, Classifier, load_classifier
from model.arrays import Bytes, Floats
from model.classifier import entropy
from model.metrics import auroc
from pretraining.out_of_distribution import draw_images, families_for_tests
from pretraining.pens import MANNERS, load_pens, pen_images
from pretraining.shipped import MANNERS as NAMES

ALL = "all of them"


def measure(classifier: Classifier, digits: dict[str, Bytes], drawings: dict[str, Bytes]) -> None:
    """Compare each family with all digits and each group of digits with all families."""
    of_digits, of_drawings = entropies(classifier, digits), entropies(classifier, drawings)
    for heading, groups, others in (("no digits", of_drawings, of_digits), ("digits", of_digits, of_drawings)):
        rows = []
        for name, values in groups.items():
            area = auroc(values, others[ALL]) if groups is of_drawings else auroc(others[ALL], values)
            rejected = np.mean(values > classifier.rejects_above)
            rows.append([name, f"{area:.4f}", f"{rejected:.2%}", f"{len(values):,}"])
        print(table([heading, "AUROC against all the others", "rejected", "n"], rows), end="\n\n")


def entropies(classifier: Classifier, groups: dict[str, Bytes]) -> dict[str, Floats]:
    """The entropy of the prediction for each image, by group and for all groups."""
    values = {name: entropy(classifier.predict_proba(images)) for name, images in groups.items()}
    return values | {ALL: np.concatenate(list(values.values()))}


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--each", type=int, default=500, help="drawings of each family (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawings (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        classifier, pens = (
            load_classifier(arguments.model),
            load_pens(arguments.pens).of_writers(WRITERS[arguments.writers]),
        )
        digits = {"MNIST, test": load_digits("mnist", "test").images}
    except (CheckpointError, DataError) as error:
        print(error, file=sys.stderr)
        return 2
    digits |= {f"pens, {name}": pen_images(pens, MANNERS[name]) for name in NAMES}
    drawings = draw_images(families_for_tests(pens), arguments.each, arguments.seed)
    print(f"## Out-of-distribution drawings\n\nModel {classifier.fingerprint}; ", end="")
    print(f"pen drawings of the {arguments.writers} writers.\n")
    measure(classifier, digits, drawings)
    return 0


if __name__ == "__main__":
    sys.exit(main())
