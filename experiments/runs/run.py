"""Runs: a run is a folder, written by one worker, steered through one small file, read by anyone."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import re
import shutil
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from dataset.files import written_whole
from experiments.runs.config import BOUNDS, RunConfig
from model.errors import DigitLabError

if TYPE_CHECKING:
    import pandas as pd

HISTORY_COLUMNS = (
    "step",
    "epoch",
    "learning_rate",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "gradient_norm",
    "images_per_second",
    "seconds",
)
WAITING = ("queued", "running", "paused")  # states that need a living worker
OVER = ("finished", "stopped", "diverged", "failed")  # states of which nothing more comes unless somebody asks for it
STATES = (*WAITING, *OVER, "interrupted")
ACTIONS = ("run", "pause", "stop")
START_GRACE = 30.0  # seconds that a new worker may take to import NumPy on a slow machine before it counts as gone


class RunError(DigitLabError):
    """A run that is missing, damaged, already there or in the wrong state; the message says what to do."""


@dataclass(frozen=True)
class Status:
    """Where a run is. Times are seconds since 1970, rates are images a second; 0 or None is not known yet."""

    state: str
    reason: str = ""
    name: str = ""
    group: str = ""  # what it was made for together with others: the id of a sweep, "range-test"; empty: by itself
    trial: int | None = None  # which setting of that sweep
    created: float = 0.0
    queued: float = 0.0  # since when it waits for its turn
    started: float = 0.0
    updated: float = 0.0
    host: str = ""
    pid: int = 0  # 0: no worker has taken it up since it was queued
    place: int | None = None  # 1: next
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
    seconds: float = 0.0  # spent training, over all its workers, without pauses
    seconds_left: float | None = None
    changes: tuple[tuple[int, float | None], ...] = ()  # (step, rate) of each learning rate set by hand; None: schedule

    @property
    def active(self) -> bool:
        return self.state in WAITING

    @property
    def progress(self) -> float:
        """The share of its steps that is done, 0 to 1."""
        return min(1.0, self.step / self.total_steps) if self.total_steps else 0.0


KINDS: dict[str, type | tuple[type, ...]] = {  # what is in each entry of a status file, but for the changes
    field.name: str if field.name == "state" or isinstance(field.default, str) else (int, float, type(field.default))
    for field in fields(Status)
    if field.name != "changes"
}


@dataclass(frozen=True)
class Wishes:
    """What people ask of a run while it runs. `rate_asked` tells "back to the schedule" from "never asked"."""

    action: str = "run"
    learning_rate: float | None = None
    rate_asked: bool = False


@dataclass(frozen=True)
class Label:
    """What people say about a run, in a file of its own: its worker writes the status at any moment."""

    name: str = ""  # empty: the one it was made with
    note: str = ""
    starred: bool = False


@dataclass(frozen=True)
class Run:
    """One run folder. Cheap to make, holds no file open; what it returns is read from disk at that moment."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

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
        """The weights that this run stands for: the best ones, or the last if it had no validation images."""
        return self.best if self.best.exists() else self.last

    @property
    def start(self) -> Path:
        """The checkpoint it continues from, if it did not start fresh."""
        return self.folder / "start.npz"

    @cached_property
    def config(self) -> RunConfig:
        try:
            return RunConfig.from_dict(_read_json(self.folder / "config.json"))
        except ValueError as error:
            raise RunError(f"The run {self.id} is damaged: {error}") from error

    def settle(self, config: RunConfig) -> None:
        """Put down what the config had left open, as the run begins."""
        _write_json(self.folder / "config.json", config.to_dict())
        self.__dict__["config"] = config  # as if it had been read anew

    @property
    def name(self) -> str:
        return self.label().name or self.stored().name or self.id

    @property
    def title(self) -> str:
        """Its name and when it was made, for people: "quick, 20 Nov 18:30:12". To the second: lists tell runs by it."""
        return titled(self.name, self.stored().created)

    def label(self) -> Label:
        """Its name, note and star; one that cannot be read is none."""
        try:
            found = _read_json(self.folder / "label.json")
        except (OSError, ValueError):
            return Label()
        return Label(str(found.get("name", "")), str(found.get("note", "")), bool(found.get("starred", False)))

    def set_label(self, *, name: str | None = None, note: str | None = None, starred: bool | None = None) -> Label:
        """Change what is given; an empty name brings back the one that the run was made with."""
        with self._turn():
            label = self.label()
            label = Label(
                label.name if name is None else " ".join(name.split()),
                label.note if note is None else note.strip(),
                label.starred if starred is None else starred,
            )
            _write_json(self.folder / "label.json", asdict(label))
        return label

    def status(self, stored: Status | None = None) -> Status:
        """Its state as true now: one that needs a worker and has none is interrupted. `stored` spares reading it."""
        status = stored or self.stored()
        if not status.active or self.alive():
            return status
        if status.state == "queued" and not status.pid and time.time() - status.updated < START_GRACE:
            return status
        # The worker may have written its last word between the two looks.
        status = self.stored()
        if not status.active:
            return status
        reason = "Its process is gone; resume it to go on from the last checkpoint."
        return replace(status, state="interrupted", reason=reason, place=None, seconds_left=None)

    def alive(self) -> bool:
        """Whether a worker holds this run."""
        return held(self.folder / "worker.lock")

    def history(self) -> pd.DataFrame:
        """One row per reported step, without a last line that is only half written."""
        import pandas as pd

        try:
            text = (self.folder / "history.csv").read_text()
        except FileNotFoundError:
            text = ""
        table = pd.read_csv(io.StringIO(text[: text.rfind("\n") + 1] or ",".join(HISTORY_COLUMNS) + "\n"), dtype=float)
        return table.astype({"step": int})

    def wishes(self) -> Wishes:
        try:
            found = _read_json(self.folder / "control.json")
        except FileNotFoundError:
            return Wishes()
        except ValueError as error:
            raise RunError(f"What is asked of {self.id} cannot be read: {error}") from error
        wishes = Wishes(found.get("action", "run"), found.get("learning_rate"), "learning_rate" in found)
        _check(wishes.action, wishes.learning_rate)
        return wishes

    def ask(self, action: str | None = None, *, learning_rate: float | EllipsisType | None = ...) -> None:
        """Ask the worker to run, pause or stop, or to hold a learning rate; None lets it go back to the schedule."""
        _check(action or "run", None if isinstance(learning_rate, EllipsisType) else learning_rate)
        with self._turn():
            path = self.folder / "control.json"
            wishes = _read_json(path) if path.exists() else {}
            if action is not None:
                wishes["action"] = action
            if not isinstance(learning_rate, EllipsisType):
                wishes["learning_rate"] = learning_rate
            _write_json(path, wishes)

    def queue(self) -> None:
        """Make it ready for a (new) worker: nothing is asked of it but to run, and it goes to the end of the queue."""
        self.ask("run")
        now = time.time()
        self.write_status(replace(self.stored(), state="queued", reason="", queued=now, updated=now, pid=0, place=None))

    # Writing, for whoever holds the run.

    def hold(self) -> FileLock:
        """The lock a worker holds for its lifetime; to be acquired with a timeout, because readers touch it briefly."""
        return FileLock(self.folder / "worker.lock")

    def write_status(self, status: Status) -> None:
        _write_json(self.folder / "status.json", asdict(status))

    def append_history(self, row: Sequence[float | None]) -> None:
        path = self.folder / "history.csv"
        line = ",".join("" if value is None or math.isnan(value) else f"{value:.9g}" for value in row) + "\n"
        with path.open("a") as file:
            file.write(line if file.tell() else ",".join(HISTORY_COLUMNS) + "\n" + line)

    def cut_history(self, rows: int) -> list[str]:
        """Keep the first rows only, those the checkpoint knows of; the last of them comes back, split."""
        path = self.folder / "history.csv"
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        kept = lines[: rows + 1]
        if kept != lines:
            write_text(path, "".join(kept))
        return next(csv.reader(kept[-1:])) if len(kept) > 1 else []

    def log(self, text: str) -> None:
        with (self.folder / "log.txt").open("a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")

    def _turn(self) -> FileLock:
        """Two browsers may ask, star and rename at once: what one does not mention stays what the other wished."""
        if not self.folder.is_dir():  # the lock would make it
            raise RunError(f"The run {self.id} is no longer there.")
        return FileLock(self.folder / "control.lock")

    def stored(self) -> Status:
        """The status as its last worker wrote it, true or not."""
        try:
            found = _read_json(self.folder / "status.json")
            changes = tuple((int(step), rate) for step, rate in found.pop("changes", ()))
            status = Status(**{key: found[key] for key in KINDS if key in found}, changes=changes)
            if status.state not in STATES:
                raise ValueError(f"its state is {status.state!r}")
            for key, kind in KINDS.items():
                if not isinstance(getattr(status, key), kind):
                    raise ValueError(f"its {key} is {getattr(status, key)!r}")
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"The run {self.id} is damaged: {error}") from error
        return status


