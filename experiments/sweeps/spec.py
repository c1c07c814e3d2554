"""Sweep spec: what a sweep tries, how it judges and how much it may take, from a file or a page."""

from __future__ import annotations

import contextlib
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from statistics import fmean
from typing import Any

from dataset import SOURCES, default_source
from dataset.files import path_of
from experiments.jobs.launch import worker_limit
from experiments.runs.config import PRESETS, RunConfig
from experiments.sweeps import space as search
from experiments.sweeps.space import Params, Range, SearchError, Space
from experiments.training.cost import START, training_seconds
from model import ConfigError
from model.errors import DigitLabError

SAMPLERS = {
    "grid": "Every combination of the values listed.",
    "random": "Combinations drawn at random: better than a grid where some settings matter little.",
    "tpe": "Learns from the trials so far where good settings are (tree-structured Parzen estimator).",
}
PRUNERS = {
    "none": "Every trial goes to its end.",
    "median": "Stops a trial that is worse than half of the others were after as many epochs.",
    "hyperband": "Gives many trials a few epochs and only the best of them all.",
}
OBJECTIVES = {
    "validation_accuracy": "The highest accuracy on validation digits, at the epoch of the lowest validation loss.",
    "validation_loss": "The lowest loss on validation digits.",
}
BUDGETS = ("trials", "epochs", "minutes", "workers")
"""What may differ when the same sweep goes on."""
SAMPLE = 200  # combinations from which the time of a sweep is reckoned
TRIAL_START = 0.1  # seconds from one training of a process to its next


class SweepError(DigitLabError):
    """A sweep that cannot be, is missing, or is in the wrong state; the message says what to do."""


