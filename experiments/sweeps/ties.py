"""Ties: which trials cannot be told from the best one, and which values of a setting work whatever another is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import TYPE_CHECKING, Any

from scipy.special import stdtr

from experiments.sweeps.results import (
    SIGNIFICANCE,
    cost_of,
    distinct,
    finished,
    grouped,
    is_number,
    judged,
    key_of,
    more_is_better,
    value_of,
)
from model.metrics import wilson_interval

if TYPE_CHECKING:
    from experiments.sweeps.trials import Trial


@dataclass(frozen=True)
class Ties:
    """The trials that cannot be told from the best one, which is the first, and by which test, in a sentence."""

    numbers: tuple[int, ...]
    test: str


def ties(trials: Iterable[Trial], *, objective: str = "validation_accuracy", images: int = 0) -> Ties:
    """Which finished trials cannot be told from the best one, the best first.

    With several seeds, two trials differ when no seed of the one reaches a seed of the other and Welch's t-test on
    their values gives p < 5 %. With one, an accuracy differs when it is outside the 95 % Wilson interval of the best
    one's, on that many validation images. Each is held against the best alone, which won among many and so tends to be
    lucky: of twenty equal ones, one or two may seem worse.
    """
    done = sorted(finished(trials), key=lambda trial: cost_of(trial, objective))
    if not done:
        return Ties((), "")
    best = done[0]
    if len(best.values) > 1:
        test = "Tied: the seeds overlap with those of the best, or Welch's t-test on them gives p ≥ 5 %."
    elif counted(objective, images):
        low, high = wilson_interval(round(value_of(best) * images), images)
        test = f"Tied: inside the 95 % interval of the best on {images:,} digits, {_percent(low)} to {_percent(high)}."
    elif more_is_better(objective):
        test = "With one seed, ties show only when it is known how many digits the accuracy was counted on."
    else:
        test = "With one seed, a loss does not show which settings tie: search with several seeds."
    return Ties(tuple(trial.number for trial in done if tied(best, trial, objective=objective, images=images)), test)


def tied(best: Trial, other: Trial, *, objective: str = "validation_accuracy", images: int = 0) -> bool:
    """Whether a finished trial cannot be told from one that is at least as good; the test is that of `ties`."""
    if other is best or other.value == best.value:
        return True
    if min(len(best.values), len(other.values)) > 1:
        sign = 1 if more_is_better(objective) else -1
        better, worse = ([sign * value for value in trial.values] for trial in (best, other))
        return min(better) <= max(worse) or _welch(better, worse) >= SIGNIFICANCE
    if not counted(objective, images):
        return False
    return value_of(other) >= wilson_interval(round(value_of(best) * images), images)[0]


def counted(objective: str, images: int) -> bool:
    return more_is_better(objective) and images > 0


def works(
    trials: Sequence[Trial], first: str, second: str = "", *, objective: str = "validation_accuracy", images: int = 0
) -> tuple[Any, ...]:
    """The values of one setting that work for every value of another: () if there are none, or too few to tell.

    A value works in a group, the trials with one value of `second` (or a third of its range if there are many), when
    every trial with it ties with the best of that group. Of a numeric setting that is (lowest, highest): all trials
    of all groups between the two tie, and each group has some. Pruned and diverged trials count as not working.
    """
    if not counted(objective, images) and any(len(trial.values) < 2 for trial in finished(trials)):
        return ()
    known = judged(trials)
    numeric = all(is_number(trial.params[first]) for trial in known)
    needed = min(3, len(distinct(known, first)))
    groups = grouped(known, second) if second else [known]
    if needed < 2 or (second and len(groups) < 2):
        return ()
    found: list[tuple[Any, ...]] | None = None
    for group in groups:
        done = sorted(finished(group), key=lambda trial: cost_of(trial, objective))
        if not done or len(distinct(group, first)) < needed:
            return ()
        good = {trial.number for trial in done if tied(done[0], trial, objective=objective, images=images)}
        bad = {key_of(trial.params[first]) for trial in group if trial.number not in good}
        spans = _spans([trial.params[first] for trial in group], bad, numeric=numeric)
        found = spans if found is None else _shared(found, spans, numeric=numeric)
    found = [span for span in found or [] if all(_inside(group, first, span, numeric=numeric) for group in groups)]
    if not numeric:
        return tuple(value for (value,) in found)
    return max(found, key=lambda span: span[1] / span[0] if span[0] > 0 else span[1] - span[0], default=())


def _spans(values: Iterable[Any], bad: set[Any], *, numeric: bool) -> list[tuple[Any, ...]]:
    """The values that are not bad; of numbers the (first, last) of each row of them."""
    tried = list({key_of(value): value for value in values}.values())
    if not numeric:
        return [(value,) for value in tried if key_of(value) not in bad]
    spans: list[tuple[Any, ...]] = []
    going = False
    for value in sorted(tried):
        if key_of(value) in bad:
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


def _welch(some: Sequence[float], others: Sequence[float]) -> float:
    """The two-sided p of Welch's t-test: how often equal means would differ as much."""
    parts = [variance(values) / len(values) for values in (some, others)]
    if not sum(parts):
        return 0.0
    freedom = sum(parts) ** 2 / sum(part**2 / (len(v) - 1) for part, v in zip(parts, (some, others), strict=True))
    t = abs(fmean(some) - fmean(others)) / math.sqrt(sum(parts))
    return float(2 * stdtr(freedom, -t))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
