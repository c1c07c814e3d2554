"""Run table: all runs at once. Only files that have changed since the last look are read again."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dataset.files import Stamp, stamp
from experiments.jobs.record import START_GRACE, is_recent
from experiments.runs.config import SETTINGS, RunConfig, has_effect
from experiments.runs.history import best_validation
from experiments.runs.run import Label, Run, RunError, Status, runs_folder, title_of

FILES = ("config.json", "status.json", "label.json")  # from which a row is made
CHANCE_SETTINGS = ("seed", "start_from")  # settings in which runs of one seed group may differ


@dataclass(frozen=True)
class RunRow:
    """One run when the table was read."""

    run: Run
    config: RunConfig
    status: Status
    label: Label

    @property
    def id(self) -> str:
        """The run's id."""
        return self.run.id

    @property
    def name(self) -> str:
        """The run's name, as `Run.name`."""
        return self.label.name or self.status.name or self.id

    @property
    def title(self) -> str:
        """Its name and when it was made, as `Run.title`."""
        return title_of(self.name, self.status.created)


class RunTable:
    """The runs of one folder. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # By the names of the folders: the stamps of its files, and the row or why there is none.
        self._entries: dict[str, tuple[tuple[Stamp, ...], RunRow | str]] = {}
        self._lock = threading.Lock()

    def rows(self) -> list[RunRow]:
        """All runs that are not damaged, newest first."""
        rows = [_with_state_now(row) for row in self._read().values() if isinstance(row, RunRow)]
        return sorted(rows, key=lambda row: (row.status.created, row.id), reverse=True)

    def damaged(self) -> list[tuple[Path, str]]:
        """The folders that should be runs and cannot be read, each with the reason."""
        reasons = [(self.folder / name, row) for name, row in sorted(self._read().items()) if isinstance(row, str)]
        return [(folder, reason) for folder, reason in reasons if not _is_new(folder)]

    def _read(self) -> dict[str, RunRow | str]:
        try:
            with os.scandir(self.folder) as listed:
                folders = {entry.name: entry.path for entry in listed if entry.name[0] != "." and entry.is_dir()}
        except FileNotFoundError:
            folders = {}
        with self._lock:
            entries = {}
            for name, path in folders.items():
                # The stamps come first: files that change while they are read are read again the
                # next time.
                stamps = tuple(stamp(f"{path}/{file}") for file in FILES)
                known = self._entries.get(name)
                entries[name] = known if known and known[0] == stamps else (stamps, _row(Run(Path(path))))
            self._entries = entries
        return {name: row for name, (_, row) in entries.items()}


_tables: dict[Path, RunTable] = {}


def run_table() -> RunTable:
    """The table of the runs folder."""
    return _tables.setdefault(runs_folder(), RunTable(runs_folder()))


def run_rows() -> list[RunRow]:
    """All runs in the runs folder that are not damaged, newest first."""
    return run_table().rows()


def list_runs() -> list[Run]:
    """All runs in the runs folder that are not damaged, newest first."""
    return [row.run for row in run_rows()]


def fold_sweeps(rows: Sequence[RunRow], always: Iterable[str] = ()) -> list[RunRow]:
    """The rows, of each sweep only the best trial.

    Starred trials and the ids in `always` stay too.
    """
    best: dict[str, RunRow] = {}
    for row in rows:
        if row.status.trial is not None:
            best[row.status.group] = max(best.get(row.status.group, row), row, key=_rank)
    shown = {*always, *(row.id for row in best.values())}
    return [row for row in rows if row.status.trial is None or row.label.starred or row.id in shown]


def seed_groups(rows: Iterable[RunRow]) -> list[list[RunRow]]:
    """The runs in groups that differ only in the seed and the weights they start from."""
    names = [name for name in SETTINGS if name not in CHANCE_SETTINGS]
    groups: dict[tuple[object, ...], list[RunRow]] = {}
    for row in rows:
        config = row.config
        same = tuple(getattr(config, name) if has_effect(config, name) else None for name in names)
        groups.setdefault(same, []).append(row)
    return list(groups.values())


def row_of(run: Run) -> RunRow:
    """The row of one run, in any folder. Raises RunError for a damaged one."""
    return _with_state_now(_stored_row(run))


def _rank(row: RunRow) -> tuple[float, float]:
    """More is better: the accuracy, and where that is the same, the loss."""
    accuracy, loss = row.status.best_validation_accuracy, row.status.best_validation_loss
    return accuracy or 0.0, -math.inf if loss is None else -loss


def _stored_row(run: Run) -> RunRow:
    config, status = run.config, run.stored()
    # An earlier version did not write the best epoch into the status: the history has it.
    is_older = status.best_validation_loss is None and status.validation_loss is not None
    if is_older and (best := best_validation(run.folder)):
        epoch, loss, accuracy = best
        status = replace(status, best_epoch=epoch, best_validation_loss=loss, best_validation_accuracy=accuracy)
    return RunRow(run, config, status, run.label())


def _row(run: Run) -> RunRow | str:
    try:
        return _stored_row(run)
    except (RunError, OSError) as error:
        return str(error)


def _with_state_now(row: RunRow) -> RunRow:
    """The row with its current state: the end of a worker changes no file."""
    if row.status.active:
        with contextlib.suppress(RunError, OSError):
            return replace(row, status=row.run.status(row.status))
    return row


def _is_new(folder: Path) -> bool:
    """Whether somebody may be making it right now."""
    try:
        return is_recent(folder.stat().st_mtime, START_GRACE)
    except OSError:  # deleted meanwhile
        return True
