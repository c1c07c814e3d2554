"""Processes of a campaign: made by fork, killed at random moments, and looked for afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil

from dataset.leftovers import TEMPORARY

MARK = "DIGIT_LAB_CAMPAIGN"  # an environment variable that all processes of a campaign inherit
GONE_SECONDS = 30.0  # for processes that end by themselves after the one that started them
POLL_SECONDS = 0.01


class CampaignError(Exception):
    """A promise that was broken, or a campaign that could not go on."""


def run_in_own_environment(argv: list[str]) -> int:
    """Run `python -m reliability` again, in an environment apart from this person's; -> its status.

    Runs, drawings and caches are in a temporary folder, which is removed in the end.
    """
    with tempfile.TemporaryDirectory(prefix="digit-lab-campaign-") as name:
        folder = Path(name)
        kept = {key: value for key, value in os.environ.items() if not key.startswith("DIGITS_")}
        environment = kept | {
            MARK: name,
            "DIGITS_RUNS": str(folder / "runs"),
            "DIGITS_DRAWINGS": str(folder / "drawings" / "drawings.csv"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "OPENBLAS_NUM_THREADS": "1",  # forked processes must not inherit threads
            "DIGITS_WORKERS": "4",
        }
        for part in ("runs", "drawings", "cache"):
            (folder / part).mkdir()
        command = [sys.executable, "-m", "reliability", *argv]
        return subprocess.run(command, env=environment, check=False).returncode


def own_folder() -> Path | None:
    """The temporary folder of this campaign; None where it is not in its own environment yet."""
    return Path(os.environ[MARK]) if MARK in os.environ else None


class Child:
    """A forked process that does some work. What it sends can be read after its end."""

    def __init__(self, work: Callable[[Callable[[str], None]], object]) -> None:
        read_end, write_end = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid:
            os.close(write_end)
            self._read_end, self.status = read_end, -1
            return
        status = 1
        try:
            os.close(read_end)
            work(partial(_send_line, write_end))
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def ended_within(self, seconds: float) -> bool:
        """Wait at most this long; -> whether the process has ended by itself."""
        end = time.monotonic() + seconds
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                return True
            if time.monotonic() >= end:
                return False
            time.sleep(min(POLL_SECONDS, max(0.0, end - time.monotonic())))

    def kill(self) -> None:
        """Kill it with SIGKILL and wait for its end."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

    def lines(self) -> list[str]:
        """The complete lines that it sent until its end."""
        with os.fdopen(self._read_end, "rb") as pipe:
            text = pipe.read().decode()
        return text[: text.rfind("\n") + 1].splitlines()


def _send_line(descriptor: int, line: str) -> None:
    os.write(descriptor, f"{line}\n".encode())


def in_child(work: Callable[[Callable[[str], None]], object]) -> list[str]:
    """Do the work in a process of its own; -> what it sent. Raises CampaignError if it failed."""
    child = Child(work)
    if not child.ended_within(600) or child.status != 0:
        raise CampaignError(f"A process that nobody disturbed ended with status {child.status}.")
    return child.lines()


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Wait for something that must come. Raises CampaignError."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise CampaignError(f"Waited {seconds:g} s for {what}.")
        time.sleep(POLL_SECONDS)


def descendants() -> list[psutil.Process]:
    """All processes of this campaign but this one and those that it must keep (a database)."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                process.pid != os.getpid()
                and process.environ().get(MARK) == os.environ[MARK]
                and process.status() != psutil.STATUS_ZOMBIE
                and process.pid not in _kept
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


_kept: set[int] = set()


@contextmanager
def kept(pid: int) -> Iterator[None]:
    """This process is no orphan as long as the block lasts."""
    _kept.add(pid)
    try:
        yield
    finally:
        _kept.discard(pid)


def orphans() -> list[str]:
    """Processes of this campaign that do not end by themselves. They are ended here."""
    end = time.monotonic() + GONE_SECONDS
    while (left := descendants()) and time.monotonic() < end:
        time.sleep(0.1)
    described = []
    for process in left:
        try:
            described.append(f"process {process.pid} is still there: {' '.join(process.cmdline())[:120]}")
            process.kill()
        except psutil.Error:
            continue
    return described


def temporary_files(folder: Path) -> list[str]:
    """Temporary files in a folder and below it, which no process may leave."""
    names = (path for path in folder.rglob(".*") if TEMPORARY.fullmatch(path.name) or path.suffix == ".tmp")
    return [f"{path.relative_to(folder)} is left over" for path in names]
