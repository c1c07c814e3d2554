"""Sweep values: the settings and the objective of a sweep, on an axis and as text."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import TYPE_CHECKING, Any

from experiments.formats import loss, number, percent

if TYPE_CHECKING:
    from experiments.sweeps import Trial

DECADE = 10  # the ratio of highest to lowest from which an axis is logarithmic by itself
MANY = 8  # steps: of more, only some are labelled
BINS = 6  # of a map, where any value of a range is possible
ROUND = [float(f"{digit}e{power}") for power in (-3, -2, -1) for digit in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)] + [1.0, 2.0]
STATES = {
    "running": "running",
    "done": "finished",
    "pruned": "stopped early",
    "diverged": "diverged",
    "failed": "failed",
    "stopped": "stopped",
}


@dataclass(frozen=True)
class Axis:
    """One searched setting.

    `steps`: its possible values in order, if they are few; else it goes from low to high.
    """

    name: str
    title: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    steps: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()  # of the steps, where they are no numbers

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return not self.names

    def place(self, value: Any) -> float:
        """The place of a value: 0 at the low end, 1 at the high one."""
        if not self.numeric:
            return self.steps.index(value) / max(1, len(self.steps) - 1) if value in self.steps else 0.5
        if self.low == self.high:
            return 0.5
        low, high, here = (math.log(x) if self.log else x for x in (self.low, self.high, value))
        return float((here - low) / (high - low))

    def at(self, place: float) -> float:
        """The number at a place."""
        if self.log:
            return float(self.low * (self.high / self.low) ** place)
        return float(self.low + place * (self.high - self.low))

    def text(self, value: Any) -> str:
        """A value as people write it."""
        if self.numeric:
            return number(value)
        return self.names[self.steps.index(value)] if value in self.steps else str(value)

    def ticks(self) -> list[Any]:
        """The labelled values: its steps, or its ends and round numbers between them."""
        if not self.numeric or 0 < len(self.steps) <= MANY:
            return list(self.steps)
        if self.log:
            exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            digits = (1,) if len(exponents) > 4 else (1, 3)
            between = [float(f"{digit}e{power}") for power in exponents for digit in digits]
        else:
            between = [self.low + share * (self.high - self.low) for share in (0.25, 0.5, 0.75)]
        inner = [value for value in between if 0.08 < self.place(value) < 0.92]
        return [self.low, *inner, self.high]

    def cells(self) -> list[Cell]:
        """The parts into which a map divides this axis: its steps, or bins of the same width."""
        if self.steps:
            return [Cell(self.text(step), step, step) for step in self.steps]
        edges = [self.at(place / BINS) for place in range(BINS + 1)]
        edges[0], edges[-1] = self.low, self.high
        texts = [number(float(f"{edge:.2g}")) for edge in edges]
        return [Cell(f"{texts[n]}–{texts[n + 1]}", edges[n], edges[n + 1]) for n in range(BINS)]


@dataclass(frozen=True)
class Cell:
    """A part of an axis: one value (low is high), or all from low up to high."""

    text: str
    low: Any
    high: Any

    def holds(self, value: Any) -> bool:
        """Whether a value lies in this part, its ends included."""
        if self.low == self.high:
            return bool(value == self.low) or (isinstance(value, float) and math.isclose(value, self.low, rel_tol=1e-6))
        return bool(self.low <= value <= self.high)


def setting_axis(
    name: str, title: str, search: Any, *, steps: Sequence[Any] = (), named: Callable[[str], str] = str
) -> Axis:
    """The axis of a setting; `search`: its Range or choices, `steps`: values of a grid."""
    if isinstance(search, tuple):
        if all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in search):
            values = tuple(sorted(set(search)))
            return Axis(name, title, values[0], values[-1], spans_decade(values[0], values[-1]), values)
        return Axis(name, title, steps=search, names=tuple(choice_text(choice, named) for choice in search))
    log = search.log or spans_decade(search.low, search.high)
    return Axis(name, title, search.low, search.high, log, tuple(steps))


def spans_decade(low: float, high: float) -> bool:
    """Whether an axis from low to high is logarithmic by itself."""
    return low > 0 and high / low >= DECADE


def choice_text(choice: Any, named: Callable[[str], str]) -> str:
    """A choice as people write it: 128-64, on, ReLU."""
    if isinstance(choice, list | tuple):
        return "-".join(map(str, choice)) or "none"
    if isinstance(choice, bool):
        return "on" if choice else "off"
    return named(choice) if isinstance(choice, str) else str(choice)


@dataclass(frozen=True)
class Objective:
    """Objective of a sweep: validation accuracy or validation loss.

    Charts draw its error (1 - accuracy, or the loss) on a logarithmic axis, so that the best
    trials lie apart.
    """

    name: str = "validation_accuracy"

    @property
    def is_accuracy(self) -> bool:
        """Whether it is an accuracy, and not a loss."""
        return self.name == "validation_accuracy"

    @property
    def title(self) -> str:
        """Its name for people."""
        return "Validation accuracy" if self.is_accuracy else "Validation loss"

    @property
    def short_title(self) -> str:
        """Its name in little room."""
        return "Accuracy" if self.is_accuracy else "Loss"

    def error(self, value: float) -> float:
        """The error rate or the loss, above zero."""
        return max(1 - value, 5e-4) if self.is_accuracy else max(value, 1e-6)

    def value(self, error: float) -> float:
        """The accuracy or loss with this error."""
        return 1 - error if self.is_accuracy else error

    def text(self, value: float) -> str:
        """A value of it: 97.4 % or 0.0832."""
        return percent(value) if self.is_accuracy else loss(value)

    def spread_text(self, spread: float) -> str:
        """A standard deviation of it."""
        return percent(spread) if self.is_accuracy else f"{spread:.2g}"

    def axis(self, values: Sequence[float]) -> Axis:
        """The axis of its errors. The low end is the worst: up is better in all charts."""
        errors = [self.error(value) for value in values] or [0.01, 0.1]
        worst, best = max(errors), min(errors)
        if worst / best < 1.02:  # all alike: in the middle
            worst, best = worst * 1.01, best / 1.01
        return Axis("result", self.title, worst, best, log=True)

    def ticks(self, axis: Axis) -> list[tuple[float, str]]:
        """(place, text) of both ends of its axis and of some round values between them."""
        ends = [(0.0, self.text(self.value(axis.low))), (1.0, self.text(self.value(axis.high)))]
        chosen, inner = [0.0, 1.0], []
        for error in sorted(ROUND, key=lambda error: (len(f"{error:g}"), error)):
            place = axis.place(error)
            if 0 < place < 1 and all(abs(place - other) > 0.12 for other in chosen):
                chosen.append(place)
                inner.append((place, f"{100 * (1 - error):g}\N{NO-BREAK SPACE}%" if self.is_accuracy else f"{error:g}"))
        return [ends[0], *sorted(inner), ends[1]]


@dataclass(frozen=True)
class SweepView:
    """A sweep as all its charts show it, with filters applied and one trial picked."""

    trials: Sequence[Trial]
    axes: Sequence[Axis]
    objective: Objective
    kept: Collection[int]  # numbers of trials
    picked: int | None

    @property
    def outcome(self) -> Axis:
        """The axis of the objective."""
        return self.objective.axis(values_of(self.trials))


def result_of(trial: Trial) -> float | None:
    """The objective of a trial so far; None if it diverged or has no result yet."""
    value = trial.value
    return None if trial.state == "diverged" or value is None or not math.isfinite(value) else value


def values_of(trials: Iterable[Trial]) -> list[float]:
    """The results of all trials that have one."""
    return [value for trial in trials if (value := result_of(trial)) is not None]


def outcome_text(trial: Trial, objective: Objective) -> str:
    """The result of a trial: 97.4 %, 97.4 % ± 0.2 %, 91.0 % (stopped early), diverged."""
    value = result_of(trial)
    if value is None:
        return STATES[trial.state]
    text = objective.text(value)
    deviation = spread(trial.values)
    if deviation is not None:
        text += f" ± {objective.spread_text(deviation)}"
    return text if trial.state == "done" else f"{text} ({STATES[trial.state]})"


def spread(values: Sequence[float]) -> float | None:
    """The standard deviation over the seeds of a trial; None with fewer than two."""
    return stdev(values) if len(values) > 1 else None


def in_order(trials: Iterable[Trial], objective: Objective) -> list[Trial]:
    """The best first: finished trials, then those with some result, then the rest."""

    def rank(trial: Trial) -> tuple[bool, bool, float, int]:
        value = result_of(trial)
        return trial.state != "done", value is None, 0.0 if value is None else objective.error(value), trial.number

    return sorted(trials, key=rank)


def best_of(trials: Iterable[Trial], objective: Objective) -> Trial | None:
    """The best trial; None without any."""
    return next(iter(in_order(trials, objective)), None)
