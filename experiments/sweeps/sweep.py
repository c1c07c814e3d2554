"""Sweep folder: what a sweep tries, how far it is, and its trials so far, for pages, commands and
drivers.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from dataset.files import Stamp, stamp
from experiments.jobs.halted import halted_reason
from experiments.jobs.queue import NOBODY, Person, current_person
from experiments.jobs.record import (
    START_GRACE,
    Job,
    is_held,
    is_job_id,
    is_recent,
    read_record,
    write_record,
)
from experiments.jobs.values import Moment
from experiments.runs.run import Run, RunError, runs_folder
from experiments.sweeps.space import SweepError, from_json
from experiments.sweeps.spec import SweepSpec, slug
from experiments.sweeps.status import DriverStatus, SweepStatus
from experiments.sweeps.trials import Trial, ranked

STOPPED = "Stopped by hand; resume it to continue where it was."
TIME_IS_UP = "Its {minutes:g} minutes are used up; resume it to give it as many again and continue where it was."
WAITS = "It stopped with its sweep; resume the sweep to continue it."
INTERRUPTED = "Its process is gone; resume it to continue where it was."
MOST_TRIAL_BYTES = 1 << 26  # of trials.json: 64 MB for the 100,000 trials that a sweep may have
LOCK_SECONDS = 1.0  # a process holds the lock of a sweep for milliseconds; one that was halted may hold it longer
T = TypeVar("T")


@dataclass(frozen=True)
class SweepFile:
    """The content of sweep.json."""

    spec: dict[str, Any]
    storage: str  # address of the study's database; empty: a file of the folder
    created: Moment
    person: Person = NOBODY  # who started it


class Sweep(Job[DriverStatus]):
    """One sweep folder. Several drivers, on several machines, may work on it at once.

    sweep.json      what it tries, the address of its study's database, and when it was made
    status.json     the status that its drivers wrote last
    stop            exists while somebody asks the drivers to stop
    drivers/        a file for each driver, which the driver holds locked
    journal.log     Optuna's study, the record of the trials, unless a database holds it
    trials.json     a copy of that record for pages and commands, which drivers keep up to date
    trials/         for each trial under way a file that its driver holds locked
    log.txt
    """

    status_type = DriverStatus
    noun = "sweep"
    error = SweepError

    @property
    def spec(self) -> SweepSpec:
        """Its specification. Raises SweepError where the file is damaged."""
        return self._plan[0]

    @property
    def storage(self) -> str:
        """The address of the database with its study; empty: the study is a file of the folder."""
        return self._plan[1]

    @property
    def created(self) -> float:
        """When it was made, in seconds since 1970."""
        return self._plan[2]

    def record(self, *, storage: str) -> dict[str, Any]:
        """The content of sweep.json with this address of a database."""
        return {"spec": self.spec.to_dict(), "storage": storage, "created": self.created}

    @property
    def person(self) -> Person:
        """Who started it, for the queue; empty for the owner."""
        return self._plan[3]

    @property
    def _plan(self) -> tuple[SweepSpec, str, float, Person]:
        def build(path: Path) -> tuple[SweepSpec, str, float, Person]:
            plan = read_record(path, SweepFile)
            return SweepSpec.from_dict(plan.spec), plan.storage, plan.created, plan.person

        return _cached(self.folder / "sweep.json", build)

    def stored(self) -> DriverStatus:
        """The status as a driver wrote it last; the default one if there never was a driver."""
        return super().stored() if (self.folder / "status.json").exists() else DriverStatus()

    def status(self, stored: DriverStatus | None = None) -> SweepStatus:
        """The current status, with the progress."""
        alive = self.is_alive()
        stored = stored or self.stored()
        alive = alive or self.is_alive()  # a driver may have begun or ended in between
        spec, trials, seconds = self.spec, self.trials(), self.seconds(stored)
        count = Counter(trial.state for trial in trials if trial.over or trial.state == "running")
        state, reason = stored.state, stored.reason
        starting = not stored.pid and is_recent(stored.updated, START_GRACE)
        if alive or (state == "running" and starting):
            state, reason = "running", halted_reason(stored.pid, stored.updated)
        elif state == "running" and (self.stop_requested or self.is_out_of_time):
            stopped = STOPPED if self.stop_requested else TIME_IS_UP.format(minutes=spec.minutes)
            state, reason = ("running", "") if count["running"] else ("stopped", stopped)  # its runs are ending
        elif state == "running":
            state, reason = "interrupted", INTERRUPTED
        epochs = sum(trial.epochs for trial in trials)
        ended = sum(trial.over for trial in trials)
        share = 1.0 if state == "finished" else spec.used_share(ended, epochs, seconds - stored.budget_from)
        return SweepStatus(
            state,
            reason,
            trials=spec.most_trials,
            done=count["done"],
            running=count["running"],
            pruned=count["pruned"],
            failed=count["failed"] + count["diverged"] + count["stopped"],
            epochs=epochs,
            best=next(iter(ranked(trials, spec.objective)), None),
            seconds=seconds,
            seconds_left=seconds * (1 - share) / share if state == "running" and ended and share else None,
            share=share,
        )

    def is_alive(self) -> bool:
        """Whether a driver works on it."""
        return any(is_held(path) for path in (self.folder / "drivers").glob("*"))

    def seconds(self, stored: DriverStatus | None = None) -> float:
        """How many seconds drivers have worked on it."""
        stored = stored or self.stored()
        if not stored.started:
            return 0.0
        now = time.time() if self.is_alive() else stored.updated
        return stored.seconds + max(0.0, now - stored.started)  # the clock may have been set back

    @property
    def is_out_of_time(self) -> bool:
        """Whether drivers have worked on it for all the minutes that it may take."""
        minutes, stored = self.spec.minutes, self.stored()
        return minutes is not None and self.seconds(stored) - stored.budget_from >= 60 * minutes

    def set_begun(self, pid: int) -> None:
        """Set the status to running, when no driver works on it yet.

        `pid` is 0 until the driver has started. A sweep that was stopped because its minutes were
        used up gets as many again.
        """
        stored = self.stored()
        worked = stored.seconds + max(0.0, stored.updated - stored.started)
        renewed = stored.state == "stopped" and self.is_out_of_time
        budget = {"seconds": worked, "budget_from": worked if renewed else stored.budget_from}
        self.set_status(state="running", reason="", pid=pid, started=time.time(), **budget)

    def request_stop(self) -> None:
        """End it soon. Its runs save their models, and resuming it continues them."""
        super().request_stop()
        with contextlib.suppress(Timeout), self.change_lock().acquire(timeout=LOCK_SECONDS):
            stored = self.stored()
            if not self.is_alive() and stored.state != "finished":
                self.write_status(replace(stored, state="stopped", reason=STOPPED))

    # Trials.

    def trials(self) -> list[Trial]:
        """All trials so far, by their numbers; those under way with their results until now."""
        return [self.with_progress(trial) for trial in self.published_trials()]

    def published_trials(self) -> list[Trial]:
        """All trials as a driver published them last, by their numbers."""
        path = self.folder / "trials.json"
        return _cached(path, _read_trials) if path.exists() else self.trials_of_earlier_version()

    def publish_trials(self, trials: list[Trial]) -> None:
        """Write trials.json, from which pages and commands read the trials without Optuna."""
        with contextlib.suppress(SweepError):  # a damaged file is replaced
            if trials == self.published_trials():
                return
        write_record(self.folder / "trials.json", trials)

    def trials_of_earlier_version(self) -> list[Trial]:
        """Trials in files trials/NUMBER.json, where versions before 2 recorded them next to the
        study.
        """
        paths = sorted((self.folder / "trials").glob("[0-9]*.json"), key=lambda path: int(path.stem))
        return [_cached(path, _read_trial) for path in paths]

    def with_progress(self, trial: Trial) -> Trial:
        """A trial that is not over, with the results of its runs until now."""
        if trial.over:
            return trial
        runs = trial.runs or tuple(run for run in self.run_ids(trial.number) if (runs_folder() / run).exists())
        statuses = []
        for run in runs:
            with contextlib.suppress(RunError, OSError):  # it was deleted
                statuses.append(Run(runs_folder() / run).status())
        waits = trial.state == "running" and not is_held(self.folder / "trials" / f"{trial.number}.lock")
        trial = replace(trial, state="stopped", reason=WAITS) if waits else trial
        return replace(trial, runs=runs).with_results(statuses, self.spec.objective)

    def run_ids(self, number: int) -> list[str]:
        """The ids that the runs of a trial have once they are made, one per seed."""
        seeds = self.spec.seeds
        run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(self.created))}-{self.id[:40]}-{number}"
        return [f"{run_id}-{place}" for place in range(seeds)] if seeds > 1 else [run_id]

    # Locks of drivers.

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Nothing to do: several processes write the status, and all hold `change_lock`."""
        yield

    def change_lock(self) -> FileLock:
        """The lock to hold while something is read and then changed. Raises SweepError."""
        return self._lock("sweep.lock")

    def study_lock(self) -> FileLock:
        """The lock of drivers that read and then change the study. Raises SweepError.

        A driver may hold it as long as a database does not answer, so a page never waits for it.
        """
        return self._lock("study.lock")

    def _lock(self, name: str) -> FileLock:
        if not self.folder.is_dir():  # the lock would make it
            raise SweepError(f"The sweep {self.id} is no longer there.")
        return FileLock(self.folder / name)

    def journal_lock(self) -> FileLock:
        """The lock that Optuna holds while it writes the study in the folder."""
        return self._lock("journal.log.lock")

    def trial_lock(self, number: int) -> FileLock:
        """The lock that a driver holds while it works on a trial."""
        return self._lock(f"trials/{number}.lock")