def runs_folder() -> Path:
    """DIGITS_RUNS, else `runs` beside the packages."""
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
) -> Run:
    """Make the folder of a new run. `start` is the checkpoint to continue from; `folder` a place of its own.

    `group` and `trial` say what it was made for together with others.
    """
    if start is not None:
        from model import load_classifier

        config = config.replace(start_from=load_classifier(start).fingerprint)
    elif config.start_from:
        raise RunError(
            f"This run continues from model {config.start_from}: give the file of that model, or start fresh."
        )
    now = time.time()
    status = Status("queued", name=name, group=group, trial=trial, created=now, queued=now, updated=now)
    status = replace(status, parameters=config.parameter_count())
    try:
        run = Run(_new_folder(name) if folder is None else _given_folder(folder))
        if start is not None:
            shutil.copyfile(start, run.start)
        _write_json(run.folder / "config.json", config.to_dict())
        run.write_status(status)
    except OSError as error:
        raise RunError(f"The run cannot be kept in {folder or runs_folder()}: {error.strerror}.") from error
    return run


def open_run(which: str | Path) -> Run:
    """The run with this id, or in this folder (a Path): a text from outside never leaves the runs folder."""
    if isinstance(which, Path):
        run = Run(which.expanduser().absolute())
    elif is_id(which):
        run = Run(runs_folder() / which)
    else:
        raise RunError(f"{which!r} is not the id of a run.")
    if not (run.folder / "config.json").is_file():
        newest = ", ".join(known.id for known in list_runs()[:3])
        hint = f"The newest are {newest}." if newest else "There are none yet."
        raise RunError(f"There is no run {which} in {run.folder.parent}. {hint}")
    run.config, run.name  # noqa: B018  # both are read here, so that a damaged run says so at the border
    return run


