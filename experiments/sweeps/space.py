"""Search: which settings a sweep tries, the values each may take, and the config that a combination of them makes."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from experiments.runs.config import BOUNDS, CHOICES, HELP, RunConfig
from model import ConfigError
from model.errors import DigitLabError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

DISTORTIONS = {"shift": 2.0, "rotation": 20.0, "scale": 0.2, "shear": 0.2, "elastic": 1.0, "stroke_width": 0.5}
"""What the augmentation 1 is; half of it is what the preset best-mlp has, and its wobble beside."""
MADE_UP = {
    "width": "Units of each hidden layer.",
    "depth": "How many hidden layers there are.",
    "augmentation": "All distortions of the training images together, from 0 (none) to 1.",
    "variant": "Settings that go together.",
}
"""Names beside those of settings, each with a sentence."""
NOT_SEARCHED = ("data", "start_from", "threads", "validation_share")
"""What they change is not how well a network learns."""
WHOLE = {"width", "depth", *(name for name, kind in get_type_hints(RunConfig).items() if kind is int)}
LIMITS = {"width": (1, 2048), "depth": (0, 5), "augmentation": (0.0, 1.0)}
MANY = 5000  # combinations: of more, not every one is looked at beforehand

Params = dict[str, Any]


class SearchError(DigitLabError):
    """A search that cannot be, in one sentence."""


@dataclass(frozen=True)
class Range:
    """Everything from low to high; `points` is how many values of it a grid takes."""

    low: float
    high: float
    log: bool = False
    points: int = 0

    def values(self, name: str) -> tuple[float, ...]:
        """The values a grid takes, evenly apart (by their logarithms if log), as few digits as tell them apart."""
        if self.points == 1 or self.low == self.high:
            return (_number(name, self.low),)
        shares = [i / (self.points - 1) for i in range(self.points)]
        if self.log:
            between = [self.low * (self.high / self.low) ** share for share in shares]
        else:
            between = [self.low + (self.high - self.low) * share for share in shares]
        rounded = [self.low, *(float(f"{value:.3g}") for value in between[1:-1]), self.high]
        return tuple(dict.fromkeys(_number(name, value) for value in rounded))


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
    "schedule": tuple(name for name in CHOICES["schedule"] if name != "range-test"),  # it ends where nothing learns
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
"""What can be searched, each with values to begin with."""


def read_space(found: Mapping[str, Any], variants: Mapping[str, Any]) -> Space:
    """The space of plain values: {"low": 0.001, "high": 0.1} or a list for each name. Raises SearchError."""
    space: Space = {}
    for name, values in found.items():
        if isinstance(values, Mapping):
            unknown = set(values) - {"low", "high", "log", "points"}
            if unknown or not {"low", "high"} <= set(values):
                raise SearchError(f"{name} is a range {{low, high, log, points}} or a list, got {dict(values)!r}.")
            log = values.get("log", name in BOUNDS and BOUNDS[name].log)
            space[name] = Range(values["low"], values["high"], log, values.get("points", 0))
        elif isinstance(values, (list, tuple)):
            space[name] = tuple(unplain(value) for value in values)
        else:
            raise SearchError(f"{name} is a range such as {{low = 0.001, high = 0.1}} or a list, got {values!r}.")
    if variants and "variant" not in space:
        space["variant"] = tuple(variants)
    return space


def plain_space(space: Space) -> dict[str, Any]:
    """The space in JSON values; `read_space` reads them."""
    return {
        name: asdict(values) if isinstance(values, Range) else [plain(value) for value in values]
        for name, values in space.items()
    }


def check_space(space: Space, base: RunConfig, variants: Mapping[str, Params], *, grid: bool) -> None:
    """Raise a SearchError unless every value of the space can be, by itself and together with the others."""
    if not space:
        raise SearchError("There is nothing to search: name at least one setting and the values to try.")
    for label, settings in variants.items():
        for name in settings:
            if name not in HELP or name in NOT_SEARCHED:
                raise SearchError(f"The variant {label!r} has no setting {name!r}; {_known()}.")
    for name, values in space.items():
        _check_values(name, values, variants, grid=grid)
    if "hidden" in space and {"width", "depth"} & set(space):
        raise SearchError("Search hidden or width and depth, not both: they say the same thing.")
    for name in DISTORTIONS:
        if name in space and "augmentation" in space:
            raise SearchError(f"Search augmentation or {name}, not both: augmentation sets {name}.")
    for label, settings in variants.items():
        for name in settings:
            if name in space:
                raise SearchError(f"The variant {label!r} sets {name}, which is searched too: leave one of them out.")
    for params in _combinations(space, grid=grid):
        try:
            config_of(params, base, variants)
        except ConfigError as error:
            shown = ", ".join(f"{name} {say(value)}" for name, value in params.items())
            raise SearchError(f"The combination {shown} cannot be: {error}") from None


def config_of(params: Params, base: RunConfig, variants: Mapping[str, Params]) -> RunConfig:
    """The base with what a combination says. Raises ConfigError."""
    changes = {name: value for name, value in params.items() if name not in MADE_UP}
    if "variant" in params:
        changes |= variants[params["variant"]]
    if "epochs" in changes and "steps" not in changes:
        changes["steps"] = 0  # a base may count in steps
    if "width" in params or "depth" in params:
        width = params.get("width", base.hidden[0] if base.hidden else 64)
        changes["hidden"] = (width,) * params.get("depth", len(base.hidden) or 1)
    if "augmentation" in params:
        changes |= {name: params["augmentation"] * strength for name, strength in DISTORTIONS.items()}
    return base.replace(**changes)


def grid_values(space: Space) -> dict[str, tuple[Any, ...]]:
    """The values a grid takes of each name."""
    return {name: values.values(name) if isinstance(values, Range) else values for name, values in space.items()}


def grid_size(space: Space) -> int:
    return math.prod(len(values) for values in grid_values(space).values())


def draws(space: Space, count: int) -> Iterator[Params]:
    """Combinations as a random search might draw them, always the same ones."""
    chance = random.Random(0)
    for _ in range(count):
        yield {name: _draw(name, values, chance) for name, values in space.items()}


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """The space in Optuna's words."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    found: dict[str, BaseDistribution] = {}
    for name, values in space.items():
        if not isinstance(values, Range):
            found[name] = CategoricalDistribution([stored(value) for value in values])
        elif _whole(name):
            found[name] = IntDistribution(int(values.low), int(values.high), log=values.log)
        else:
            found[name] = FloatDistribution(values.low, values.high, log=values.log)
    return found


