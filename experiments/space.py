"""Space: how much of the disk each part of the stored data takes, and removal of some parts."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from dataset.corrections import corrections_file
from dataset.drawings import drawings_file
from dataset.files import cache_folder
from dataset.sources import SOURCES
from experiments.fine_tuning import fine_tuning_folder
from experiments.jobs.record import JobError
from experiments.runs.run import Run, runs_folder
from experiments.runs.trash import deleted_folder, empty_trash, removed_folder
from experiments.sweeps import sweeps_folder
from model.errors import DigitLabError

SEARCHES, ROBUSTNESS, UPLOADS = ".suspects", ".robustness", ".uploads"  # folders inside the runs folder


class SpaceError(DigitLabError):
    """A part of the stored data that is unknown or cannot be removed."""


@dataclass(frozen=True)
class Part:
    """A part of the stored data: its name, its bytes and files, and what it is good for."""

    name: str
    purpose: str
    bytes: int
    files: int
    can_go: bool = False


def measure_space() -> list[Part]:
    """All parts, by their names in the order in which a person reads them."""
    root, sizes = runs_folder(), _Sizes()
    drawings = drawings_file()
    sizes.add("drawings", [*drawings.parent.glob(f"{drawings.stem}.*"), corrections_file()])
    sizes.add("fine-tunings", _files(fine_tuning_folder()))
    sizes.add("trash", _files(deleted_folder(), removed_folder(), sweeps_folder() / ".deleted"))
    sizes.add("sweeps", (path for path in _files(sweeps_folder()) if ".deleted" not in path.parts))
    sizes.add("results", _files(root / SEARCHES, root / ROBUSTNESS))
    sizes.add("uploads", _files(root / UPLOADS))
    sizes.add("downloads", _files(*(cache_folder() / name for name in SOURCES)))
    sizes.add("copies", cache_folder().glob("*.npz"))
    checkpoints = {run.last for run in _finished_runs()}
    for path in (path for folder in _run_folders() for path in _files(folder)):
        name = "checkpoints" if path in checkpoints else "logs" if path.name == "log.txt" else "runs"
        sizes.add(name, [path])
    return [
        Part(name, purpose, *sizes.of(name), can_go=name in REMOVERS)
        for name, purpose in {**PURPOSES, **{name: purpose for name, (purpose, _) in REMOVERS.items()}}.items()
    ]


def remove_part(name: str) -> int:
    """Remove a part that can go, for good; -> how many bytes that freed. Raises SpaceError."""
    if name not in REMOVERS:
        raise SpaceError(f"{name!r} cannot be removed here. These parts can: {', '.join(REMOVERS)}.")
    before = _bytes_of(name)
    REMOVERS[name][1]()
    return max(0, before - _bytes_of(name))


def _bytes_of(name: str) -> int:
    return next(part.bytes for part in measure_space() if part.name == name)


class _Sizes:
    """Bytes and numbers of files, by the name of the part."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, int]] = {}

    def add(self, name: str, paths: Iterable[Path]) -> None:
        """Count these files, those that are gone as none."""
        size, files = self.of(name)
        for path in paths:
            with suppress(OSError):
                size, files = size + path.stat().st_size, files + 1
        self._found[name] = size, files

    def of(self, name: str) -> tuple[int, int]:
        """The bytes and the number of files of a part."""
        return self._found.get(name, (0, 0))


def _files(*folders: Path) -> Iterable[Path]:
    """All files in these folders. A folder that is not there has none."""
    for folder in folders:
        for place, _, names in os.walk(folder):
            yield from (Path(place, name) for name in names)


def _run_folders() -> list[Path]:
    root = runs_folder()
    return [path for path in root.glob("*") if path.is_dir() and not path.name.startswith(".")]


def _finished_runs() -> list[Run]:
    """The runs that nobody can resume, and that have a better model than their last checkpoint."""
    found = []
    for run in map(Run, _run_folders()):
        with suppress(JobError, OSError):
            if run.best.exists() and run.stored().state == "finished":
                found.append(run)
    return found


def _remove_checkpoints() -> None:
    for run in _finished_runs():
        with suppress(Timeout), run.lock.acquire(timeout=0):
            run.last.unlink(missing_ok=True)


def _remove_copies() -> None:
    for path in cache_folder().glob("*.npz"):
        path.unlink(missing_ok=True)


def _remove_results() -> None:
    """Remove results that no process works on."""
    for folder in (runs_folder() / SEARCHES, runs_folder() / ROBUSTNESS):
        for job in map(Run, folder.glob("*")):
            if job.folder.is_dir() and not job.is_alive():
                shutil.rmtree(job.folder, ignore_errors=True)


PURPOSES = {
    "runs": "models, settings and histories of runs",
    "sweeps": "what sweeps tried, and their studies",
    "drawings": "drawings and corrected labels in files; those in a database are not counted",
    "uploads": "files that visitors or the owner trained on; a resumed run reads them again",
    "fine-tunings": "results that nobody has accepted; they go by themselves after a day",
    "downloads": "MNIST and Fashion-MNIST; each can be downloaded again",
    "logs": "messages of the processes of runs",
}
REMOVERS: dict[str, tuple[str, Callable[[], object]]] = {
    "trash": (
        "deleted runs and sweeps; they go after 30 days, unless named, noted or starred",
        lambda: empty_trash(older_than=0),
    ),
    "checkpoints": ("last checkpoints of finished runs, which nothing reads any more", _remove_checkpoints),
    "results": ("rankings of label errors and measurements of robustness; they can be made again", _remove_results),
    "copies": ("parsed copies of data files; the next loading makes them again", _remove_copies),
}
