"""Findings: which settings of a sweep matter and how surely, which of its trials tie, and that in a plain sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtr

from model.metrics import wilson_interval
from model.rng import Purpose, rng

if TYPE_CHECKING:
    import optuna

    from experiments.sweeps.search import Space
    from experiments.sweeps.trials import Trial

MIN_TRIALS = 8  # below, forests find an order in anything
TREES = 60  # more would not move an interval by much
DEALS = 2000  # of the results at random, to see how much chance gives
LEAVES = 4_000  # over all trees: bounds the time, whether there are a hundred trials or a thousand
FEW_VALUES = 6  # of a setting are looked at one by one, more in three groups: low, middle, high
SIGNIFICANCE = 0.05
OUTSIDE = 0.05  # of the trees, on each side of an interval

SHOWN = {"hidden": "network", "initializer": "initialization"}
"""Settings whose name reads badly in a sentence."""


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


@dataclass(frozen=True)
class Ties:
    """The trials that cannot be told from the best one, which is the first, and by which test, in a sentence."""

    numbers: tuple[int, ...]
    test: str


@dataclass(frozen=True)
class Findings:
    """What a sweep has shown so far. No importances: too few trials, or nothing differs; the sentence says so."""

    importances: tuple[Importance, ...]  # the most important first
    ties: Ties
    sentence: str


def find(space: Space, trials: Sequence[Trial], *, objective: str = "validation_accuracy", images: int = 0) -> Findings:
    """Everything at once. `images`: how many validation digits an accuracy was counted on."""
    shares = importances(space, trials)
    return Findings(
        shares,
        ties(trials, objective=objective, images=images),
        sentence(space, trials, shares, objective=objective, images=images),
    )


def importances(space: Space, trials: Iterable[Trial]) -> tuple[Importance, ...]:
    """The share of each searched setting that took several values, over the finished trials.

    Every tree of the forest is grown on another resampling of the trials, so the trees are the bootstrap too: their
    mean is the share, their spread its interval. A range searched on a logarithmic scale counts on that scale.
    """
    done = _finished(trials)
    results = [_value(trial) for trial in done]
    names = [name for name in space if len(_distinct(done, name)) > 1]
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

    ranks = rankdata([_value(trial) for trial in done])
    ranks -= ranks.mean()
    dealt = np.tile(ranks, (DEALS + 1, 1))  # the first is as it was found
    dealt[1:] = rng(0, Purpose.SHUFFLE).permuted(dealt[1:], axis=1)
    row = {trial.number: place for place, trial in enumerate(done)}
    found = []
    for name in names:
        groups = [[row[trial.number] for trial in group] for group in _groups(done, name)]
        between = np.sum([dealt[:, group].sum(axis=1) ** 2 / len(group) for group in groups], axis=0)
        as_much = between >= between[0] * (1 - 1e-9)
        found.append(min(1.0, len(names) * float(as_much.mean())))
    return found


def ties(trials: Iterable[Trial], *, objective: str = "validation_accuracy", images: int = 0) -> Ties:
    """Which finished trials cannot be told from the best one, the best first.

    With several seeds, two trials differ when no seed of the one reaches a seed of the other and Welch's t-test on
    their values gives p < 5 %. With one, an accuracy differs when it is outside the 95 % Wilson interval of the best
    one's, on that many validation images. Each is held against the best alone, which won among many and so tends to be
    lucky: of twenty equal ones, one or two may seem worse.
    """
    done = sorted(_finished(trials), key=lambda trial: _cost(trial, objective))
    if not done:
        return Ties((), "")
    best = done[0]
    if len(best.values) > 1:
        test = "Tied: the seeds overlap with those of the best, or Welch's t-test on them gives p ≥ 5 %."
    elif _counted(objective, images):
        low, high = wilson_interval(round(_value(best) * images), images)
        test = f"Tied: inside the 95 % interval of the best on {images:,} digits, {_percent(low)} to {_percent(high)}."
    elif _more_is_better(objective):
        test = "With one seed, ties show only when it is known how many digits the accuracy was counted on."
    else:
        test = "With one seed, a loss does not show which settings tie: search with several seeds."
    return Ties(tuple(trial.number for trial in done if tied(best, trial, objective=objective, images=images)), test)


def tied(best: Trial, other: Trial, *, objective: str = "validation_accuracy", images: int = 0) -> bool:
    """Whether a finished trial cannot be told from one that is at least as good; the test is that of `ties`."""
    if other is best or other.value == best.value:
        return True
    if min(len(best.values), len(other.values)) > 1:
        sign = 1 if _more_is_better(objective) else -1
        better, worse = ([sign * value for value in trial.values] for trial in (best, other))
        return min(better) <= max(worse) or _welch(better, worse) >= SIGNIFICANCE
    if not _counted(objective, images):
        return False
    return _value(other) >= wilson_interval(round(_value(best) * images), images)[0]


def sentence(
    space: Space,
    trials: Sequence[Trial],
    shares: Sequence[Importance],
    *,
    objective: str = "validation_accuracy",
    images: int = 0,
) -> str:
    """What the numbers show, and no more: what matters most, and which of its values work whatever the next one is."""
    done = _finished(trials)
    if not done:
        return "No trial has finished yet."
    if not any(len(_distinct(done, name)) > 1 for name in space):
        return "All finished trials have the same settings: there is nothing to compare yet."
    if len(done) < MIN_TRIALS:
        few = "One trial has" if len(done) == 1 else f"{len(done)} trials have"
        return f"{few} finished: too few to tell which setting matters; {MIN_TRIALS} are the least."
    if not shares:
        return f"All {len(done)} finished trials came to the same result: nothing that was searched matters here."
    judged = _judged(trials)
    return " ".join([_of_the_first(judged, shares, objective, images), *_left_out(judged, shares[0].name)])


def works(
    trials: Sequence[Trial], first: str, second: str = "", *, objective: str = "validation_accuracy", images: int = 0
) -> tuple[Any, ...]:
    """The values of one setting that work for every value of another: () if there are none, or too few to tell.

    A value works in a group, the trials with one value of `second` (or a third of its range if there are many), when
    every trial with it ties with the best of that group. Of a numeric setting that is (lowest, highest): all trials
    of all groups between the two tie, and each group has some. Pruned and diverged trials count as not working.
    """
    if not _counted(objective, images) and any(len(trial.values) < 2 for trial in _finished(trials)):
        return ()
    judged = _judged(trials)
    numeric = all(_is_number(trial.params[first]) for trial in judged)
    needed = min(3, len(_distinct(judged, first)))
    groups = _groups(judged, second) if second else [judged]
    if needed < 2 or (second and len(groups) < 2):
        return ()
    found: list[tuple[Any, ...]] | None = None
    for group in groups:
        done = sorted(_finished(group), key=lambda trial: _cost(trial, objective))
        if not done or len(_distinct(group, first)) < needed:
            return ()
        good = {trial.number for trial in done if tied(done[0], trial, objective=objective, images=images)}
        bad = {_key(trial.params[first]) for trial in group if trial.number not in good}
        spans = _spans([trial.params[first] for trial in group], bad, numeric=numeric)
        found = spans if found is None else _shared(found, spans, numeric=numeric)
    found = [span for span in found or [] if all(_inside(group, first, span, numeric=numeric) for group in groups)]
    if not numeric:
        return tuple(value for (value,) in found)
    return max(found, key=lambda span: span[1] / span[0] if span[0] > 0 else span[1] - span[0], default=())


def _of_the_first(trials: Sequence[Trial], shares: Sequence[Importance], objective: str, images: int) -> str:
    """On the most important setting."""
    done = _finished(trials)
    first = shares[0]
    second = shares[1].name if len(shares) > 1 else ""
    name = _shown(first.name)
    if not second:
        start = f"Only the {name} differs between the trials"
    elif not first.clear:
        return (
            f"No setting stands out after {len(done)} trials: {name} comes first with {_whole(first.share)} of the "
            "difference, which may be chance."
        )
    else:
        low, high = round(100 * first.low), round(100 * first.high)
        between = f" ({low} to {high} %)" if low < high else ""
        start = f"{name[:1].upper()}{name[1:]} explains {_whole(first.share)} of the difference{between}"
    values = works(trials, first.name, second, objective=objective, images=images)
    if not values:
        return f"{start}{_of_the_best(trials, first.name, second, objective)}."
    every = f"works {_wherever(trials, second)}" if second else "cannot be told from the best"
    tried = _distinct(done, first.name)
    if not all(_is_number(value) for value in tried):
        if len(values) > 1 and second:
            every = every.replace("works", "work")
        return f"{start}; {_listed(values)} {every}."
    low, high = values
    if (low, high) == (min(tried), max(tried)):
        return f"{start}, but no {name} tried is surely worse than the best."
    return f"{start}; {_between(low, high)} {every}."


def _of_the_best(trials: Iterable[Trial], first: str, second: str, objective: str) -> str:
    """Where in its range a setting was in the best trial for each value of another; nothing if almost anywhere."""
    done = _finished(trials)
    tried = _distinct(done, first)
    if not second or not all(map(_is_number, tried)):
        return ""
    best = [min(group, key=lambda trial: _cost(trial, objective)) for group in _groups(done, second)]
    low, high = (choose(trial.params[first] for trial in best) for choose in (min, max))
    if sum(low <= value <= high for value in tried) > len(tried) / 2:
        return ""
    return f"; the best {_wherever(done, second)} had {_between(low, high)}"


def _wherever(trials: Iterable[Trial], second: str) -> str:
    """The groups of `_groups` in words."""
    values = _distinct(trials, second)
    if _one_by_one(values):
        return f"for every {_shown(second)} tried"
    return f"at low, middle and high {_shown(second)}"


def _left_out(trials: Iterable[Trial], first: str) -> list[str]:
    """On the trials that have no result, a sentence for each kind."""
    found = []
    by_state = {state: [trial for trial in trials if trial.state == state] for state in ("done", "diverged", "pruned")}
    diverged, pruned = by_state["diverged"], by_state["pruned"]
    if diverged:
        values = [trial.params[first] for trial in diverged]
        kept = [trial.params[first] for trial in (*by_state["done"], *pruned)]
        where = ""
        if all(map(_is_number, (*values, *kept))) and min(values) > max(kept):
            where = f", all with a {_shown(first)} of {_number(min(values), up=False)} or more"
        found.append(f"{_trials(len(diverged))} diverged{where}: not counted.")
    if pruned:
        found.append(f"{_trials(len(pruned))} stopped early: not counted.")
    return found


# The forest's table.


def _study(space: Space, names: Sequence[str], done: Sequence[Trial]) -> optuna.Study:
    """The finished trials as a study in memory, in the scales on which shares are to be told."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # or it announces the study
    columns: dict[str, list[Any]] = {}
    distributions: dict[str, optuna.distributions.BaseDistribution] = {}
    for name in names:
        values, tried = [trial.params[name] for trial in done], _distinct(done, name)
        searched = space[name]
        if not all(map(_is_number, tried)):
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
            params={name: columns[name][row] for name in names}, distributions=distributions, value=_value(trial)
        )
        for row, trial in enumerate(done)
    )
    return study


