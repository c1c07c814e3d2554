"""Search space: the settings that a sweep varies, and the config of each combination."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, get_type_hints

from experiments.jobs.record import JobError
from experiments.runs.config import BOUNDS, CHOICES, HELP, RunConfig
from model import ConfigError
from model.settings import number_text

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DISTORTIONS = {"shift": 2.0, "rotation": 20.0, "scale": 0.2, "shear": 0.2, "elastic": 1.0, "stroke_width": 0.5}
"""Strengths at augmentation = 1; the preset best-mlp uses about half of them."""
DERIVED = {
    "width": "Units of each hidden layer.",
    "depth": "Number of hidden layers.",
    "augmentation": "All distortions of the training images together, from 0 (none) to 1.",
    "variant": "A named group of settings that change together.",
}
"""Names that stand for one or more settings, each with its help text."""
NOT_SEARCHED = ("data", "start_from", "threads", "validation_share")
"""Settings that do not change how well a network learns."""
WHOLE = {"width", "depth", *(name for name, kind in get_type_hints(RunConfig).items() if kind is int)}
LIMITS = {"width": (1, 2048), "depth": (0, 5), "augmentation": (0.0, 1.0)}
NUMBERS = {name: bounds[:2] for name, bounds in BOUNDS.items()} | LIMITS
"""The lowest and the highest value of each number that can be searched."""
MOST_POINTS = 10_000  # values of one setting
MOST_CHECKED = 5000  # a space with more combinations is checked by a sample of this size

Params = dict[str, Any]


class SweepError(JobError):
    """A sweep that is impossible, missing or in the wrong state. The message says what to do."""


@dataclass(frozen=True)
class Range:
    """All numbers from low to high. A grid takes `points` of them."""

    low: float
    high: float
    log: bool = False
    points: int = 0

    def values(self, name: str) -> tuple[float, ...]:
        """The values that a grid takes: evenly spaced on the scale, rounded to three digits."""
        if self.points == 1 or self.low == self.high:
            return (self.at(name, 0),)
        between = [self.at(name, i / (self.points - 1)) for i in range(1, self.points - 1)]
        rounded = [self.low, *(float(f"{value:.3g}") for value in between), self.high]
        return tuple(dict.fromkeys(_number(name, value) for value in rounded))

    def at(self, name: str, share: float) -> float:
        """The value at this share of the range, 0 to 1."""
        if self.log:
            return _number(name, self.low * (self.high / self.low) ** share)
        return _number(name, self.low + (self.high - self.low) * share)


Space = dict[str, Range | tuple[Any, ...]]

SEARCHABLE: Space = {
    "learning_rate": Range(0.0001, 0.1, log=True, points=7),
    "batch_size": (32, 64, 128, 256),
    "width": Range(16, 512, log=True, points=6),
    "depth": Range(1, 3, points=3),
    "hidden": ((64,), (128, 64), (256, 128)),
    "activation": CHOICES["activation"],
    "initializer": CHOICES["initializer"],
    "optimizer": CHOICES["optimizer"],
    "schedule": tuple(
        name for name in CHOICES["schedule"] if name != "range-test"
    ),  # which ends with a rate too high to learn
    "weight_decay": Range(0.0001, 0.1, log=True, points=4),
    "dropout": Range(0.0, 0.5, points=6),
    "augmentation": Range(0.0, 1.0, points=5),
    "label_smoothing": Range(0.0, 0.2, points=5),
    "momentum": Range(0.5, 0.99, points=4),
    "decay": Range(0.01, 1.0, log=True, points=5),
    "batch_norm": (False, True),
    "loss": CHOICES["loss"],
    "epochs": Range(1, 20, log=True, points=5),
    "training_images": Range(250, 3500, log=True, points=5),
    **{name: Range(0.0, strength, points=5) for name, strength in DISTORTIONS.items()},
    "seed": (0, 1, 2, 3, 4),
}
"""Settings that a page offers to search, each with its first values."""


def read_space(found: Mapping[str, Any], variants: Mapping[str, Any]) -> Space:
    """The space of JSON or TOML values: by name a list, or {"low": 0.001, "high": 0.1}.

    Raises SweepError.
    """
    space: Space = {}
    for name, values in found.items():
        if isinstance(values, Mapping):
            unknown = set(values) - {"low", "high", "log", "points"}
            if unknown or not {"low", "high"} <= set(values):
                raise SweepError(f"{name} is a range {{low, high, log, points}} or a list, got {dict(values)!r}.")
            log = values.get("log", name in BOUNDS and BOUNDS[name].log)
            space[name] = Range(values["low"], values["high"], log, values.get("points", 0))
        elif isinstance(values, (list, tuple)):
            space[name] = tuple(from_json(value) for value in values)
        else:
            raise SweepError(f"{name} is a range such as {{low = 0.001, high = 0.1}} or a list, got {values!r}.")
    if variants and "variant" not in space:
        space["variant"] = tuple(variants)
    return space


def check_space(space: Space, base: RunConfig, variants: Mapping[str, Params], *, grid: bool) -> None:
    """Raise a SweepError unless the values of the space are valid, alone and combined."""
    if not space:
        raise SweepError("There is nothing to search: name at least one setting and the values to try.")
    for label, settings in variants.items():
        for name in settings:
            if name not in HELP or name in NOT_SEARCHED:
                raise SweepError(f"The variant {label!r} has no setting {name!r}; {_known()}.")
    for name, values in space.items():
        _check_values(name, values, variants, grid=grid)
    if "hidden" in space and {"width", "depth"} & set(space):
        raise SweepError("Search hidden or width and depth, not both: they set the same layers.")
    for name in DISTORTIONS:
        if name in space and "augmentation" in space:
            raise SweepError(f"Search augmentation or {name}, not both: augmentation sets {name}.")
    for label, settings in variants.items():
        for name in settings:
            if name in space:
                raise SweepError(f"The variant {label!r} sets {name}, which is searched too: leave one of them out.")
    for params in _combinations(space, grid=grid):
        try:
            config_of(params, base, variants)
        except ConfigError as error:
            shown = ", ".join(f"{name} {value_text(value)}" for name, value in params.items())
            raise SweepError(f"The combination {shown} is not possible: {error}") from None


def config_of(params: Params, base: RunConfig, variants: Mapping[str, Params]) -> RunConfig:
    """The base config with the settings of a combination. Raises ConfigError."""
    changes = {name: value for name, value in params.items() if name not in DERIVED}
    if "variant" in params:
        changes |= variants[params["variant"]]
    if "epochs" in changes and "steps" not in changes:
        changes["steps"] = 0  # the base may count in steps
    if "width" in params or "depth" in params:
        width = params.get("width", base.hidden[0] if base.hidden else 64)
        changes["hidden"] = (width,) * params.get("depth", len(base.hidden) or 1)
    if "augmentation" in params:
        changes |= {name: params["augmentation"] * strength for name, strength in DISTORTIONS.items()}
    return base.replace(**changes)


def grid_values(space: Space) -> dict[str, tuple[Any, ...]]:
    """The values that a grid takes of each setting."""
    return {name: values.values(name) if isinstance(values, Range) else values for name, values in space.items()}


def grid_size(space: Space) -> int:
    """The number of combinations of a grid."""
    return math.prod(len(values) for values in grid_values(space).values())


def sample_combinations(space: Space, count: int) -> Iterator[Params]:
    """Random combinations of the space; the same ones at each call."""
    generator = random.Random(0)
    for _ in range(count):
        yield {
            name: values.at(name, generator.random()) if isinstance(values, Range) else generator.choice(values)
            for name, values in space.items()
        }


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space as Optuna's distributions."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for name, values in space.items():
        if not isinstance(values, Range):
            found[name] = CategoricalDistribution([to_optuna(value) for value in values])
        elif is_whole(name):
            found[name] = IntDistribution(int(values.low), int(values.high), log=values.log)
        else:
            found[name] = FloatDistribution(values.low, values.high, log=values.log)
    return found


def to_optuna(value: Any) -> Any:
    """A value that Optuna can store: layers as text."""
    return value_text(value) if isinstance(value, tuple) else value


def from_optuna(params: Mapping[str, Any], space: Space) -> Params:
    """The values of the space that Optuna stored so far, in the order of the space."""
    return {
        name: next((value for value in values if to_optuna(value) == params[name]), params[name])
        if isinstance(values, tuple)
        else _number(name, params[name])
        for name, values in space.items()
        if name in params
    }


def from_json(value: Any) -> Any:
    """A value with tuples instead of the lists of JSON and TOML."""
    return tuple(value) if isinstance(value, list) else value


def value_text(value: Any) -> str:
    """A value as people read it: "0.00316", "adam", "128-64"."""
    if isinstance(value, tuple):
        return "-".join(map(str, value)) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _check_values(name: str, values: Range | tuple[Any, ...], variants: Mapping[str, Params], *, grid: bool) -> None:
    """Raise a SweepError unless each value of a setting is valid alone."""
    if name in NOT_SEARCHED or (name not in HELP and name not in DERIVED):
        raise SweepError(f"{name!r} cannot be searched; {_known()}.")
    if isinstance(values, Range):
        _check_range(name, values, grid=grid)
        return
    if not values:
        raise SweepError(f"{name} has no values to try.")
    if len(set(values)) < len(values):
        raise SweepError(f"{name} has the same value twice: {', '.join(map(value_text, values))}.")
    for value in values:
        if name == "variant" and value not in variants:
            raise SweepError(f"There is no variant {value!r}; the variants are {', '.join(variants) or 'none'}.")
        if name in NUMBERS:
            _check_number(name, value)
        elif name in CHOICES or name == "hidden":
            try:
                RunConfig(**{name: value})
            except ConfigError as error:
                raise SweepError(str(error)) from None


def _check_range(name: str, values: Range, *, grid: bool) -> None:
    """Raise a SweepError unless a range is valid."""
    if name not in NUMBERS:
        choices = f", such as {', '.join(CHOICES[name])}" if name in CHOICES else ""
        raise SweepError(f"{name} is no number: list the values to try{choices}.")
    for end in (values.low, values.high):
        _check_number(name, end)
    if values.low > values.high:
        raise SweepError(f"The range of {name} is reversed: low {values.low:g} is above high {values.high:g}.")
    if not isinstance(values.log, bool):
        raise SweepError(f"log of {name} is true or false, got {values.log!r}.")
    if values.log and values.low <= 0:
        raise SweepError(f"A logarithmic range cannot begin at 0: give {name} a low above 0, or log = false.")
    if type(values.points) is not int or not 0 <= values.points <= MOST_POINTS:
        raise SweepError(
            f"points of {name} is how many values a grid takes, at most {MOST_POINTS:,}, got {values.points!r:.20}."
        )
    if grid and not values.points:
        raise SweepError(
            f"A grid needs to know how many values of {name} to try: add points to its range, or list the values."
        )


def _check_number(name: str, value: Any) -> None:
    """Raise a SweepError unless a value is a number that this setting can have."""
    is_number = type(value) is int or (type(value) is float and math.isfinite(value))
    if not is_number or (is_whole(name) and value != int(value)):
        raise SweepError(f"{name} is a {'whole ' if is_whole(name) else ''}number, got {value!r:.60}.")
    low, high = NUMBERS[name]
    if not low <= value <= high:
        raise SweepError(f"{name} lies between {low:g} and {high:,.10g}, got {number_text(value)}.")


def _combinations(space: Space, *, grid: bool) -> Iterator[Params]:
    """All cells of a grid, else all choices and ends of ranges; a sample if too many."""
    ends = {name: replace(of, points=2) if isinstance(of, Range) else of for name, of in space.items()}
    values = grid_values(space if grid else ends)
    if math.prod(map(len, values.values())) > MOST_CHECKED:
        yield from sample_combinations(dict(values), MOST_CHECKED)
        return
    for combination in itertools.product(*values.values()):
        yield dict(zip(values, combination, strict=True))


def is_whole(name: str) -> bool:
    """Whether the values of a setting are whole numbers."""
    return name in WHOLE


def _number(name: str, value: float) -> float:
    return round(value) if is_whole(name) else float(value)


def _known() -> str:
    names = [name for name in (*DERIVED, *HELP) if name not in NOT_SEARCHED]
    return f"what can be searched is {', '.join(sorted(names))}"
