"""Small disks and other surroundings in which faults are tried, and what must hold there."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from dataset import DataError, append_drawing, load_drawings
from experiments.runs.run import Run
from experiments.runs.table import list_runs
from experiments.sweeps import Sweep
from reliability.kill_runs import differences
from reliability.processes import CampaignError, Child

SMALL, LARGE = "2m", "40m"  # sizes of the disk: less and more than a training needs


class NotPossible(Exception):
    """A fault that cannot be made here. The message tells why."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 2 MB in memory. Raises NotPossible where this person may not mount one."""
    folder.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", f"size={SMALL}", "none", str(folder)]
    if mount is None or os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        raise NotPossible("only root can mount a small disk; tests/test_full_disk.py limits the size of files instead")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def grow(disk: Path) -> None:
    """Make the disk larger."""
    subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(disk)], check=True)


def make_read_only(disk: Path) -> None:
    """Let nobody write on the disk."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def fill(path: Path) -> None:
    """Fill the disk with one file."""
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def expect(holds: object, sentence: str) -> None:
    """Raise CampaignError with this sentence unless something holds."""
    if not holds:
        raise CampaignError(sentence)


def expect_same(run: Run, whole: Run) -> None:
    """Raise CampaignError unless a run ended as one that nothing disturbed."""
    wrong = [sentence for sentence in differences(run, whole) if "do not both have the file" not in sentence]
    expect(not wrong, "; ".join(wrong))


def runs_of(group: str) -> list[Run]:
    """The runs of a sweep."""
    return [run for run in list_runs() if run.stored().group == group]


def have_begun(group: str, count: int) -> bool:
    """Whether this many runs of a sweep train."""
    runs = runs_of(group)
    return len(runs) == count and all(run.status().step for run in runs)


def have_stopped(group: str) -> bool:
    """Whether no process works on a run of a sweep."""
    return not any(run.is_alive() for run in runs_of(group))


def has_failed(sweep: Sweep) -> bool:
    """Whether a sweep has ended with an error."""
    return sweep.status().state == "failed"


def stop_all(runs: list[Run], children: list[Child]) -> None:
    """Stop runs and wait for their workers."""
    for run, child in zip(runs, children, strict=True):
        run.request("stop")
        expect(child.ended_within(20.0), f"{run.id} did not stop")


def store_until_refused(count: int, first: int, send: Callable[[str], None]) -> None:
    """Store drawings, report the session of each, and report the first refusal."""
    for number in range(first, first + count):
        try:
            append_drawing(np.full((28, 28), 255, np.uint8), 1, session=str(number))
        except DataError as error:
            send(f"refused: {error}")
            return
        send(str(number))


def list_stored(send: Callable[[str], None]) -> None:
    """Report the session of each stored drawing."""
    for session in load_drawings().session.tolist():
        send(session)


@contextmanager
def variables(**values: str) -> Iterator[None]:
    """Environment variables for the block."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