# Ranges.


def _groups(trials: Sequence[Trial], name: str) -> list[list[Trial]]:
    """By the value of a setting; of a number with many values by thirds of its trials."""
    values = _distinct(trials, name)
    if _one_by_one(values):
        return [[trial for trial in trials if trial.params[name] == value] for value in values]
    in_order = sorted(trials, key=lambda trial: trial.params[name])
    return [list(part) for part in np.array_split(np.array(in_order, dtype=object), 3)]


def _one_by_one(values: Sequence[Any]) -> bool:
    return len(values) <= FEW_VALUES or not all(map(_is_number, values))


def _spans(values: Iterable[Any], bad: set[Any], *, numeric: bool) -> list[tuple[Any, ...]]:
    """The values that are not bad; of numbers the (first, last) of each row of them."""
    distinct = list({_key(value): value for value in values}.values())
    if not numeric:
        return [(value,) for value in distinct if _key(value) not in bad]
    spans: list[tuple[Any, ...]] = []
    going = False
    for value in sorted(distinct):
        if _key(value) in bad:
            going = False
        else:
            spans = [*spans[:-1], (spans[-1][0], value)] if going else [*spans, (value, value)]
            going = True
    return spans


def _shared(
    some: Sequence[tuple[Any, ...]], others: Sequence[tuple[Any, ...]], *, numeric: bool
) -> list[tuple[Any, ...]]:
    if not numeric:
        return [span for span in some if span in others]
    both = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return [(low, high) for low, high in both if low <= high]


