"""Sweep specification: settings to try, objective and limits, from a file or a page."""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from dataset import SOURCES, default_source
from dataset.files import path_of
from experiments.jobs.launch import worker_limit
from experiments.runs.config import PRESETS, RunConfig
from experiments.sweeps import space as spaces
from experiments.sweeps.space import Params, Range, Space, SweepError
from experiments.training.cost import START, training_seconds
from model import ConfigError
from model.reading import DamagedError, parse_toml, read_bytes

SAMPLERS = ("grid", "random", "tpe")
PRUNERS = ("none", "median", "hyperband")
OBJECTIVES = ("validation_accuracy", "validation_loss")  # at the epoch with the lowest loss
LIMITS = ("trials", "epochs", "minutes", "workers")
"""Fields that may change when a sweep continues."""
SAMPLE = 200  # combinations from which the time of a sweep is estimated
TRIAL_START = 0.1  # seconds between two trainings in the same process


@dataclass(frozen=True)
class SweepSpec:
    """Settings to try, objective and limits of a sweep. An invalid one raises SweepError."""

    name: str
    base: RunConfig
    search: Space
    variants: dict[str, Params] = field(default_factory=dict)
    """Named groups of settings that change together; searched as the setting "variant"."""
    sampler: str = "random"
    pruner: str = "none"
    objective: str = "validation_accuracy"
    seeds: int = 1
    """Number of runs per trial, each with its own seed. Their mean is the result of the trial."""
    trials: int | None = None
    epochs: float | None = None
    """No trial starts once the trained and the planned epochs of all runs reach this number."""
    minutes: float | None = None
    """After this many minutes no trial starts, and those under way stop at a checkpoint."""
    seed: int = 0
    workers: int = 0
    """Number of runs that train at once; 0: the limit of the machine's queue."""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not slug(self.name):
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
        spaces.check_space(self.search, self.base, self.variants, grid=self.sampler == "grid")
        least = 1 if self.base.steps or "epochs" in self.search else self.base.epochs * self.seeds
        if self.epochs is not None and self.epochs < least:
            raise SweepError(
                f"epochs = {self.epochs:g} is what the whole sweep may take, less than one trial does ({least}); "
                "the epochs of a training belong to its settings."
            )

    @property
    def id(self) -> str:
        """The name of its folder."""
        return slug(self.name)

    @property
    def tries(self) -> dict[str, Any]:
        """The fields that two sweeps must share to be the same sweep, as JSON values."""
        return {name: value for name, value in self.to_dict().items() if name not in ("name", *LIMITS)}

    @property
    def maximize(self) -> bool:
        """Whether a higher objective is better."""
        return self.objective == "validation_accuracy"

    def config(self, params: Params, seed: int) -> RunConfig:
        """The config of a combination for run `seed` (from 0). Raises ConfigError."""
        config = spaces.config_of(params, self.base, self.variants)
        return config.replace(seed=config.seed + seed)

    @property
    def most_trials(self) -> int:
        """The largest number of trials; 0 if only epochs or minutes limit it."""
        if self.sampler == "grid":
            size = spaces.grid_size(self.search)
            return min(self.trials or size, size)
        return self.trials or 0

    @property
    def most_runs(self) -> int | None:
        """The largest number of runs, all seeds counted; None if there is no limit on trials."""
        return self.most_trials * self.seeds or None

    @property
    def longest_epochs(self) -> int:
        """The number of epochs of the longest possible run."""
        values = self.search.get("epochs", (self.base.epochs,))
        searched = values.high if isinstance(values, Range) else max(values)
        return int(max(searched, *(of.get("epochs", 0) for of in self.variants.values()), 0))

    def expected_seconds(self, images: int, slowness: float = 1.0) -> float:
        """About how many seconds the sweep takes at most, with `images` training images."""
        space: Space = dict(spaces.grid_values(self.search)) if self.sampler == "grid" else self.search
        seconds, epochs = [], []
        for params in spaces.sample_combinations(space, SAMPLE):
            with contextlib.suppress(ConfigError):
                config = self.config(params, 0)
                count = min(config.training_images or images, images)
                seconds.append(TRIAL_START + training_seconds(config, count, slowness))
                epochs.append(config.total_steps(count) / config.steps_per_epoch(count))
        runs = [float(self.most_runs)] if self.most_runs else []
        if self.epochs is not None:
            runs.append(self.epochs / fmean(epochs))
        limits = [min(runs) * fmean(seconds) / (self.workers or worker_limit())] if runs else []
        if self.minutes is not None:
            limits.append(60 * self.minutes)
        return START + min(limits)

    def used_share(self, ended: int, epochs: float, seconds: float) -> float:
        """The part of the limits that is used up by ended trials, epochs or seconds, 0 to 1."""
        shares = [0.0]
        if self.most_trials:
            shares.append(ended / self.most_trials)
        if self.epochs is not None:
            shares.append(epochs / self.epochs)
        if self.minutes is not None:
            shares.append(seconds / 60 / self.minutes)
        return min(1.0, max(shares))

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON values."""
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))  # with lists
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SweepSpec:
        """The spec that `to_dict` wrote. Raises SweepError."""
        try:
            base = values["base"]
            base = base if isinstance(base, RunConfig) else RunConfig.from_dict(base)
            variants = {
                str(label): {name: spaces.from_json(value) for name, value in settings.items()}
                for label, settings in values.get("variants", {}).items()
            }
            space = spaces.read_space(values["search"], variants)
            return cls(**{**values, "base": base, "variants": variants, "search": space})
        except ConfigError as error:
            raise SweepError(str(error)) from None
        except (KeyError, AttributeError, TypeError) as error:
            raise SweepError(f"The sweep is incomplete or damaged: {error}.") from None

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str], **changes: Any) -> SweepSpec:
        """The spec of a TOML file, with some fields changed; `digits sweep --help` shows one.

        Raises SweepError.
        """
        path = Path(path)
        try:
            found = parse_toml(read_bytes(path))
        except OSError as error:
            raise SweepError(f"{path} cannot be read: {error.strerror or error}.") from None
        except DamagedError as error:
            what, _, where = str(error).partition(" (at ")
            line = re.match(r"line \d+", where)
            place = f" {line[0]}" if line else " at its end" if where else ""
            raise SweepError(f"{path}{place}: {what.removesuffix('.')}.") from None
        try:
            return cls._from_file(found | changes, path)
        except (SweepError, ConfigError) as error:
            raise SweepError(f"{path}: {error}") from None

    @classmethod
    def _from_file(cls, found: dict[str, Any], path: Path) -> SweepSpec:
        """The spec of the entries of a file, which names a preset, data and settings instead of a
        base config.
        """
        known = {f.name for f in fields(cls)} - {"base"} | {"preset", "data", "settings"}
        for name in found:
            if name not in known:
                raise SweepError(f"there is no {name!r} in a sweep; there is {', '.join(sorted(known))}.")
        for name in ("settings", "search", "variants"):
            if not isinstance(found.get(name, {}), dict):
                raise SweepError(f"{name} is a table, [{name}], got {found[name]!r}.")
        preset = found.pop("preset", "quick")
        if not isinstance(preset, str) or preset not in PRESETS:
            raise SweepError(f"there is no preset {preset!r}; the presets are {', '.join(PRESETS)}.")
        settings = found.pop("settings", {})
        if "data" in settings:
            raise SweepError("data stands before the tables, not under [settings].")
        if "epochs" in settings and "steps" not in settings:
            settings = settings | {"steps": 0}  # the preset may count in steps
        data = str(found.pop("data", default_source()))
        data = data if data in SOURCES else str(path_of(data).absolute())
        base = RunConfig.from_dict(PRESETS[preset].to_dict() | settings | {"data": data})
        if not all(isinstance(of, dict) for of in found.get("variants", {}).values()):
            raise SweepError('a variant is a table of settings, [variants."its name"].')
        return cls.from_dict({"name": path.stem, "search": {}, **found, "base": base})


def slug(name: str) -> str:
    """The name in lower case with hyphens, at most 60 letters and digits: usable as a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
