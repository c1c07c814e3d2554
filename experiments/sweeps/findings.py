"""Findings: what a sweep has shown, in numbers and in a plain sentence that says no more than they do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments.sweeps.importance import MIN_TRIALS, Importance, importances
from experiments.sweeps.results import cost_of, distinct, finished, grouped, is_number, judged, one_by_one
from experiments.sweeps.ties import Ties, ties, works

if TYPE_CHECKING:
    from experiments.sweeps.space import Space
    from experiments.sweeps.trials import Trial

SHOWN = {"hidden": "network", "initializer": "initialization"}
"""Settings whose name reads badly in a sentence."""


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


def sentence(
    space: Space,
    trials: Sequence[Trial],
    shares: Sequence[Importance],
    *,
    objective: str = "validation_accuracy",
    images: int = 0,
) -> str:
    """What the numbers show, and no more: what matters most, and which of its values work whatever the next one is."""
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
    return " ".join([_of_the_first(known, shares, objective, images), *_left_out(known, shares[0].name)])


def _of_the_first(trials: Sequence[Trial], shares: Sequence[Importance], objective: str, images: int) -> str:
    """On the most important setting."""
    done = finished(trials)
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
    tried = distinct(done, first.name)
    if not all(is_number(value) for value in tried):
        if len(values) > 1 and second:
            every = every.replace("works", "work")
        return f"{start}; {_listed(values)} {every}."
    low, high = values
    if (low, high) == (min(tried), max(tried)):
        return f"{start}, but no {name} tried is surely worse than the best."
    return f"{start}; {span_in_words(low, high)} {every}."


def _of_the_best(trials: Iterable[Trial], first: str, second: str, objective: str) -> str:
    """Where in its range a setting was in the best trial for each value of another; nothing if almost anywhere."""
    done = finished(trials)
    tried = distinct(done, first)
    if not second or not all(map(is_number, tried)):
        return ""
    best = [min(group, key=lambda trial: cost_of(trial, objective)) for group in grouped(done, second)]
    low, high = (choose(trial.params[first] for trial in best) for choose in (min, max))
    if sum(low <= value <= high for value in tried) > len(tried) / 2:
        return ""
    return f"; the best {_wherever(done, second)} had {span_in_words(low, high)}"


def _wherever(trials: Iterable[Trial], second: str) -> str:
    """The groups of `grouped` in words."""
    values = distinct(trials, second)
    if one_by_one(values):
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
        if all(map(is_number, (*values, *kept))) and min(values) > max(kept):
            where = f", all with a {_shown(first)} of {_number(min(values), up=False)} or more"
        found.append(f"{_trials(len(diverged))} diverged{where}: not counted.")
    if pruned:
        found.append(f"{_trials(len(pruned))} stopped early: not counted.")
    return found


def _shown(name: str) -> str:
    return SHOWN.get(name, name.replace("_", " "))


def _listed(values: Sequence[Any]) -> str:
    words = ["-".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value) for value in values]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def span_in_words(low: float, high: float) -> str:
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


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"
