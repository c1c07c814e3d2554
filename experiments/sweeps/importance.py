"""Importance: how much of the difference between trials each setting explains, and how surely it does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.sweeps.results import SIGNIFICANCE, distinct, finished, grouped, is_number, value_of
from model.rng import Purpose, rng

if TYPE_CHECKING:
    import optuna

    from experiments.sweeps.space import Space
    from experiments.sweeps.trials import Trial

MIN_TRIALS = 8  # below, forests find an order in anything
TREES = 60  # more would not move an interval by much
DEALS = 2000  # of the results at random, to see how much chance gives
LEAVES = 4_000  # over all trees: bounds the time, whether there are a hundred trials or a thousand
OUTSIDE = 0.05  # of the trees, on each side of an interval


@dataclass(frozen=True)
class Importance:
    """How much of the difference between the trials one setting explains by itself, whatever the others are.

    share: of the variance of their results (fANOVA, Hutter et al. 2014). low, high: where 90 % of the shares lie when
    the trials are drawn again. Forests make too little of weak settings, by up to ten points with a hundred trials, and
    as much too much of the strongest; that is not in the interval. p: how often chance alone would order the results
    by this setting as clearly.
    """

    name: str
    share: float
    low: float
    high: float
    p: float

    @property
    def clear(self) -> bool:
        """Whether chance alone would hardly do it."""
        return self.p < SIGNIFICANCE


def importances(space: Space, trials: Iterable[Trial]) -> tuple[Importance, ...]:
    """The share of each searched setting that took several values, over the finished trials.

    Every tree of the forest is grown on another resampling of the trials, so the trees are the bootstrap too: their
    mean is the share, their spread its interval. A range searched on a logarithmic scale counts on that scale.
    """
    done = finished(trials)
    results = [value_of(trial) for trial in done]
    names = [name for name in space if len(distinct(done, name)) > 1]
    if len(done) < MIN_TRIALS or not names or max(results) == min(results):
        return ()
    from optuna.importance import FanovaImportanceEvaluator

    study = _study(space, names, done)

    def grown(seed: int) -> list[float]:
        """The shares by one tree."""
        evaluator = FanovaImportanceEvaluator(n_trees=1, seed=seed)
        try:
            found = evaluator.evaluate(study, names, target=lambda trial: results[trial.number])
        except RuntimeError:  # a resampling in which nothing differs
            return [0.0] * len(names)
        return [float(found[name]) for name in names]

    trees = min(TREES, max(12, LEAVES // len(done)))
    shares = np.array([grown(seed) for seed in range(trees)])
    low, high = np.quantile(shares, [OUTSIDE, 1 - OUTSIDE], axis=0)
    found = [
        Importance(name, float(shares[:, place].mean()), float(low[place]), float(high[place]), p)
        for place, (name, p) in enumerate(zip(names, _by_chance(done, names), strict=True))
    ]
    return tuple(sorted(found, key=lambda importance: -importance.share))


def _by_chance(done: Sequence[Trial], names: Sequence[str]) -> list[float]:
    """p of each setting: in what share of deals of the results to the trials they differ as much between its values.

    As Kruskal and Wallis do, by the squares between the mean ranks of its values, or of the thirds of its range. Times
    the number of settings (Bonferroni), since the most striking of them is looked at.
    """
    from scipy.stats import rankdata

    ranks = rankdata([value_of(trial) for trial in done])
    ranks -= ranks.mean()
    dealt = np.tile(ranks, (DEALS + 1, 1))  # the first is as it was found
    dealt[1:] = rng(0, Purpose.SHUFFLE).permuted(dealt[1:], axis=1)
    row = {trial.number: place for place, trial in enumerate(done)}
    found = []
    for name in names:
        groups = [[row[trial.number] for trial in group] for group in grouped(done, name)]
        between = np.sum([dealt[:, group].sum(axis=1) ** 2 / len(group) for group in groups], axis=0)
        as_much = between >= between[0] * (1 - 1e-9)
        found.append(min(1.0, len(names) * float(as_much.mean())))
    return found


def _study(space: Space, names: Sequence[str], done: Sequence[Trial]) -> optuna.Study:
    """The finished trials as a study in memory, in the scales on which shares are to be told."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # or it announces the study
    columns: dict[str, list[Any]] = {}
    distributions: dict[str, optuna.distributions.BaseDistribution] = {}
    for name in names:
        values, tried = [trial.params[name] for trial in done], distinct(done, name)
        searched = space[name]
        if not all(map(is_number, tried)):
            columns[name] = [repr(value) for value in values]
            distributions[name] = optuna.distributions.CategoricalDistribution([repr(value) for value in tried])
        elif len(tried) <= len(done) / 2 or isinstance(searched, tuple):  # a grid: every value counts the same
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