def create_sweep(spec: SweepSpec, storage: str = "") -> Sweep:
    """The sweep of this name: a new one, or the existing one with new limits if it tries the same.

    `storage` is the address of a database for the study. Raises SweepError.
    """
    sweep = Sweep(sweeps_folder() / spec.id)
    try:
        sweep.folder.mkdir(parents=True, exist_ok=True)
        with sweep.change_lock():
            path, created, person = sweep.folder / "sweep.json", time.time(), current_person()
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
                storage, created, person = sweep.storage, sweep.created, sweep.person
            for name in ("drivers", "trials"):
                (sweep.folder / name).mkdir(exist_ok=True)
            write_record(path, SweepFile(spec.to_dict(), storage, created, person))
    except OSError as error:
        raise SweepError(f"The sweep cannot be saved in {sweep.folder}: {error.strerror}.") from error
    return sweep


def open_sweep(which: str) -> Sweep:
    """The sweep with this id. Raises SweepError."""
    sweep = Sweep(sweeps_folder() / which)
    if not is_job_id(which) or not (sweep.folder / "sweep.json").is_file():
        newest = ", ".join(known.id for known in list_sweeps()[:3])
        raise SweepError(
            f"There is no sweep {which!r}. " + (f"The newest are {newest}." if newest else "There are none yet.")
        )
    sweep.spec  # noqa: B018  # a damaged file raises here
    return sweep