def is_id(text: str) -> bool:
    """Whether a text from outside can name a folder among others: no path, which might lead out of there."""
    return bool(text) and Path(text).name == text and text != ".."


def list_runs() -> list[Run]:
    """All whole runs in the runs folder, newest first."""
    from experiments.runs.table import run_rows  # which knows those that have not changed since the last look

    return [row.run for row in run_rows()]


def queue_of(run: Run) -> list[tuple[Run, Status]]:
    """The living runs beside this one on this machine: those at work, then those waiting in their order."""
    host = socket.gethostname()
    found = []
    for config in run.folder.parent.glob("*/config.json"):
        other = Run(config.parent)
        with contextlib.suppress(RunError):
            if not other.alive():  # of many runs few are; looking for a lock is quicker than reading
                continue
            status = other.stored()
            if status.state in ("running", "queued") and status.pid and status.host == host:
                found.append((other, status))
    return sorted(found, key=lambda pair: (pair[1].state != "running", pair[1].queued, pair[0].id))


def titled(name: str, created: float) -> str:
    """What tells a run from others of its name."""
    made = time.localtime(created)
    return f"{name}, {made.tm_mday} {time.strftime('%b %H:%M:%S', made)}"


def write_text(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old or the new one, also after a power cut."""
    with written_whole(path) as file:
        file.write(text.encode())


def _new_folder(name: str) -> Path:
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
    parent = runs_folder()
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        now = time.time()
        # UTC, and then the fraction of the second: ids sort as the runs were made.
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        folder = parent / f"{moment}-{int(now % 1 * 65536):04x}-{slug}"
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            continue


def _given_folder(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise RunError(f"{folder} is not empty: nothing is overwritten. Give a new folder, or resume that run.")
    return folder


def _check(action: str, learning_rate: float | None) -> None:
    if action not in ACTIONS:
        raise RunError(f"A run can be asked to {', '.join(ACTIONS)}; got {action!r}.")
    low, high, _ = BOUNDS["learning_rate"]
    if learning_rate is not None and not (isinstance(learning_rate, (int, float)) and low <= learning_rate <= high):
        raise RunError(f"A learning rate lies between {low:g} and {high:g}; got {learning_rate!r}.")


def held(path: Path) -> bool:
    """Whether another process holds this file lock; looking does not get in the way of others who look."""
    try:
        import fcntl
    except ImportError:  # Windows has no shared lock to look with
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read_json(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    if not isinstance(found, dict):
        raise ValueError(f"{path} does not hold a JSON object.")
    return found


def _write_json(path: Path, values: dict[str, Any]) -> None:
    write_text(path, json.dumps(values, indent=2) + "\n")
