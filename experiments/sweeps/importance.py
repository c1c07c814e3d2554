"""Importance: how much of the difference between trials each setting explains."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.sweeps.trials import SIGNIFICANCE, distinct, finished, grouped, is_number, value_of
from model.rng import Purpose, rng

if TYPE_CHECKING:
    import optuna

    from experiments.sweeps.space import Space
    from experiments.sweeps.trials import Trial
    from model.arrays import Floats

MIN_TRIALS = 8  # with fewer trials a forest explains even random results
TREES = 60  # more trees hardly change an interval
PERMUTATIONS = 2000  # of the results, to see how large a difference chance alone makes
LEAVES = 4_000  # in all trees together: a thousand trials take no longer than a hundred
OUTSIDE = 0.05  # share of the trees below an interval, and above it


@dataclass(frozen=True)
class Importance:
    """How much of the difference between the trials one setting explains by itself.

    share: part of the variance of the results, averaged over the other settings (fANOVA, Hutter et
    al. 2014). low, high: 90 % of the shares lie between them when the trials are resampled. The
    forest has an error that the interval does not show: with a hundred trials it gives weak
    settings up to ten points too little, and the strongest as much too much. p: how often random
    results would differ as much between the values of this setting.
    """

    name: str
    share: float
    low: float
    high: float
    p: float

    @property
    def clear(self) -> bool:
        """Whether chance alone is an unlikely explanation."""
        return self.p < SIGNIFICANCE


def importances(space: Space, trials: Iterable[Trial]) -> tuple[Importance, ...]:
    """The importance of each searched setting that took several values, the largest first.

    Each tree of the forest is grown on its own resampling of the trials, as in a bootstrap: the
    mean over the trees is the share, and their spread gives the interval. A logarithmic range is
    measured on its logarithmic scale.
    """
    done = finished(trials)
    results = [value_of(trial) for trial in done]
    names = [name for name in space if len(distinct(done, name)) > 1]
    if len(done) < MIN_TRIALS or not names or max(results) == min(results):
        return ()
    from optuna.importance import FanovaImportanceEvaluator

    study = _study(space, names, done)

    def tree_shares(seed: int) -> list[float]:
        """The share of each setting in one tree."""
        evaluator = FanovaImportanceEvaluator(n_trees=1, seed=seed)
        try:
            found = evaluator.evaluate(study, names, target=lambda trial: results[trial.number])
        except RuntimeError:  # all results of this resampling are equal
            return [0.0] * len(names)
        return [float(found[name]) for name in names]

    trees = min(TREES, max(12, LEAVES // len(done)))
    shares = np.array([tree_shares(seed) for seed in range(trees)])
    low, high = np.quantile(shares, [OUTSIDE, 1 - OUTSIDE], axis=0)
    found = [
        Importance(name, float(shares[:, place].mean()), float(low[place]), float(high[place]), p)
        for place, (name, p) in enumerate(zip(names, _p_values(done, names), strict=True))
    ]
    return tuple(sorted(found, key=lambda importance: -importance.share))


def _p_values(done: Sequence[Trial], names: Sequence[str]) -> list[float]:
    """For each setting, how often randomly permuted results differ as much between its values.

    The difference is measured as in the Kruskal-Wallis test: squared rank sums of the values, or of
    the thirds of a range. Multiplied by the number of settings (Bonferroni), because only the
    clearest setting is reported.
    """
    from scipy.stats import permutation_test, rankdata

    ranks = rankdata([value_of(trial) for trial in done])
    ranks -= ranks.mean()
    row = {trial.number: place for place, trial in enumerate(done)}
    p_values = []
    for name in names:
        groups = [[row[trial.number] for trial in group] for group in grouped(done, name)]

        def between(ranks: Floats, axis: int, groups: list[list[int]] = groups) -> Floats:
            squares: Floats = np.sum([ranks.take(rows, axis).sum(axis) ** 2 / len(rows) for rows in groups], axis=0)
            return squares

        test = permutation_test(
            (ranks,),
            between,
            permutation_type="pairings",
            n_resamples=PERMUTATIONS,
            alternative="greater",
            rng=rng(0, Purpose.SHUFFLE),
        )
        p_values.append(min(1.0, len(names) * float(test.pvalue)))
    return p_values


def _study(space: Space, names: Sequence[str], done: Sequence[Trial]) -> optuna.Study:
    """The finished trials as a study in memory, each setting on the scale of its share."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # else it prints that it made a study
    columns: dict[str, list[Any]] = {}
    distributions: dict[str, optuna.distributions.BaseDistribution] = {}
    for name in names:
        values, tried = [trial.params[name] for trial in done], distinct(done, name)
        searched = space[name]
        if not all(map(is_number, tried)):
            columns[name] = [repr(value) for value in values]
            distributions[name] = optuna.distributions.CategoricalDistribution([repr(value) for value in tried])
        elif len(tried) <= len(done) / 2 or isinstance(searched, tuple):
            # as in a grid: all steps are equally wide
            levels = sorted(tried)
            columns[name] = [float(levels.index(value)) for value in values]
            distributions[name] = optuna.distributions.FloatDistribution(-0.5, len(levels) - 0.5)
        else:
            columns[name] = [math.log(value) if searched.log else float(value) for value in values]
            ends = [math.log(end) if searched.log else end for end in (searched.low, searched.high)]
            low, high = min(*ends, *columns[name]), max(*ends, *columns[name])
            distributions[name] = optuna.distributions.FloatDistribution(low, high)
    study = optuna.create_study()
    study.add_trials(
        optuna.trial.create_trial(
            params={name: columns[name][row] for name in names}, distributions=distributions, value=value_of(trial)
        )
        for row, trial in enumerate(done)
    )
    return study
