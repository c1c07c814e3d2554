"""Findings: which trials tie for the best, which values of a setting work, in a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import fmean, variance
from typing import Any

from scipy.special import stdtr

from experiments.formats import count, joined, percent
from experiments.sweeps.importance import MIN_TRIALS, Importance, importances
from experiments.sweeps.space import Space, value_text
from experiments.sweeps.trials import (
    SIGNIFICANCE,
    Trial,
    cost_of,
    distinct,
    finished,
    grouped,
    groups_by_value,
    higher_is_better,
    is_number,
    judged,
    ranked,
    value_of,
)
from model.metrics import wilson_interval

TITLES = {"hidden": "network", "initializer": "initialization"}
"""Settings whose name reads badly in a sentence."""
ACCURACY = "validation_accuracy"


@dataclass(frozen=True)
class Ties:
    """Numbers of the trials that tie for the best, the best first, and the test that says so."""

    numbers: tuple[int, ...]
    test: str


@dataclass(frozen=True)
class Findings:
    """Everything that a sweep has shown so far. No importances: too few different trials."""

    importances: tuple[Importance, ...]  # the most important first
    ties: Ties
    sentence: str


def summarize(space: Space, trials: Sequence[Trial], *, objective: str = ACCURACY, images: int = 0) -> Findings:
    """The findings of these trials. `images`: number of validation images of an accuracy."""
    shares = importances(space, trials)
    return Findings(
        shares,
        find_ties(trials, objective=objective, images=images),
        sentence(space, trials, shares, objective=objective, images=images),
    )


def find_ties(trials: Iterable[Trial], *, objective: str = ACCURACY, images: int = 0) -> Ties:
    """Which finished trials tie with the best one.

    With several seeds, two trials differ when all results of one are better than all results of the
    other and Welch's t-test gives p < 5 %. With one seed, two accuracies differ when the lower one
    lies outside the 95 % Wilson interval of the best one, computed for `images` validation images.
    The best of many trials was partly lucky, and all others are compared with it: of twenty equal
    trials, one or two may seem worse.
    """
    best_first = ranked(trials, objective)
    if not best_first:
        return Ties((), "")
    best = best_first[0]
    if len(best.values) > 1:
        test = "Tied: the seeds overlap with those of the best, or Welch's t-test on them gives p ≥ 5 %."
    elif is_counted(objective, images):
        low, high = wilson_interval(round(value_of(best) * images), images)
        interval = f"{percent(low)} to {percent(high)}"
        test = f"Tied: inside the 95 % interval of the best on {images:,} digits, {interval}."
    elif higher_is_better(objective):
        test = "With one seed, ties show only when it is known how many digits the accuracy was counted on."
    else:
        test = "With one seed, a loss does not show which settings tie: search with several seeds."
    tied = [trial.number for trial in best_first if is_tied(best, trial, objective=objective, images=images)]
    return Ties(tuple(tied), test)


def is_tied(best: Trial, other: Trial, *, objective: str = ACCURACY, images: int = 0) -> bool:
    """Whether a finished trial ties with a better one, by the test of `find_ties`."""
    if other is best or other.value == best.value:
        return True
    if min(len(best.values), len(other.values)) > 1:
        sign = 1 if higher_is_better(objective) else -1
        better, worse = ([sign * value for value in trial.values] for trial in (best, other))
        return min(better) <= max(worse) or _welch(better, worse) >= SIGNIFICANCE
    if not is_counted(objective, images):
        return False
    return value_of(other) >= wilson_interval(round(value_of(best) * images), images)[0]


def is_counted(objective: str, images: int) -> bool:
    """Whether the objective is an accuracy on a known number of images."""
    return higher_is_better(objective) and images > 0


def working_values(
    trials: Sequence[Trial], first: str, second: str = "", *, objective: str = ACCURACY, images: int = 0
) -> tuple[Any, ...]:
    """The values of the setting `first` that work for every value of `second`; () if unknown.

    The trials form groups by their value of `second`. A value of `first` works in a group when each
    of its trials ties with the best trial of the group; pruned and diverged trials do not. For a
    numeric setting the answer is (lowest, highest): every trial between the two works, and every
    group has such trials.
    """
    if not is_counted(objective, images) and any(len(trial.values) < 2 for trial in finished(trials)):
        return ()
    known = judged(trials)
    numeric = all(is_number(trial.params[first]) for trial in known)
    needed = min(3, len(distinct(known, first)))
    groups = grouped(known, second) if second else [known]
    if needed < 2 or (second and len(groups) < 2):
        return ()
    bad = set()
    for group in groups:
        best_first = ranked(group, objective)
        if not best_first or len(distinct(group, first)) < needed:
            return ()
        good = {t.number for t in best_first if is_tied(best_first[0], t, objective=objective, images=images)}
        bad |= {trial.params[first] for trial in group if trial.number not in good}
    tried = distinct(known, first)
    if not numeric:
        return tuple(value for value in tried if value not in bad and all(value in distinct(g, first) for g in groups))
    spans = []
    for is_bad, run in groupby(sorted(tried), bad.__contains__):
        values = set(run)
        parts = [[value for value in distinct(group, first) if value in values] for group in groups]
        if not is_bad and all(parts):
            low, high = max(map(min, parts)), min(map(max, parts))  # the range that all groups have tried
            if all(any(low <= value <= high for value in part) for part in parts):
                spans.append((low, high))
    return max(spans, key=lambda span: span[1] / span[0] if span[0] > 0 else span[1] - span[0], default=())


def sentence(
    space: Space,
    trials: Sequence[Trial],
    shares: Sequence[Importance],
    *,
    objective: str = ACCURACY,
    images: int = 0,
) -> str:
    """Sentences about the most important setting, its values that work and failed trials."""
    done = finished(trials)
    if not done:
        return "No trial has finished yet."
    if len(done) < MIN_TRIALS:
        few = "One trial has" if len(done) == 1 else f"{len(done)} trials have"
        return f"{few} finished: too few to tell which setting matters; {MIN_TRIALS} are the least."
    if not any(len(distinct(done, name)) > 1 for name in space):
        return "All finished trials have the same settings: there is nothing to compare yet."
    if not shares:
        return f"All {len(done)} finished trials came to the same result: nothing that was searched matters here."
    known = judged(trials)
    return " ".join([_most_important(known, shares, objective, images), *_not_counted(known, shares[0].name)])


def _most_important(trials: Sequence[Trial], shares: Sequence[Importance], objective: str, images: int) -> str:
    """The sentence about the most important setting."""
    done = finished(trials)
    first = shares[0]
    second = shares[1].name if len(shares) > 1 else ""
    name = _title(first.name)
    share = f"{round(100 * first.share)} %"
    if not second:
        start = f"Only the {name} differs between the trials"
    elif not first.clear:
        return (
            f"No setting stands out after {len(done)} trials: {name} comes first with {share} of the "
            "difference, which may be chance."
        )
    else:
        low, high = round(100 * first.low), round(100 * first.high)
        between = f" ({low} to {high} %)" if low < high else ""
        start = f"{name[:1].upper()}{name[1:]} explains {share} of the difference{between}"
    values = working_values(trials, first.name, second, objective=objective, images=images)
    if not values:
        return f"{start}{_range_of_best(trials, first.name, second, objective)}."
    every = f"works {_for_every(trials, second)}" if second else "cannot be told from the best"
    tried = distinct(done, first.name)
    if not all(map(is_number, tried)):
        if len(values) > 1 and second:
            every = every.replace("works", "work")
        return f"{start}; {joined(list(map(value_text, values)), 'and')} {every}."
    low, high = values
    if (low, high) == (min(tried), max(tried)):
        return f"{start}, but no {name} tried is surely worse than the best."
    return f"{start}; {range_text(low, high)} {every}."


def _range_of_best(trials: Iterable[Trial], first: str, second: str, objective: str) -> str:
    """The range of `first` in the best trials for each `second`; "" if it is too wide."""
    done = finished(trials)
    tried = distinct(done, first)
    if not second or not all(map(is_number, tried)):
        return ""
    best = [min(group, key=lambda trial: cost_of(trial, objective)) for group in grouped(done, second)]
    low, high = (choose(trial.params[first] for trial in best) for choose in (min, max))
    if sum(low <= value <= high for value in tried) > len(tried) / 2:
        return ""
    return f"; the best {_for_every(done, second)} had {range_text(low, high)}"


def _for_every(trials: Iterable[Trial], second: str) -> str:
    """The groups that `grouped` makes by the setting `second`, in words."""
    if groups_by_value(distinct(trials, second)):
        return f"for every {_title(second)} tried"
    return f"at low, middle and high {_title(second)}"


def _not_counted(trials: Iterable[Trial], first: str) -> list[str]:
    """A sentence about the diverged trials and one about the pruned trials, if there are any."""
    sentences = []
    by_state = {state: [trial for trial in trials if trial.state == state] for state in ("done", "diverged", "pruned")}
    diverged, pruned = by_state["diverged"], by_state["pruned"]
    if diverged:
        values = [trial.params[first] for trial in diverged]
        others = [trial.params[first] for trial in (*by_state["done"], *pruned)]
        where = ""
        if all(map(is_number, (*values, *others))) and min(values) > max(others):
            where = f", all with a {_title(first)} of {_number(min(values), up=False)} or more"
        sentences.append(f"{count(len(diverged), 'trial')} diverged{where}: not counted.")
    if pruned:
        sentences.append(f"{count(len(pruned), 'trial')} stopped early: not counted.")
    return sentences


def range_text(low: float, high: float) -> str:
    """A range such as "0.1–0.5". Its ends are rounded inwards, to values that were tried."""
    if low == high:
        return _number(low, up=True)
    return f"{_number(low, up=True)}–{_number(high, up=False)}"


def _number(value: float, *, up: bool) -> str:
    """A number without exponent, such as 0.00032 or 60,000; long ones rounded to two digits."""
    if value != int(value) and float(f"{value:.3g}") != value:
        power = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
        value = (math.ceil if up else math.floor)(value / power) * power
    places = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    return f"{value:,.{places}f}".rstrip("0").rstrip(".") if places else f"{value:,.0f}"


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))


def _welch(some: Sequence[float], others: Sequence[float]) -> float:
    """The two-sided p of Welch's t-test. SciPy's own warns where all seeds agree."""
    parts = [variance(values) / len(values) for values in (some, others)]
    if not sum(parts):
        return 0.0
    freedom = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (some, others), strict=True))
    t = abs(fmean(some) - fmean(others)) / math.sqrt(sum(parts))
    return float(2 * stdtr(freedom, -t))
