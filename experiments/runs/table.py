"""Run table: what is worth knowing of every run at once; only what changed on disk is read again."""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dataset.files import Stamp, stamp
from experiments.jobs.record import START_GRACE
from experiments.runs.config import RunConfig
from experiments.runs.history import best_validation
from experiments.runs.run import Label, Run, RunError, Status, runs_folder, title_of
from experiments.runs.settings import SETTINGS, differing, takes_part

FILES = ("config.json", "status.json", "label.json")  # all that a row is made of
OF_THE_SEED = ("seed", "start_from")  # settings in which runs of one group may differ


@dataclass(frozen=True)
class RunRow:
    """One run as it was when the table was read.

    Accuracies and losses are those on its validation digits.
    """

    run: Run
    config: RunConfig
    status: Status
    label: Label

    @property
    def id(self) -> str:
        return self.run.id

    @property
    def name(self) -> str:
        return self.label.name or self.status.name or self.id

    @property
    def title(self) -> str:
        """Its name and when it was made, as `Run.title`."""
        return title_of(self.name, self.created)

    @property
    def note(self) -> str:
        return self.label.note

    @property
    def starred(self) -> bool:
        return self.label.starred

    @property
    def state(self) -> str:
        return self.status.state

    @property
    def reason(self) -> str:
        return self.status.reason

    @property
    def group(self) -> str:
        return self.status.group

    @property
    def trial(self) -> int | None:
        return self.status.trial

    @property
    def created(self) -> float:
        return self.status.created

    @property
    def epochs(self) -> float:
        """Trained so far."""
        return self.status.epoch

    @property
    def seconds(self) -> float:
        return self.status.seconds

    @property
    def parameters(self) -> int:
        return self.status.parameters

    @property
    def best_epoch(self) -> float | None:
        """With the lowest validation loss: its weights are the model."""
        return self.status.best_epoch

    @property
    def best_accuracy(self) -> float | None:
        """After the best epoch: of the model that the run stands for."""
        return self.status.best_validation_accuracy

    @property
    def best_loss(self) -> float | None:
        return self.status.best_validation_loss

    @property
    def last_accuracy(self) -> float | None:
        return self.status.validation_accuracy

    @property
    def last_loss(self) -> float | None:
        return self.status.validation_loss


@dataclass(frozen=True)
class _Entry:
    """A run folder as it was read last; `row` is a sentence where it could not be."""

    stamps: tuple[Stamp, ...]
    row: RunRow | str


class RunTable:
    """The runs of one folder. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._entries: dict[str, _Entry] = {}
        self._lock = threading.Lock()

    def rows(self) -> list[RunRow]:
        """The whole runs, newest first."""
        with self._lock:
            self._read()
            rows = [_now(entry.row) for entry in self._entries.values() if isinstance(entry.row, RunRow)]
        return sorted(rows, key=lambda row: (row.created, row.id), reverse=True)

    def damaged(self) -> list[tuple[Path, str]]:
        """The folders that should be runs and are not, each with what is wrong."""
        with self._lock:
            self._read()
            found = [(self.folder / name, entry.row) for name, entry in sorted(self._entries.items())]
        return [(folder, row) for folder, row in found if isinstance(row, str) and not _young(folder)]

    def _read(self) -> None:
        try:
            with os.scandir(self.folder) as listed:
                folders = {entry.name: entry.path for entry in listed if entry.name[0] != "." and entry.is_dir()}
        except FileNotFoundError:
            folders = {}
        entries = {}
        for name, path in folders.items():
            # Looked at before it is read: what is written in between is read again the next time.
            stamps = tuple(stamp(f"{path}/{file}") for file in FILES)
            known = self._entries.get(name)
            entries[name] = known if known and known.stamps == stamps else _Entry(stamps, _row(Run(Path(path))))
        self._entries = entries


_tables: dict[Path, RunTable] = {}


def run_table() -> RunTable:
    """The one of the runs folder."""
    return _tables.setdefault(runs_folder(), RunTable(runs_folder()))


def run_rows() -> list[RunRow]:
    """All whole runs in the runs folder, newest first."""
    return run_table().rows()


def list_runs() -> list[Run]:
    """All whole runs in the runs folder, newest first."""
    return [row.run for row in run_rows()]


def folded(rows: Sequence[RunRow], always: Iterable[str] = ()) -> list[RunRow]:
    """The rows, of each sweep only the best; starred ones and those with the ids that are always
    wanted stay.
    """
    kept = {*always}
    best: dict[str, RunRow] = {}
    for row in rows:
        if row.trial is not None:
            best[row.group] = max(best.get(row.group, row), row, key=_merit)
    return [row for row in rows if row.trial is None or row.starred or row.id in kept or row.id == best[row.group].id]


def differing_settings(rows: Iterable[RunRow]) -> list[str]:
    """The settings in which these runs differ, in the order of the config."""
    return differing(row.config for row in rows)


def seed_groups(rows: Iterable[RunRow]) -> list[list[RunRow]]:
    """The runs, those together whose settings are the same but for the seed and the weights they
    start from.
    """
    names = [name for name in SETTINGS if name not in OF_THE_SEED]
    groups: dict[tuple[object, ...], list[RunRow]] = {}
    for row in rows:
        config = row.config
        alike = tuple(getattr(config, name) if takes_part(config, name) else None for name in names)
        groups.setdefault(alike, []).append(row)
    return list(groups.values())


def row_of(run: Run) -> RunRow:
    """The row of one run, wherever its folder is."""
    return _now(_stored(run))


def _merit(row: RunRow) -> tuple[float, float]:
    """More is better: the accuracy, and where that is the same, the loss."""
    return row.best_accuracy or 0.0, -math.inf if row.best_loss is None else -row.best_loss


def _stored(run: Run) -> RunRow:
    config, status = run.config, run.stored()
    if status.best_validation_loss is None and status.validation_loss is not None:
        status = _with_best(run, status)
    return RunRow(run, config, status, run.label())


def _row(run: Run) -> RunRow | str:
    try:
        return _stored(run)
    except (RunError, OSError) as error:
        return str(error)


def _now(row: RunRow) -> RunRow:
    """The row with the state as true now: that a worker has gone changes no file."""
    if not row.status.active:
        return row
    with contextlib.suppress(RunError, OSError):
        now = row.run.status(row.status)
        if now is not row.status:
            return replace(row, status=now)
    return row


def _with_best(run: Run, status: Status) -> Status:
    """A status of an earlier version, which did not name the best epoch, with what the history
    says.
    """
    best = best_validation(run.folder)
    if best is None:
        return status
    return replace(
        status, best_validation_loss=best.loss, best_validation_accuracy=best.accuracy, best_epoch=best.epoch
    )


def _young(folder: Path) -> bool:
    """Whether it may just be being made."""
    try:
        return time.time() - folder.stat().st_mtime < START_GRACE
    except OSError:  # deleted while we looked
        return True
