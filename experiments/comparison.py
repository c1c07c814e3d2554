"""Comparison: whether one model reads digits better than another, and the mean of several training
curves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from dataset import Digits, load_training
from experiments.runs.config import RunConfig
from model import Classifier
from model.errors import DigitLabError
from model.metrics import confusion_matrix

if TYPE_CHECKING:
    import pandas as pd

GRID = 400  # points of a mean curve, at most


class ComparisonError(DigitLabError):
    """Two models that cannot be compared; the message says why."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What two models answered on the same n digits, all (n,): for each model predictions and their
    probabilities.
    """

    labels: NDArray[np.uint8]
    predictions: tuple[NDArray[np.int64], NDArray[np.int64]]
    confidences: tuple[NDArray[np.float32], NDArray[np.float32]]

    @property
    def total(self) -> int:
        return len(self.labels)

    @cached_property
    def right(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        first, second = self.predictions
        return first == self.labels, second == self.labels

    @property
    def correct(self) -> tuple[int, int]:
        first, second = self.right
        return int(first.sum()), int(second.sum())

    @cached_property
    def confusions(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Counts (10, 10) of each model: true classes in rows, predicted ones in columns."""
        first, second = (confusion_matrix(self.labels, predictions) for predictions in self.predictions)
        return first, second

    @property
    def confusion_difference(self) -> NDArray[np.int64]:
        """How many more of each cell the second model has than the first."""
        first, second = self.confusions
        return second - first

    @property
    def only_right(self) -> tuple[int, int]:
        """How many digits the first alone reads right, and how many the second alone."""
        first, second = self.right
        return int((first & ~second).sum()), int((second & ~first).sum())

    @property
    def chance(self) -> float:
        """How likely two equally good models differ at least so much: the p-value of McNemar's
        exact test.
        """
        return mcnemar(*self.only_right)

    @cached_property
    def disagreements(self) -> NDArray[np.int64]:
        """The digits that the two read differently: first where one is right, in each part the
        surest answers first.
        """
        (first, second), (right, also_right) = self.predictions, self.right
        rows = np.flatnonzero(first != second)
        sure = self.confidences[0] + self.confidences[1]
        return rows[np.lexsort((-sure[rows], right[rows] == also_right[rows]))]

    def verdict(self, first: str, second: str) -> str:
        """Which of the two reads better, and how sure that is, in a sentence or two."""
        alone, other_alone = self.only_right
        if not alone + other_alone:
            return f"{first} and {second} are right and wrong on the same {self.total:,} digits."
        better, worse = (first, second) if alone >= other_alone else (second, first)
        more, fewer = max(alone, other_alone), min(alone, other_alone)
        counts = f"{better} alone reads {more:,} of {self.total:,} digits right, {worse} alone {fewer:,}."
        if self.chance >= 0.05:
            return f"{counts} That may be chance: two equally good models differ so much {often(self.chance)}."
        return f"{counts} {better} is better: two equally good models differ so much only {often(self.chance)}."


def compare(first: Classifier, second: Classifier, digits: Digits) -> Comparison:
    """Both models on the same labelled digits."""
    if not len(digits) or not digits.labelled:
        raise ComparisonError(f"{digits.source} has no labelled digits to compare two models on.")
    for classifier in (first, second):
        if classifier.classes != digits.classes:
            raise ComparisonError(
                f"A model tells {classifier.classes[0]} to {classifier.classes[-1]}, and {digits.source} holds "
                f"{digits.classes[0]} to {digits.classes[-1]}: only models of the same classes can be compared."
            )
    return of_probabilities(digits.labels, *(model.predict_proba(digits.images) for model in (first, second)))


def of_probabilities(labels: NDArray[np.uint8], first: NDArray[np.float32], second: NDArray[np.float32]) -> Comparison:
    """From what both answered, (n, 10) each."""
    return Comparison(
        labels,
        (first.argmax(axis=1), second.argmax(axis=1)),
        (first.max(axis=1), second.max(axis=1)),
    )


def shared_validation(first: RunConfig, second: RunConfig) -> Digits:
    """The digits that both runs kept aside; a model that one of them continues from may have learnt
    them.
    """
    if first.data != second.data:
        raise ComparisonError(f"One run learnt from {first.data}, the other from {second.data}.")
    share = min(first.validation_share, second.validation_share)  # the last digits: a smaller share is in both
    if not share:
        raise ComparisonError("One of the runs kept no digits aside for validation.")
    return load_training(first.data, share)[1]


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value: of as many fair coins as there are digits that only one model reads right
    (McNemar 1947).
    """
    fewer, total = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(fewer, total, 0.5)))  # exact, also where the usual chi-squared is an approximation


def often(chance: float) -> str:
    """ "in 14 % of cases"; the smallest as a bound."""
    if chance < 0.001:
        return "in fewer than 0.1\N{NO-BREAK SPACE}% of cases"
    return f"in {100 * chance:.2g}\N{NO-BREAK SPACE}% of cases" if chance < 0.995 else "in nearly all cases"


def mean_and_band(histories: Sequence[pd.DataFrame], x: str, y: str) -> pd.DataFrame:
    """The mean of several runs' curves and the band in which all lie: columns x, mean, low, high,
    runs.

    Where a run has no point of its own there, it is taken from the line between its neighbours;
    before its first and after its last point it does not count, and `runs` says how many do.
    """
    import pandas as pd

    curves = [table[[x, y]].dropna().groupby(x)[y].last() for table in histories]
    curves = [curve for curve in curves if len(curve)]
    if not curves:
        return pd.DataFrame({name: [] for name in (x, "mean", "low", "high", "runs")})
    table = pd.concat(curves, axis=1).sort_index().interpolate("index", limit_area="inside")
    if len(table) > GRID:
        table = table.iloc[np.linspace(0, len(table) - 1, GRID).round().astype(int)]
    about = {
        "mean": table.mean(axis=1),
        "low": table.min(axis=1),
        "high": table.max(axis=1),
        "runs": table.count(axis=1),
    }
    return pd.DataFrame(about).rename_axis(x).reset_index()