@dataclass(frozen=True)
class SweepSpec:
    """What is tried, how it is judged and how much it may take; checked when it is made. Raises SweepError."""

    name: str
    base: RunConfig
    search: Space
    variants: dict[str, Params] = field(default_factory=dict)
    """Settings that go together, by a label; searched as "variant"."""
    sampler: str = "random"
    pruner: str = "none"
    objective: str = "validation_accuracy"
    seeds: int = 1
    """So many runs a trial, whose mean is its value."""
    trials: int | None = None
    epochs: float | None = None
    """No trial starts once so many epochs, of all runs together, are trained or on their way."""
    minutes: float | None = None
    """No trial starts after so many minutes."""
    seed: int = 0
    workers: int = 0
    """How many runs train at once; 0: as many as the machine's queue has places."""

    def __post_init__(self) -> None:
        if not slug(str(self.name)):
            raise SweepError(f"A sweep needs a name with a letter or a digit in it, got {self.name!r}.")
        for name, choices in (("sampler", SAMPLERS), ("pruner", PRUNERS), ("objective", OBJECTIVES)):
            if getattr(self, name) not in choices:
                raise SweepError(f"{name} is one of {', '.join(choices)}, got {getattr(self, name)!r}.")
        if self.variants and "variant" not in self.search:
            object.__setattr__(self, "search", self.search | {"variant": tuple(self.variants)})
        for name, least, most in (
            ("seeds", 1, 100),
            ("trials", 1, 100_000),
            ("seed", 0, 2**31 - 1),
            ("workers", 0, 256),
        ):
            value = getattr(self, name)
            if value is None and name == "trials":
                continue
            if type(value) is not int or not least <= value <= most:
                raise SweepError(f"{name} is a whole number from {least} to {most:,}, got {value!r}.")
        for name in ("epochs", "minutes"):
            value = getattr(self, name)
            if value is not None and (type(value) not in (int, float) or not 0 < value < math.inf):
                raise SweepError(f"{name} is a number above 0, got {value!r}.")
        if self.base.validation_share == 0:
            raise SweepError("Trials are judged by validation digits: set validation_share above 0.")
        if self.base.start_from:
            raise SweepError("A sweep starts from fresh weights: leave start_from empty.")
        if self.sampler != "grid" and self.trials is self.epochs is self.minutes is None:
            raise SweepError("Say how much the sweep may take: trials, epochs (in all) or minutes.")
        try:
            search.check_space(self.search, self.base, self.variants, grid=self.sampler == "grid")
        except SearchError as error:
            raise SweepError(str(error)) from None
        least = 1 if self.base.steps or "epochs" in self.search else self.base.epochs * self.seeds
        if self.epochs is not None and self.epochs < least:
            raise SweepError(
                f"epochs = {self.epochs:g} is what the whole sweep may take, less than one trial does ({least}); "
                "the epochs of a training belong to its settings."
            )

    @property
    def id(self) -> str:
        return slug(self.name)

    @property
    def tries(self) -> dict[str, Any]:
        """What makes it this sweep and no other."""
        return {name: value for name, value in self.to_dict().items() if name not in ("name", *BUDGETS)}

    @property
    def maximize(self) -> bool:
        return self.objective == "validation_accuracy"

    def config(self, params: Params, seed: int) -> RunConfig:
        """The config of a combination for the seed number `seed` (from 0) of its trial. Raises ConfigError."""
        config = search.config_of(params, self.base, self.variants)
        return config.replace(seed=config.seed + seed)

    def grid_size(self) -> int:
        """How many combinations a grid has."""
        return search.grid_size(self.search)

    @property
    def most_trials(self) -> int:
        """How many trials there will be at most; 0: only other budgets limit them."""
        if self.sampler == "grid":
            return min(self.trials or self.grid_size(), self.grid_size())
        return self.trials or 0

    @property
    def longest_epochs(self) -> int:
        """The epochs of the longest trial."""
        values = self.search.get("epochs", (self.base.epochs,))
        searched = values.high if isinstance(values, Range) else max(values)
        return int(max(searched, *(of.get("epochs", 0) for of in self.variants.values()), 0))

    def expected_seconds(self, images: int, slowness: float = 1.0) -> float:
        """About how long it will take at most with `images` training digits; pruning makes it shorter."""
        space: Space = dict(search.grid_values(self.search)) if self.sampler == "grid" else self.search
        seconds, epochs = [], []
        for params in search.draws(space, SAMPLE):
            with contextlib.suppress(ConfigError):
                config = self.config(params, 0)
                count = min(config.training_images or images, images)
                seconds.append(TRIAL_START + training_seconds(config, count, slowness))
                epochs.append(config.total_steps(count) / config.steps_per_epoch(count))
        trial = self.seeds * fmean(seconds)
        limits = [self.most_trials * trial] if self.most_trials else []
        if self.epochs is not None:
            limits.append(self.epochs / (self.seeds * fmean(epochs)) * trial)
        together = self.workers or worker_limit()
        limits = [seconds / together for seconds in limits]
        if self.minutes is not None:
            limits.append(60 * self.minutes)
        return START + min(limits)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        found = {name: getattr(self, name) for name in (f.name for f in fields(self))}
        variants = {label: {n: search.plain(v) for n, v in of.items()} for label, of in self.variants.items()}
        return found | {
            "base": self.base.to_dict(),
            "search": search.plain_space(self.search),
            "variants": variants,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SweepSpec:
        """The spec of `to_dict`. Raises SweepError."""
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known:
                raise SweepError(f"A sweep has no {name!r}; it has {', '.join(sorted(known))}.")
        try:
            base = values["base"]
            base = base if isinstance(base, RunConfig) else RunConfig.from_dict(base)
            variants = {
                str(label): {name: search.unplain(value) for name, value in settings.items()}
                for label, settings in values.get("variants", {}).items()
            }
            space = search.read_space(values["search"], variants)
        except (SearchError, ConfigError) as error:
            raise SweepError(str(error)) from None
        except (KeyError, AttributeError, TypeError) as error:
            raise SweepError(f"The sweep is incomplete or damaged: {error}.") from None
        return cls(**{**values, "base": base, "variants": variants, "search": space})

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str], **changes: Any) -> SweepSpec:
        """The spec in a TOML file, with some fields changed; `digits sweep --help` shows one. Raises SweepError."""
        path = Path(path)
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SweepError(f"{path} cannot be read: {error.strerror or error}.") from None
        except UnicodeDecodeError:
            raise SweepError(f"{path} is no text in UTF-8.") from None
        except tomllib.TOMLDecodeError as error:
            what, _, where = str(error).partition(" (at ")
            line = re.match(r"line \d+", where)
            raise SweepError(f"{path} {line[0] if line else 'at its end'}: {what}.") from None
        try:
            return cls._of_file(found | changes, path)
        except (SweepError, SearchError, ConfigError) as error:
            raise SweepError(f"{path}: {error}") from None

    @classmethod
    def _of_file(cls, found: dict[str, Any], path: Path) -> SweepSpec:
        known = {f.name for f in fields(cls)} - {"base"} | {"preset", "data", "settings"}
        for name in found:
            if name not in known:
                raise SweepError(f"there is no {name!r} in a sweep; there is {', '.join(sorted(known))}.")
        for name in ("settings", "search", "variants"):
            if not isinstance(found.get(name, {}), dict):
                raise SweepError(f"{name} is a table, [{name}], got {found[name]!r}.")
        preset = found.pop("preset", "quick")
        if preset not in PRESETS:
            raise SweepError(f"there is no preset {preset!r}; the presets are {', '.join(PRESETS)}.")
        settings = found.pop("settings", {})
        if "data" in settings:
            raise SweepError("data stands before the tables, not under [settings].")
        if "epochs" in settings and "steps" not in settings:
            settings = settings | {"steps": 0}  # a preset may count in steps
        data = str(found.pop("data", default_source()))
        data = data if data in SOURCES else str(path_of(data).absolute())
        base = RunConfig.from_dict(PRESETS[preset].to_dict() | settings | {"data": data})
        if not all(isinstance(of, dict) for of in found.get("variants", {}).values()):
            raise SweepError('a variant is a table of settings, [variants."its name"].')
        return cls.from_dict({"name": path.stem, "search": {}, **found, "base": base})


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
