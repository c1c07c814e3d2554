"""Runs: a run is a job folder, written by one worker and controlled through one small file."""

from __future__ import annotations

import errno
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, get_args

from filelock import FileLock
from msgspec import UNSET, UnsetType

from dataset.files import is_there
from dataset.leftovers import temporary
from experiments.jobs.queue import QueuedStatus, current_person
from experiments.jobs.record import (
    Job,
    JobError,
    is_job_id,
    read_record,
    sentence_of,
    shortened,
    write_record,
)
from experiments.jobs.values import Moment, Seconds
from experiments.runs.config import BOUNDS, RunConfig
from experiments.runs.history import read_table

if TYPE_CHECKING:
    import pandas as pd

RunState = Literal["queued", "running", "paused", "finished", "stopped", "diverged", "failed", "interrupted"]
STATES: tuple[str, ...] = get_args(RunState)
ENDED = ("finished", "stopped", "diverged", "failed")  # final, unless somebody resumes the run
Action = Literal["run", "pause", "stop"]
ACTIONS: tuple[str, ...] = get_args(Action)


class RunError(JobError):
    """A run that is missing, damaged, there already or in the wrong state, and what to do."""


@dataclass(frozen=True)
class Status(QueuedStatus):
    """The state of a run.

    Times are seconds since 1970, rates are images a second; 0 or None is not known yet.
    """

    state: RunState = "queued"
    name: str = ""
    group: str = ""  # the group it belongs to: the id of a sweep, "range-test"; empty: none
    trial: int | None = None  # of that sweep
    created: Moment = 0.0
    started: Moment = 0.0
    parameters: int = 0
    images: int = 0
    validation_images: int = 0
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    epochs: float = 0.0  # in all
    learning_rate: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None
    validation_epoch: float | None = None  # after which it was last validated
    best_epoch: float | None = None  # the one with the lowest validation loss: its weights are the model
    best_validation_loss: float | None = None
    best_validation_accuracy: float | None = None  # after that epoch; another may have had a higher one
    images_per_second: float | None = None
    seconds: Seconds = 0.0  # spent training, over all its workers, without pauses
    changes: tuple[tuple[int, float | None], ...] = ()  # (step, rate) of each learning rate set by hand; None: schedule

    @property
    def progress(self) -> float:
        """The share of its steps that is done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


@dataclass(frozen=True)
class Requests:
    """Requests of people to a run while it runs.

    A learning rate of None: back to the schedule; UNSET: nothing asked.
    """

    action: Action = "run"
    learning_rate: float | UnsetType | None = UNSET


@dataclass(frozen=True)
class Label:
    """Name, note and star that people gave a run.

    It has a file of its own, because the worker writes the status at any moment.
    """

    name: str = ""  # empty: the one it was made with
    note: str = ""
    starred: bool = False


class Run(Job[Status]):
    """One run folder, with its config, status, requests, label, history and checkpoints."""

    status_type = Status
    noun = "run"
    error = RunError

    @property
    def last(self) -> Path:
        """The checkpoint from which it can be resumed exactly."""
        return self.folder / "last.npz"

    @property
    def best(self) -> Path:
        """The weights of the epoch with the lowest validation loss."""
        return self.folder / "best.npz"

    @property
    def model(self) -> Path:
        """The weights that this run stands for: the best, or without validation images the last."""
        return self.best if self.best.exists() else self.last

    @property
    def start(self) -> Path:
        """The checkpoint it continues from, if it did not start fresh."""
        return self.folder / "start.npz"

    @cached_property
    def config(self) -> RunConfig:
        """Its settings. Raises RunError for a file that cannot be read."""
        try:
            return RunConfig.from_dict(read_record(self.folder / "config.json", dict[str, Any]))
        except (OSError, ValueError) as error:
            raise self.damaged(error) from error

    def set_config(self, config: RunConfig) -> None:
        """Write the settings, with what was left open until the run begins."""
        write_record(self.folder / "config.json", config.to_dict())
        self.__dict__["config"] = config  # replaces the cached property

    @property
    def name(self) -> str:
        """The name that people gave it, else the one it was made with, else its id."""
        return self.label().name or self.stored().name or self.id

    @property
    def title(self) -> str:
        """Its name and when it was made, which tells it from others of that name: "quick, 20 Nov
        18:30:12".
        """
        return title_of(self.name, self.stored().created)

    def label(self) -> Label:
        """Its name, note and star; a file that cannot be read counts as none."""
        try:
            return read_record(self.folder / "label.json", Label)
        except (OSError, ValueError):
            return Label()

    def set_label(self, *, name: str | None = None, note: str | None = None, starred: bool | None = None) -> Label:
        """Change what is given; an empty name brings back the one that the run was made with."""
        with self._request_lock():
            now = self.label()
            label = Label(
                now.name if name is None else " ".join(name.split()),
                now.note if note is None else note.strip(),
                now.starred if starred is None else starred,
            )
            write_record(self.folder / "label.json", label)
        return label

    def history(self) -> pd.DataFrame:
        """One row per reported step; the columns are HISTORY_COLUMNS. Raises RunError."""
        try:
            return read_table(self.folder)
        except (OSError, ValueError) as error:
            raise self.damaged(error) from error

    def requests(self) -> Requests:
        """Its requests. Raises RunError where they cannot be read."""
        try:
            requests = read_record(self.folder / "control.json", Requests)
        except FileNotFoundError:
            return Requests()
        except (OSError, ValueError) as error:
            raise RunError(f"The requests to the run {self.id} cannot be read: {error}") from error
        return _checked(requests)

    def request(self, action: Action | None = None, *, learning_rate: float | UnsetType | None = UNSET) -> None:
        """Ask the worker to run, pause or stop, or to use a learning rate.

        A learning rate of None goes back to the schedule.

        What is not given stays as it was requested before. A damaged file is replaced, so that a
        run can always be stopped. Raises RunError for what cannot be.
        """
        with self._request_lock():
            try:
                before = self.requests()
            except RunError:
                before = Requests()
            rate = before.learning_rate if learning_rate is UNSET else learning_rate
            write_record(self.folder / "control.json", _checked(Requests(action or before.action, rate)))

    def enqueue(self) -> None:
        """Put it at the end of the queue, with the request to run, ready for a new worker."""
        self.request("run")
        self.set_status(state="queued", reason="", queued=time.time(), pid=0, place=None)

    def _request_lock(self) -> FileLock:
        """Held while requests or the label change, so that two people at once lose nothing."""
        if not self.folder.is_dir():  # the lock would make it
            raise RunError(f"The run {self.id} is no longer there.")
        return FileLock(self.folder / "control.lock")


def runs_folder() -> Path:
    """DIGITS_RUNS, else `runs` next to the packages."""
    chosen = os.environ.get("DIGITS_RUNS")
    return Path(chosen).expanduser().absolute() if chosen else Path(__file__).resolve().parents[2] / "runs"


def create_run(
    config: RunConfig,
    *,
    name: str = "",
    group: str = "",
    trial: int | None = None,
    start: Path | None = None,
    folder: Path | None = None,
    parent: Path | None = None,
    records: Mapping[str, Any] = MappingProxyType({}),
) -> Run:
    """Make the folder of a new run: in `parent`, by default the runs folder, or `folder` itself.

    `start` is the checkpoint to continue from. `group` and `trial` name its group and its place
    there. `records` are further JSON files, by name. The folder appears with all its files or not
    at all.
    """
    if start is not None:
        from model import load_classifier

        config = config.replace(start_from=load_classifier(start).fingerprint)
    elif config.start_from:
        raise RunError(
            f"This run continues from model {config.start_from}: give the file of that model, or start fresh."
        )
    parent, now = parent or runs_folder(), time.time()
    status = Status(name=name, group=group, trial=trial, created=now, queued=now, updated=now)
    status = replace(status, person=current_person().name, most_seconds=current_person().most_seconds)
    status = replace(status, parameters=config.parameter_count())
    folder = folder and _checked_folder(folder)
    inside = folder if folder and folder.exists() else None  # its parent may be closed to this person
    place = (inside or parent) / _slug(name) if inside or folder is None else folder
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with temporary(place, Path.mkdir) as made:
            run = Run(made)
            if start is not None:
                shutil.copyfile(start, run.start)
            run.set_config(config)
            for file, record in records.items():
                write_record(made / file, record)
            write_record(made / "status.json", status)
            if inside:
                for path in made.iterdir():
                    path.rename(inside / path.name)
                made.rmdir()
                return Run(inside)
            return Run(made.rename(folder) if folder else _move_to_new_name(made, parent, name))
    except OSError as error:
        raise RunError(f"The run cannot be saved in {folder or parent}: {sentence_of(error)}") from error


def open_run(which: str | Path) -> Run:
    """The run with this id, or in this folder (a Path). Raises RunError.

    A text from outside never leaves the runs folder.
    """
    if isinstance(which, Path):
        run = Run(which.expanduser().absolute())
    elif is_job_id(which):
        run = Run(runs_folder() / which)
    else:
        raise RunError(f"{shortened(which)!r} is not the id of a run. Choose one from the list of runs.")
    if not is_there(run.folder / "config.json"):
        ids = sorted((path.parent.name for path in runs_folder().glob("*/config.json")), reverse=True)
        hint = f"The newest are {', '.join(ids[:3])}." if ids else "There are none yet."
        raise RunError(f"There is no run {shortened(which)} in {shortened(run.folder.parent, 200)}. {hint}")
    run.config, run.name  # noqa: B018  # both are read here, so that a damaged run raises at the border
    return run


def title_of(name: str, created: float) -> str:
    """A name with the time to the second."""
    made = time.localtime(created)
    return f"{name}, {made.tm_mday} {time.strftime('%b %H:%M:%S', made)}"


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"


def _move_to_new_name(made: Path, parent: Path, name: str) -> Path:
    """Rename a folder to an id that no other run has; -> the new folder."""
    while True:
        now = time.time()
        # UTC, and then the fraction of the second: ids sort as the runs were made.
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        try:
            return made.rename(parent / f"{moment}-{int(now % 1 * 65536):04x}-{_slug(name)}")
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise


def _checked_folder(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    if is_there(folder) and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is not empty: nothing is overwritten. Give a new folder, or resume that run.")
    return folder


def _checked(requests: Requests) -> Requests:
    if requests.action not in ACTIONS:
        raise RunError(f"A run can be asked to {', '.join(ACTIONS)}; got {requests.action!r}.")
    rate, (low, high, _) = requests.learning_rate, BOUNDS["learning_rate"]
    if isinstance(rate, (int, float)) and not low <= rate <= high:
        raise RunError(f"A learning rate lies between {low:g} and {high:g}; got {rate!r}.")
    return requests
