"""Axes: what a sweep searched and what came of it, each value at its place between 0 and 1 and as people write it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

DECADE = 10  # from here on between the ends of an axis, it is logarithmic by itself
MANY = 8  # steps: more are not all written
BINS = 6  # where values lie anywhere, so many cells of a map
SPACE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Axis:
    """One searched setting. `steps`: its possible values in order, if they are few; else it goes from low to high."""

    name: str
    title: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    steps: tuple[Any, ...] = ()
    names: tuple[str, ...] = ()  # of the steps, where they are no numbers

    @property
    def numeric(self) -> bool:
        return not self.names

    def place(self, value: Any) -> float:
        """Where a value lies: 0 at the low end, 1 at the high one."""
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
        if self.numeric:
            return number(value)
        return self.names[self.steps.index(value)] if value in self.steps else str(value)

    def ticks(self) -> list[Any]:
        """The values that are written beside the axis: its steps, or its ends and round numbers between them."""
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

    def cells(self) -> list["Cell"]:
        """What a map divides this axis into: its steps, or bins of the same width."""
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
        if self.low == self.high:
            return bool(value == self.low) or (isinstance(value, float) and math.isclose(value, self.low, rel_tol=1e-6))
        return bool(self.low <= value <= self.high)


def setting_axis(
    name: str, title: str, search: Any, *, steps: Sequence[Any] = (), named: Callable[[str], str] = str
) -> Axis:
    """The axis of a setting: `search` is its Range or its choices, `steps` the values that a grid takes of a Range."""
    if isinstance(search, tuple):
        if all(isinstance(choice, int | float) and not isinstance(choice, bool) for choice in search):
            values = tuple(sorted(set(search)))
            return Axis(name, title, values[0], values[-1], is_log(values[0], values[-1]), values)
        return Axis(name, title, steps=search, names=tuple(choice_text(choice, named) for choice in search))
    return Axis(name, title, search.low, search.high, search.log or is_log(search.low, search.high), tuple(steps))


def is_log(low: float, high: float) -> bool:
    """Whether values from low to high span decades."""
    return low > 0 and high / low >= DECADE


def choice_text(choice: Any, named: Callable[[str], str]) -> str:
    if isinstance(choice, list | tuple):
        return "-".join(map(str, choice)) or "none"
    if isinstance(choice, bool):
        return "on" if choice else "off"
    return named(choice) if isinstance(choice, str) else str(choice)


def number(value: float) -> str:
    """0.0032, 0.5, 64, 1,024: three digits of what is no whole number."""
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


@dataclass(frozen=True)
class Result:
    """What a sweep makes good: accuracy, whose axis is stretched towards 100 % so that the best lie apart, or loss."""

    objective: str = "validation_accuracy"

    @property
    def is_accuracy(self) -> bool:
        return self.objective == "validation_accuracy"

    @property
    def title(self) -> str:
        return "Validation accuracy" if self.is_accuracy else "Validation loss"

    @property
    def short_title(self) -> str:
        return "Accuracy" if self.is_accuracy else "Loss"

    def badness(self, value: float) -> float:
        """The error rate or the loss, above zero: what is drawn on a logarithmic axis."""
        return max(1 - value, 5e-4) if self.is_accuracy else max(value, 1e-6)

    def value(self, badness: float) -> float:
        return 1 - badness if self.is_accuracy else badness

    def text(self, value: float) -> str:
        if self.is_accuracy:
            return f"{100 * value:.1f}{SPACE}%"
        return f"{value:.4f}" if value >= 0.001 else f"{value:.1e}"

    def spread_text(self, spread: float) -> str:
        return f"{100 * spread:.1f}{SPACE}%" if self.is_accuracy else f"{spread:.2g}"

    def axis(self, values: Sequence[float]) -> Axis:
        """Of the badness; its low end is the worst, so that up is better, as in all charts of a sweep."""
        found = [self.badness(value) for value in values] or [0.01, 0.1]
        worst, best = max(found), min(found)
        if worst / best < 1.02:  # all alike: in the middle
            worst, best = worst * 1.01, best / 1.01
        return Axis("result", self.title, worst, best, log=True)

    def ticks(self, axis: Axis) -> list[tuple[float, str]]:
        """Both ends, and round values between them that do not crowd."""
        ends = [(0.0, self.text(self.value(axis.low))), (1.0, self.text(self.value(axis.high)))]
        chosen = [0.0, 1.0]
        inner = []
        for value in sorted(ROUND, key=lambda value: (len(f"{value:g}"), value)):
            place = axis.place(value)
            if 0 < place < 1 and all(abs(place - other) > 0.12 for other in chosen):
                chosen.append(place)
                text = f"{100 * (1 - value):g}{SPACE}%" if self.is_accuracy else f"{value:g}"
                inner.append((place, text))
        return [ends[0], *sorted(inner), ends[1]]


ROUND = [float(f"{digit}e{power}") for power in (-3, -2, -1) for digit in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8)] + [1.0, 2.0]
