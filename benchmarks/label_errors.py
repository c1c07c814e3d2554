"""Label errors: how many known ones are at the top of the ranking."""

import benchmarks.one_core  # noqa: F401  # isort: skip
import time

import numpy as np

from benchmarks.known_errors import FIRST_OF_TEST, FIRST_SHARE, FLIPPED, VALIDATED, among, flipped
from benchmarks.report import Goal, begin, conclude, table
from dataset import Digits, available, load_digits, load_training
from experiments.label_errors import LabelErrors, rank_label_errors

HEADER = ("label errors", "labels checked", "found by margin", "found by self-confidence", "time of one core")


def measure(what: str, digits: Digits, wrong: np.ndarray, first: int, train: Digits | None = None) -> list[str]:
    began = time.process_time()
    ranking = rank_label_errors(digits, train)
    seconds = time.process_time() - began
    found = [f"{among(order, wrong, first)} of {len(wrong)}" for order in (ranking.order, by_confidence(ranking))]
    return [what, f"first {first:,} of {len(digits):,}", *found, f"{seconds:.0f} s"]


def by_confidence(ranking: LabelErrors) -> np.ndarray:
    """Rows, those with the lowest probability of their label first."""
    return np.argsort(ranking.confidence, kind="stable")


def main() -> None:
    begin("Label errors", "Out of fold, by five networks of 784-256-128-10; the time is that of one core.")
    rows, goals = [], []
    if available("mnist"):
        test, train = load_digits("mnist", "test"), load_training("mnist", 0)[0]
        name = "MNIST test, validated by people"
        rows.append(measure(name, test, np.array(VALIDATED), FIRST_OF_TEST, train))
        goals.append(
            Goal("confirmed label errors among the first 200", int(rows[-1][2].split()[0]), 10, more=True, digits=0)
        )
        wrong, which = flipped(train, FLIPPED)
        rows.append(measure("MNIST training, 1 % flipped", wrong, which, round(FIRST_SHARE * len(train))))
        share = 100 * int(rows[-1][2].split()[0]) / len(which)
        goals.append(Goal("flipped labels in the first 2 %", share, 90, unit=" %", more=True, digits=1))
    else:
        print("MNIST is not on this computer: set DIGITS_DATA, or run `digits data download mnist`.")
    few = load_digits("mnist-5k", "all")
    wrong, which = flipped(few, FLIPPED)
    rows.append(measure("mnist-5k, 1 % flipped", wrong, which, round(FIRST_SHARE * len(few))))
    print(table(HEADER, rows))
    conclude(*goals)


if __name__ == "__main__":
    main()
