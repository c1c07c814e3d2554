"""Sweeps: many trainings of one search, in a folder that says what is tried, how far it is and what came of it."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from filelock import FileLock

from dataset import SOURCES, default_source
from experiments import jobs, search
from experiments.cost import START, training_seconds
from experiments.runs import START_GRACE, Run, RunError, Status, held, runs_folder, write_text
from experiments.search import Params, Range, SearchError, Space
from model import PRESETS, ConfigError, TrainConfig

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


class SweepError(ValueError):
    """A sweep that cannot be, is missing, or is in the wrong state; the message says what to do."""


@dataclass(frozen=True)
class SweepSpec:
    """What is tried, how it is judged and how much it may take; checked when it is made. Raises SweepError."""

    name: str
    base: TrainConfig
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

    def config(self, params: Params, seed: int) -> TrainConfig:
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
        together = self.workers or jobs.worker_limit()
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
            base = base if isinstance(base, TrainConfig) else TrainConfig.from_dict(base)
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
        data = data if data in SOURCES else str(Path(data).expanduser().absolute())
        base = TrainConfig.from_dict(PRESETS[preset].to_dict() | settings | {"data": data})
        if not all(isinstance(of, dict) for of in found.get("variants", {}).values()):
            raise SweepError('a variant is a table of settings, [variants."its name"].')
        return cls.from_dict({"name": path.stem, "search": {}, **found, "base": base})


@dataclass(frozen=True)
class Trial:
    """One combination: what it is, and what came of it so far."""

    number: int
    params: Params
    state: str = "running"
    """running, done, pruned, diverged, failed or stopped."""
    over: bool = False
    """Whether nothing more comes of it: one that stopped with its sweep goes on with it."""
    value: float | None = None
    """The mean over its seeds, of those that have been validated."""
    values: tuple[float, ...] = ()
    """One a seed."""
    runs: tuple[str, ...] = ()
    """Their ids, in the order of the seeds."""
    epochs: float = 0.0
    seconds: float = 0.0
    """Spent training, all its runs together."""
    started: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class SweepStatus:
    """How far a sweep is."""

    state: str
    """running, stopped, finished, failed or interrupted."""
    reason: str = ""
    trials: int = 0
    """How many there will be at most; 0: not known."""
    done: int = 0
    running: int = 0
    pruned: int = 0
    failed: int = 0
    """Also those that diverged or were stopped by hand."""
    epochs: float = 0.0
    best: Trial | None = None
    """Of those that are done."""
    seconds: float = 0.0
    seconds_left: float | None = None
    share: float = 0.0
    """Of its budget, 0 to 1."""

    @property
    def active(self) -> bool:
        return self.state == "running"

    @property
    def ended(self) -> int:
        """Trials that are over."""
        return self.done + self.pruned + self.failed


@dataclass(frozen=True)
class Sweep:
    """One sweep folder. Cheap to make; what it returns is read from disk at that moment.

    sweep.json      what is tried, and where the study is kept
    status.json     what its last driver said
    stop            is there while it is to stop
    drivers/        a file for each process that drives it, locked as long as that lives
    trials/         for each trial what came of it, and a lock that its driver holds
    journal.log     Optuna's study, unless that is in a database
    log.txt
    """

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def spec(self) -> SweepSpec:
        return self._plan[0]

    @property
    def storage(self) -> str:
        """The address of the database with the study; empty: a file in the folder."""
        return self._plan[1]

    @property
    def created(self) -> float:
        return self._plan[2]

    @property
    def _plan(self) -> tuple[SweepSpec, str, float]:
        def read(found: Any) -> tuple[SweepSpec, str, float]:
            return SweepSpec.from_dict(found["spec"]), str(found["storage"]), float(found["created"])

        plan: tuple[SweepSpec, str, float] = _read(self.folder / "sweep.json", read)
        return plan

    def status(self) -> SweepStatus:
        spec, alive, word = self.spec, self.driven(), self.word()
        alive = alive or self.driven()  # its driver may have come, or said its last word and gone, between the looks
        state, reason, now = word["state"], word["reason"], time.time()
        starting = not word["pid"] and now - word["updated"] < START_GRACE
        if alive or (state == "running" and starting):
            state, reason = "running", ""
        elif state == "running":
            state, reason = "interrupted", "Its process is gone; resume it to go on where it was."
        seconds = self.seconds()
        trials = self.trials()
        count = Counter(trial.state for trial in trials if trial.over or trial.state == "running")
        epochs = sum(trial.epochs for trial in trials)
        ended = sum(trial.over for trial in trials)
        share = 1.0 if state == "finished" else spent(spec, trials, epochs, seconds)
        left = seconds * (1 - share) / share if state == "running" and ended and share else None
        return SweepStatus(
            state,
            reason,
            trials=spec.most_trials,
            done=count["done"],
            running=count["running"],
            pruned=count["pruned"],
            failed=count["failed"] + count["diverged"] + count["stopped"],
            epochs=epochs,
            best=best_of(spec, trials),
            seconds=seconds,
            seconds_left=left,
            share=share,
        )

    def trials(self) -> list[Trial]:
        """All so far, by their numbers, as true now."""
        found = [self._live(trial) for trial in self.kept_trials()]
        return sorted(found, key=lambda trial: trial.number)

    def stop(self) -> None:
        """End it within a second or so. What its runs have learned is kept; resuming goes on with them."""
        (self.folder / "stop").touch()
        with self.lock():
            word = self.word()
            if not self.driven() and word["state"] != "finished":
                self.say("stopped", STOPPED)

    def resume(self) -> None:
        """Start a driver on it, which goes on with unfinished trials and tries what was not tried yet."""
        leaving = self.stopping
        self.open()
        if self.driven() and not leaving:
            return
        self.say("running", begin=True, pid=0)
        jobs.launch("experiments.sweep_worker", self.folder)

    def open(self) -> None:
        """Nobody asks it to stop any more."""
        (self.folder / "stop").unlink(missing_ok=True)

    @property
    def stopping(self) -> bool:
        return (self.folder / "stop").exists()

    def driven(self) -> bool:
        """Whether a process drives it."""
        return any(held(path) for path in (self.folder / "drivers").glob("*"))

    # Writing, for drivers.

    def lock(self) -> FileLock:
        """Held while something is looked at and then changed."""
        return FileLock(self.folder / "sweep.lock")

    def trial_lock(self, number: int) -> FileLock:
        """Held by the driver of the trial as long as it is not over."""
        return FileLock(self.folder / "trials" / f"{number}.lock")

    def keep(self, trial: Trial) -> None:
        write_text(self.folder / "trials" / f"{trial.number}.json", json.dumps(asdict(trial)))

    def kept_trials(self) -> Iterator[Trial]:
        """As their drivers last kept them."""
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder / "trials") as entries:
            for entry in entries:
                if entry.name.endswith(".json") and entry.name[0] != ".":
                    yield _read(Path(entry.path), trial_of)

    def word(self) -> dict[str, Any]:
        """What a driver last said; `seconds` are those before the drivers that began at `started`."""
        with contextlib.suppress(FileNotFoundError):
            return dict(_read(self.folder / "status.json", dict))
        return {"state": "stopped", "reason": "", "pid": 0, "started": 0.0, "updated": 0.0, "seconds": 0.0}

    def seconds(self) -> float:
        """How long it was worked on."""
        word = self.word()
        if not word["started"]:
            return 0.0
        return float(word["seconds"] + (time.time() if self.driven() else word["updated"]) - word["started"])

    def say(self, state: str, reason: str = "", *, begin: bool = False, pid: int | None = None) -> None:
        """Put down where it is; `begin` says that nobody worked on it since the last word."""
        word, now = self.word(), time.time()
        if begin:
            word |= {"seconds": word["seconds"] + word["updated"] - word["started"], "started": now}
        if pid is not None:
            word["pid"] = pid
        word |= {"state": state, "reason": reason, "updated": now}
        write_text(self.folder / "status.json", json.dumps(word))

    def _live(self, trial: Trial) -> Trial:
        """A trial that is not over, with what its runs say now."""
        if trial.state != "running":
            return trial
        if not held(self.folder / "trials" / f"{trial.number}.lock"):
            trial = replace(trial, state="stopped")
        return with_results(trial, self.spec, statuses_of(trial))


STOPPED = "Stopped by hand; resume it to go on where it was."


def statuses_of(trial: Trial) -> list[Status]:
    """What the runs of a trial say; those that are gone say nothing."""
    found = []
    for run in trial.runs:
        with contextlib.suppress(RunError, OSError):
            found.append(Run(runs_folder() / run).status())
    return found


def with_results(trial: Trial, spec: SweepSpec, statuses: list[Status]) -> Trial:
    """The trial with what these runs of it came to."""
    results = [s.best_validation_accuracy if spec.maximize else s.best_validation_loss for s in statuses]
    values = tuple(result for result in results if result is not None)
    return replace(
        trial,
        value=fmean(values) if values else None,
        values=values,
        epochs=sum(status.epoch for status in statuses),
        seconds=sum(status.seconds for status in statuses),
    )


def best_of(spec: SweepSpec, trials: list[Trial]) -> Trial | None:
    """The best of those that are done, the first of equals."""
    sign = -1 if spec.maximize else 1
    done = [
        (sign * trial.value, trial.number, trial)
        for trial in trials
        if trial.state == "done" and trial.value is not None
    ]
    return min(done)[2] if done else None


def spent(spec: SweepSpec, trials: list[Trial], epochs: float, seconds: float) -> float:
    """The share of the budget that is spent, 0 to 1."""
    shares = [0.0]
    if spec.most_trials:
        shares.append(sum(trial.over for trial in trials) / spec.most_trials)
    if spec.epochs is not None:
        shares.append(epochs / spec.epochs)
    if spec.minutes is not None:
        shares.append(seconds / 60 / spec.minutes)
    return min(1.0, max(shares))


def create_sweep(spec: SweepSpec, storage: str = "") -> Sweep:
    """The sweep of this name: a new one, or the old one with a new budget if it tries the same. Raises SweepError."""
    sweep = Sweep(sweeps_folder() / spec.id)
    try:
        sweep.folder.mkdir(parents=True, exist_ok=True)
        with sweep.lock():
            path = sweep.folder / "sweep.json"
            found: dict[str, Any] = {"storage": storage, "created": time.time()}
            if path.exists():
                now, before = spec.tries, sweep.spec.tries
                different = [name for name in now["base"] if now["base"][name] != before["base"][name]]
                different += [name for name in now if name != "base" and now[name] != before[name]]
                if storage and storage != sweep.storage:
                    different.append("storage")
                if different:
                    raise SweepError(
                        f"There is a sweep {sweep.id} already, which differs in {', '.join(different)}: "
                        "give this one a name of its own."
                    )
                found = {"storage": sweep.storage, "created": sweep.created}
            for name in ("drivers", "trials"):
                (sweep.folder / name).mkdir(exist_ok=True)
            write_text(path, json.dumps({"spec": spec.to_dict(), **found}, indent=1))
    except OSError as error:
        raise SweepError(f"The sweep cannot be kept in {sweep.folder}: {error.strerror}.") from error
    return sweep


def start_sweep(spec: SweepSpec, storage: str = "") -> Sweep:
    """Make the sweep, or go on with it, in a process of its own that leaves when this one does."""
    sweep = create_sweep(spec, storage)
    sweep.resume()
    return sweep


def open_sweep(which: str) -> Sweep:
    """The sweep with this id. Raises SweepError."""
    sweep = Sweep(sweeps_folder() / which)
    if not which or Path(which).name != which or which == ".." or not (sweep.folder / "sweep.json").is_file():
        newest = ", ".join(known.id for known in list_sweeps()[:3])
        raise SweepError(
            f"There is no sweep {which!r}. " + (f"The newest are {newest}." if newest else "There is none.")
        )
    sweep.spec  # noqa: B018  # a damaged one says so at the border
    return sweep


def list_sweeps() -> list[Sweep]:
    """All whole sweeps, newest first."""
    found = []
    for path in sweeps_folder().glob("*/sweep.json"):
        with contextlib.suppress(SweepError, OSError):
            sweep = Sweep(path.parent)
            found.append((sweep.created, sweep))
    return [sweep for _, sweep in sorted(found, key=lambda pair: (pair[0], pair[1].id), reverse=True)]


def unused_name(name: str) -> str:
    """The name, or with the first number behind it that makes it one that no sweep has yet."""
    names = [name, *(f"{name} {number}" for number in range(2, 1000))]
    taken = {path.parent.name for path in sweeps_folder().glob("*/sweep.json")}
    return next((free for free in names if slug(free) not in taken), f"{name} {time.time():.0f}")


def run_sweep(
    sweep: Sweep, executor: Executor | None = None, *, workers: int = 0
) -> Generator[SweepStatus, None, None]:
    """Drive the sweep in this process, yielding its status now and then; the last one says how it ended.

    Its trials train in processes of this machine, or on whatever the executor has, `workers` runs at once (0: as the
    sweep says). Stop iterating to leave it.
    """
    from experiments.sweep_driver import Driver

    sweep.open()
    return Driver(sweep, executor, workers=workers).drive()


def slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]


def sweeps_folder() -> Path:
    return runs_folder() / ".sweeps"


def trial_of(found: dict[str, Any]) -> Trial:
    """The trial that `asdict` made these JSON values of."""
    params = {name: search.unplain(value) for name, value in found["params"].items()}
    return Trial(**found | {"params": params, "values": tuple(found["values"]), "runs": tuple(found["runs"])})


_files: dict[Path, tuple[tuple[int, int, int], Any]] = {}


def _read(path: Path, build: Callable[[Any], Any]) -> Any:
    """What `build` makes of a JSON file, made again only when the file is another one."""
    found = path.stat()
    seen = (found.st_mtime_ns, found.st_ino, found.st_size)
    known = _files.get(path)
    if known is None or known[0] != seen:
        try:
            known = _files[path] = (seen, build(json.loads(path.read_bytes())))
        except (ValueError, KeyError, TypeError) as error:
            raise SweepError(f"{path} is damaged: {error}") from error
    return known[1]
