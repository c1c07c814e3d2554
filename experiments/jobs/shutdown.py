"""Departure: how a process that works on a folder begins, and how it notices that it is asked to go."""

from __future__ import annotations

import argparse
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from experiments.runs.run import RunError


class Leave(BaseException):
    """This process has been asked to go."""


class Departure:
    """Notices that the process is asked to go: by a signal, Ctrl-C, a closed terminal or the end of its parent.

    Noted, so that a step and a file are finished first; `at_once` where there is nothing to lose. Ctrl-C again goes
    without waiting for anything.
    """

    def __init__(self) -> None:
        self.asked = False
        self._at_once = False

    @contextmanager
    def noticed(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield  # only the main thread hears signals
            return
        signals = [signal.SIGTERM, signal.SIGINT]
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signals.append(signal.SIGHUP)  # the terminal window was closed; nohup has it ignored
        before = [signal.signal(number, self._note) for number in signals]
        try:
            yield
        finally:
            for number, action in zip(signals, before, strict=True):
                signal.signal(number, action)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        self._at_once = True
        try:
            if self.asked:
                raise Leave
            yield
        finally:
            self._at_once = False

    def watch_parent(self) -> None:
        """Standard input is a pipe whose other end the parent holds: it ends when the parent does."""

        def wait() -> None:
            while os.read(0, 1):
                pass
            signal.raise_signal(signal.SIGTERM)

        threading.Thread(target=wait, daemon=True).start()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
        if self._at_once:
            raise Leave


def attend(module: str, description: str | None, work: Callable[[Path, Departure], None]) -> int:
    """The main function of a module that `jobs.launch` starts on a folder; -> exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("folder", type=Path, help="what to work on")
    parser.add_argument("--with-parent", action="store_true", help="leave when standard input ends")
    arguments = parser.parse_args()
    departure = Departure()
    with departure.noticed():
        if arguments.with_parent:
            departure.watch_parent()
        try:
            work(arguments.folder.absolute(), departure)
        except RunError:  # the work has said so
            return 2
    return 0