def stored(value: Any) -> Any:
    """A value as Optuna can keep it: a list of layers as text."""
    return say(value) if isinstance(value, tuple) else value


def restored(params: Mapping[str, Any], space: Space) -> Params:
    """What Optuna kept, as the values of the space, in its order."""
    return {
        name: next((value for value in values if stored(value) == params[name]), params[name])
        if isinstance(values, tuple)
        else _number(name, params[name])
        for name, values in space.items()
    }


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    return list(value) if isinstance(value, tuple) else value


def unplain(value: Any) -> Any:
    """A value that JSON or TOML had."""
    return tuple(value) if isinstance(value, list) else value


def say(value: Any) -> str:
    """A value for people: 0.00316, adam, 128-64."""
    if isinstance(value, tuple):
        return "-".join(map(str, value)) or "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _check_values(name: str, values: Range | tuple[Any, ...], variants: Mapping[str, Params], *, grid: bool) -> None:
    if name in NOT_SEARCHED or (name not in HELP and name not in MADE_UP):
        raise SearchError(f"{name!r} cannot be searched; {_known()}.")
    if isinstance(values, Range):
        _check_range(name, values, grid=grid)
        return
    if not values:
        raise SearchError(f"{name} has no values to try.")
    if len(set(values)) < len(values):
        raise SearchError(f"{name} has the same value twice: {', '.join(map(say, values))}.")
    for value in values:
        if name == "variant":
            if value not in variants:
                raise SearchError(f"There is no variant {value!r}; the variants are {', '.join(variants) or 'none'}.")
        elif name in LIMITS:
            low, high = LIMITS[name]
            if type(value) is bool or not isinstance(value, int if _whole(name) else (int, float)):
                raise SearchError(f"{name} is a {'whole ' if _whole(name) else ''}number, got {value!r}.")
            if not low <= value <= high:
                raise SearchError(f"{name} lies between {low:g} and {high:g}, got {value:g}.")
        else:
            try:
                RunConfig(**{name: value})
            except ConfigError as error:
                if name in BOUNDS or name in CHOICES or name == "hidden":
                    raise SearchError(str(error)) from None


def _check_range(name: str, values: Range, *, grid: bool) -> None:
    if name not in BOUNDS and name not in LIMITS:
        choices = f", such as {', '.join(CHOICES[name])}" if name in CHOICES else ""
        raise SearchError(f"{name} is no number: list the values to try{choices}.")
    for end in (values.low, values.high):
        if isinstance(end, bool) or not isinstance(end, (int, float)) or not math.isfinite(end):
            raise SearchError(f"The range of {name} goes from one number to another, got {end!r}.")
        if _whole(name) and end != int(end):
            raise SearchError(f"{name} is a whole number, got {end:g}.")
    low, high = LIMITS[name] if name in LIMITS else BOUNDS[name][:2]
    if not low <= values.low <= values.high <= high:
        if values.low > values.high:
            raise SearchError(f"The range of {name} is upside down: low {values.low:g} is above high {values.high:g}.")
        wrong = values.low if not low <= values.low <= high else values.high
        raise SearchError(f"{name} lies between {low:g} and {high:,.10g}, got {wrong:g}.")
    if not isinstance(values.log, bool):
        raise SearchError(f"log of {name} is true or false, got {values.log!r}.")
    if values.log and values.low <= 0:
        raise SearchError(f"A logarithmic range cannot begin at 0: give {name} a low above 0, or log = false.")
    if isinstance(values.points, bool) or not isinstance(values.points, int) or values.points < 0:
        raise SearchError(f"points of {name} is how many values a grid takes, got {values.points!r}.")
    if grid and not values.points:
        raise SearchError(
            f"A grid needs to know how many values of {name} to try: add points to its range, or list the values."
        )


def _combinations(space: Space, *, grid: bool) -> Iterator[Params]:
    """Every cell of a grid, else every choice with the ends of every range; of very many, some."""
    ends = (
        grid_values(space)
        if grid
        else {
            name: (_number(name, values.low), _number(name, values.high)) if isinstance(values, Range) else values
            for name, values in space.items()
        }
    )
    if math.prod(map(len, ends.values())) <= MANY:
        for combination in itertools.product(*ends.values()):
            yield dict(zip(ends, combination, strict=True))
    else:
        yield from draws(dict(ends), MANY)


def _draw(name: str, values: Range | tuple[Any, ...], chance: random.Random) -> Any:
    if not isinstance(values, Range):
        return chance.choice(values)
    share = chance.random()
    if values.log:
        return _number(name, values.low * (values.high / values.low) ** share)
    return _number(name, values.low + (values.high - values.low) * share)


def _whole(name: str) -> bool:
    return name in WHOLE


def _number(name: str, value: float) -> float:
    return round(value) if _whole(name) else float(value)


def _known() -> str:
    names = [name for name in (*MADE_UP, *HELP) if name not in NOT_SEARCHED]
    return f"what can be searched is {', '.join(sorted(names))}"