def _inside(group: Iterable[Trial], name: str, span: tuple[Any, ...], *, numeric: bool) -> bool:
    """Whether a group has a trial there."""
    if not numeric:
        return any(trial.params[name] == span[0] for trial in group)
    return any(span[0] <= trial.params[name] <= span[1] for trial in group)


# Small things.


def _judged(trials: Iterable[Trial]) -> list[Trial]:
    """Those of which it is known how they ended."""
    return [trial for trial in trials if trial.state in ("diverged", "pruned")] + _finished(trials)


def _finished(trials: Iterable[Trial]) -> list[Trial]:
    return [
        trial for trial in trials if trial.state == "done" and trial.value is not None and math.isfinite(trial.value)
    ]


def _value(trial: Trial) -> float:
    assert trial.value is not None  # it is finished
    return trial.value


def _more_is_better(objective: str) -> bool:
    return objective == "validation_accuracy"


def _cost(trial: Trial, objective: str) -> float:
    return -_value(trial) if _more_is_better(objective) else _value(trial)


def _counted(objective: str, images: int) -> bool:
    return _more_is_better(objective) and images > 0


def _welch(some: Sequence[float], others: Sequence[float]) -> float:
    """The two-sided p of Welch's t-test: how often equal means would differ as much."""
    parts = [variance(values) / len(values) for values in (some, others)]
    if not sum(parts):
        return 0.0
    freedom = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (some, others), strict=True))
    t = abs(fmean(some) - fmean(others)) / math.sqrt(sum(parts))
    return float(2 * stdtr(freedom, -t))


def _key(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _distinct(trials: Iterable[Trial], name: str) -> list[Any]:
    """The values of a setting, each once, in the order of the trials."""
    return list({_key(trial.params[name]): trial.params[name] for trial in trials if name in trial.params}.values())


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _shown(name: str) -> str:
    return SHOWN.get(name, name.replace("_", " "))


def _listed(values: Sequence[Any]) -> str:
    words = ["-".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value) for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _between(low: float, high: float) -> str:
    """ "0.1–0.5"; what is shortened is shortened inwards, so that no value is promised that was not seen to work."""
    if low == high:
        return _number(low, up=True)
    return f"{_number(low, up=True)}–{_number(high, up=False)}"


def _number(value: float, *, up: bool) -> str:
    """Without an exponent: 0.00032, 128, 60,000; with two digits if it is not one that somebody chose."""
    if value != int(value) and float(f"{value:.3g}") != value:
        power = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
        value = (math.ceil if up else math.floor)(value / power) * power
    places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{places}f}".rstrip("0").rstrip(".") if places else f"{value:,.0f}"


def _whole(share: float) -> str:
    return f"{round(100 * share)} %"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"
