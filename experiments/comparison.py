"""Comparison: whether one model reads digits better than another, and means of curves."""

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
    """The predictions of two models on the same n digits, and their probabilities, (n,) each."""

    labels: NDArray[np.uint8]
    predictions: tuple[NDArray[np.int64], NDArray[np.int64]]
    confidences: tuple[NDArray[np.float32], NDArray[np.float32]]

    @property
    def total(self) -> int:
        """The number of digits."""
        return len(self.labels)

    @cached_property
    def correct_masks(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which digits each model reads correctly, (n,) each."""
        first, second = self.predictions
        return first == self.labels, second == self.labels

    @property
    def correct(self) -> tuple[int, int]:
        """How many digits each model reads correctly."""
        first, second = self.correct_masks
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
        """How many digits only the first model reads correctly, and how many only the second."""
        first, second = self.correct_masks
        return int((first & ~second).sum()), int((second & ~first).sum())

    @property
    def p_value(self) -> float:
        """The p-value of McNemar's exact test.

        Two equally good models differ at least this much with this probability.
        """
        return mcnemar(*self.only_right)

    @cached_property
    def disagreements(self) -> NDArray[np.int64]:
        """The rows that the two read differently, in the order in which they are shown.

        First those that one reads correctly, and in each part the most confident first.
        """
        (first, second), (right, also_right) = self.predictions, self.correct_masks
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
        counts = (
            f"Of {self.total:,} digits, {more:,} are read correctly only by {better} and {fewer:,} only by {worse}."
        )
        often, alike = frequency_text(self.p_value), "two equally good models would differ this much"
        if self.p_value >= 0.05:
            return f"{counts} That may be chance: {alike} {often}."
        return f"{counts} {better} is better: {alike} {often}."


def compare(first: Classifier, second: Classifier, digits: Digits) -> Comparison:
    """Both models on the same labelled digits."""
    if not len(digits) or not digits.labelled:
        raise ComparisonError(f"{digits.source} has no labelled digits to compare two models on.")
    for classifier in (first, second):
        if classifier.classes != digits.classes:
            raise ComparisonError(
                f"A model recognises {classifier.classes[0]} to {classifier.classes[-1]}, and {digits.source} holds "
                f"{digits.classes[0]} to {digits.classes[-1]}: only models of the same classes can be compared."
            )
    return of_probabilities(digits.labels, *(model.predict_proba(digits.images) for model in (first, second)))


def of_probabilities(labels: NDArray[np.uint8], first: NDArray[np.float32], second: NDArray[np.float32]) -> Comparison:
    """The comparison of two models from their probabilities, (n, 10) each."""
    return Comparison(
        labels,
        (first.argmax(axis=1), second.argmax(axis=1)),
        (first.max(axis=1), second.max(axis=1)),
    )


def shared_validation(first: RunConfig, second: RunConfig) -> Digits:
    """The validation digits that both runs share.

    A model that one of them continues from may have been trained on them.
    """
    if first.data != second.data:
        raise ComparisonError(f"One run was trained on {first.data}, the other on {second.data}.")
    share = min(first.validation_share, second.validation_share)  # the last digits: a smaller share is in both
    if not share:
        raise ComparisonError("One of the runs has no validation digits.")
    return load_training(first.data, share)[1]


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value of McNemar's exact test (McNemar 1947): a binomial test with p = 1/2.

    It counts the digits that only one model reads correctly.
    """
    fewer, total = min(only_first, only_second), only_first + only_second
    return min(1.0, 2 * float(bdtr(fewer, total, 0.5)))  # exact, also where the usual chi-squared is an approximation


def frequency_text(p_value: float) -> str:
    """A p-value as text: "in 14 % of cases"; a very small one as a bound."""
    if p_value < 0.001:
        return "in fewer than 0.1\N{NO-BREAK SPACE}% of cases"
    return f"in {100 * p_value:.2g}\N{NO-BREAK SPACE}% of cases" if p_value < 0.995 else "in nearly all cases"


def mean_and_band(histories: Sequence[pd.DataFrame], x: str, y: str) -> pd.DataFrame:
    """The mean of several runs' curves and the band in which all lie.

    -> columns x, mean, low, high, runs. Where a run has no point of its own there, it is taken from
      the line between its neighbours; before its first and after its last point it does not count,
      and `runs` says how many do.
    """
    import pandas as pd

    curves = [table[[x, y]].dropna().groupby(x)[y].last() for table in histories]
    curves = [curve for curve in curves if len(curve)]
    if not curves:
        return pd.DataFrame({name: [] for name in (x, "mean", "low", "high", "runs")})
    table = pd.concat(curves, axis=1).sort_index().interpolate("index", limit_area="inside")
    if len(table) > GRID:
        table = table.iloc[np.linspace(0, len(table) - 1, GRID).round().astype(int)]
    band = table.mean(axis=1).to_frame("mean")
    band = band.assign(low=table.min(axis=1), high=table.max(axis=1), runs=table.count(axis=1))
    return band.rename_axis(x).reset_index()
