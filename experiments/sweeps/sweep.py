"""Sweep folder: where a sweep says what it tries, how far it is and what came of it."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from dataset.files import Stamp, stamp
from experiments.jobs.launch import launch
from experiments.jobs.record import START_GRACE, is_held, is_job_id, write_record
from experiments.runs.run import runs_folder
from experiments.sweeps.spec import SweepError, SweepSpec, slug
from experiments.sweeps.trials import Trial, best_of, statuses_of, trial_of, with_results

STOPPED = "Stopped by hand; resume it to go on where it was."


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
        seconds = self.seconds()
        trials = self.trials()
        count = Counter(trial.state for trial in trials if trial.over or trial.state == "running")
        if alive or (state == "running" and starting):
            state, reason = "running", ""
        elif state == "running" and self.stopping:  # its driver lets the runs go before it says its last word
            state, reason = ("running", "") if count["running"] else ("stopped", STOPPED)
        elif state == "running":
            state, reason = "interrupted", "Its process is gone; resume it to go on where it was."
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
        from experiments.sweeps.worker import main

        launch(main, self.folder)

    def open(self) -> None:
        """Nobody asks it to stop any more."""
        (self.folder / "stop").unlink(missing_ok=True)

    @property
    def stopping(self) -> bool:
        return (self.folder / "stop").exists()

    def driven(self) -> bool:
        """Whether a process drives it."""
        return any(is_held(path) for path in (self.folder / "drivers").glob("*"))

    # Writing, for drivers.

    def lock(self) -> FileLock:
        """Held while something is looked at and then changed."""
        return FileLock(self.folder / "sweep.lock")

    def trial_lock(self, number: int) -> FileLock:
        """Held by the driver of the trial as long as it is not over."""
        return FileLock(self.folder / "trials" / f"{number}.lock")

    def keep(self, trial: Trial) -> None:
        write_record(self.folder / "trials" / f"{trial.number}.json", trial)

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
        write_record(self.folder / "status.json", word)

    def _live(self, trial: Trial) -> Trial:
        """A trial that is not over, with what its runs say now."""
        if trial.state != "running":
            return trial
        if not is_held(self.folder / "trials" / f"{trial.number}.lock"):
            trial = replace(trial, state="stopped")
        return with_results(trial, self.spec, statuses_of(trial))


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
            write_record(path, {"spec": spec.to_dict(), **found})
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
    if not is_job_id(which) or not (sweep.folder / "sweep.json").is_file():
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
    known = ("*/sweep.json", ".deleted/*/sweep.json")  # a deleted one may come back
    taken = {path.parent.name.partition(".")[0] for where in known for path in sweeps_folder().glob(where)}
    return next((free for free in names if slug(free) not in taken), f"{name} {time.time():.0f}")


def run_sweep(
    sweep: Sweep, executor: Executor | None = None, *, workers: int = 0
) -> Generator[SweepStatus, None, None]:
    """Drive the sweep in this process, yielding its status now and then; the last one says how it ended.

    Its trials train in processes of this machine, or on whatever the executor has, `workers` runs at once (0: as the
    sweep says). Stop iterating to leave it.
    """
    from experiments.sweeps.driver import Driver

    sweep.open()
    return Driver(sweep, executor, workers=workers).drive()


def sweeps_folder() -> Path:
    return runs_folder() / ".sweeps"


_files: dict[Path, tuple[Stamp, Any]] = {}


def _read(path: Path, build: Callable[[Any], Any]) -> Any:
    """What `build` makes of a JSON file, made again only when the file is another one."""
    seen = stamp(path)
    known = _files.get(path)
    if known is None or known[0] != seen:
        try:
            known = _files[path] = (seen, build(json.loads(path.read_bytes())))
        except (ValueError, KeyError, TypeError) as error:
            raise SweepError(f"{path} is damaged: {error}") from error
    return known[1]