def list_sweeps() -> list[Sweep]:
    """All sweeps that can be read, newest first."""
    found = []
    for path in sweeps_folder().glob("*/sweep.json"):
        with contextlib.suppress(SweepError, OSError):
            sweep = Sweep(path.parent)
            found.append((sweep.created, sweep))
    return [sweep for _, sweep in sorted(found, key=lambda pair: (pair[0], pair[1].id), reverse=True)]


def unused_name(name: str) -> str:
    """The name if no sweep has it yet, else the name with the first number that makes it unused."""
    names = [name, *(f"{name} {number}" for number in range(2, 1000))]
    known = ("*/sweep.json", ".deleted/*/sweep.json")  # a deleted sweep may be restored
    taken = {path.parent.name.partition(".")[0] for where in known for path in sweeps_folder().glob(where)}
    return next((free for free in names if slug(free) not in taken), f"{name} {time.time():.0f}")


def sweeps_folder() -> Path:
    """The folder of all sweeps, inside the runs folder."""
    return runs_folder() / ".sweeps"


def _read_trials(path: Path) -> list[Trial]:
    return list(map(_with_tuples, read_record(path, list[Trial], MOST_TRIAL_BYTES)))


def _read_trial(path: Path) -> Trial:
    return _with_tuples(read_record(path, Trial))


def _with_tuples(trial: Trial) -> Trial:
    """A trial that went through JSON, as it was. Raises TypeError for a list inside a list."""
    params = {name: from_json(value) for name, value in trial.params.items()}
    hash(tuple(params.values()))
    return replace(trial, params=params)


_files: dict[Path, tuple[Stamp, Any]] = {}


def _cached(path: Path, read: Callable[[Path], T]) -> T:
    """The file as `read` returns it, read again only after it has changed."""
    found, known = stamp(path), _files.get(path)
    if known is None or known[0] != found:
        try:
            known = _files[path] = (found, read(path))
        except FileNotFoundError:
            raise
        except (OSError, ValueError, TypeError) as error:
            raise SweepError(f"{path} is damaged: {error}") from error
    value: T = known[1]
    return value
