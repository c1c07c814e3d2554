"""Drawings, runs and sweeps that a person may see.

A visitor sees runs and sweeps on the public sources of digits, and those of their own visit. The
owner may have trained on private files: their digits, their names and their folders stay private.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from dashboard.access.decision import is_owner
from dashboard.access.limits import visit
from dashboard.session import state
from dataset import SOURCES, DataError, Drawings
from dataset.drawings import drawing_storage
from dataset.drawings.log import VISITOR
from experiments import fine_tuning, range_test, sweeps
from experiments.jobs.record import Job, shortened
from experiments.runs import run, table
from experiments.runs.config import RunConfig
from experiments.runs.run import Run, RunError
from experiments.runs.table import RunRow
from experiments.sweeps import Sweep

J = TypeVar("J", bound=Job[Any])
# The folders before the name of a file: /srv/app/runs/ or C:\\Users\\me\\, but no web address.
FOLDER = re.compile(r"(?<![\w/:.])(?:[A-Za-z]:)?(?:[\\/](?=[^\s\\/])[^\s\\/:;,'\"]*)*[\\/](?=[^\s\\/])")


def drawing_session() -> str:
    """The session that is stored with a drawing of this person; it tells visitors from owners."""
    return state.session_id if is_owner() else VISITOR + state.session_id


def own_drawings() -> list[str]:
    """The ids of the stored drawings of this visit, also of those that were undone."""
    with drawing_storage().reading() as log:
        return [identity for identity in visit.drawings if identity in log.drawings]


def count_own_drawings() -> int:
    """How many drawings of this visit are stored; 0 if they cannot be read."""
    try:
        return len(own_drawings())
    except DataError:  # the page says so where it counts all drawings
        return 0


def visible_drawings(drawings: Drawings) -> NDArray[np.bool_]:
    """A mask (n,): all for an owner; for a visitor those in use and their own that wait."""
    if is_owner():
        return np.ones(len(drawings.id), bool)
    own = (drawings.state == "waiting") & (drawings.session == drawing_session())
    return np.asarray((drawings.state == "kept") | own, bool)


def run_rows() -> list[RunRow]:
    """All runs that this person may see, newest first."""
    rows = table.run_rows()
    return rows if is_owner() else [row for row in rows if _is_visible(row.id, row.config)]


def open_run(which: str | Path) -> Run:
    """The run with this id, if this person may see it. Raises RunError."""
    return _checked(lambda: run.open_run(which), "run", which, lambda found: found.config)


def open_fine_tuning(which: str) -> Run:
    """The fine-tuning with this id, accepted or not, if this person may see it. Raises RunError."""
    return _checked(lambda: fine_tuning.open_fine_tuning(which), "fine-tuning", which, lambda found: found.config)


def open_range_test(which: str) -> Run:
    """The range test with this id, if this person may see it. Raises RunError."""
    return _checked(lambda: range_test.open_range_test(which), "range test", which, lambda found: found.config)


def list_sweeps() -> list[Sweep]:
    """All sweeps that this person may see, newest first."""
    found = sweeps.list_sweeps()
    return found if is_owner() else [sweep for sweep in found if _is_visible(sweep.id, sweep.spec.base)]


def open_sweep(which: str) -> Sweep:
    """The sweep with this id, if this person may see it. Raises SweepError."""
    return _checked(lambda: sweeps.open_sweep(which), "sweep", which, lambda found: found.spec.base)


def visible_text(error: object) -> str:
    """An error as a sentence. A visitor reads only the names of files, not their folders."""
    text = str(error)
    return text if is_owner() else FOLDER.sub("", text)


def _is_visible(identity: str, config: RunConfig) -> bool:
    """Whether visitors may see what belongs to this config: a file of digits may be private."""
    return config.data in SOURCES or identity in visit.started


def _checked(load: Callable[[], J], noun: str, which: str | Path, config_of: Callable[[J], RunConfig]) -> J:
    """The job that `load` returns. Visitors get the same error for a hidden and a missing one."""
    if is_owner():
        return load()
    hidden = RunError if noun != "sweep" else sweeps.SweepError
    text = f"There is no {noun} {shortened(Path(which).name)} here that visitors may see. Choose one from the list."
    try:
        found = load()
    except hidden as error:
        raise hidden(text) from error
    if not _is_visible(found.id, config_of(found)):
        raise hidden(text)
    return found
