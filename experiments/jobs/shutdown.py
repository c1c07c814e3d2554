"""Shutdown: how a process notices that it is asked to end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class ShutdownRequested(BaseException):
    """This process has been asked to end."""


class Shutdown:
    """Notices that the process is asked to end: by a signal, Ctrl-C or the end of its parent.

    The request only sets `requested`, so that a step and a file are finished first. Inside
    `immediate()`, where there is nothing to lose, it raises ShutdownRequested. A second Ctrl-C ends
    the process without waiting for anything.
    """

    def __init__(self) -> None:
        self.requested = False
        self._immediate = False

    @contextmanager
    def noticed(self) -> Iterator[None]:
        """Handle the signals.

        Outside the main thread, which alone receives them, this does nothing.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = [signal.SIGTERM, signal.SIGINT]
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signals.append(signal.SIGHUP)  # the terminal window was closed; nohup has it ignored
        before = [signal.signal(number, self._receive) for number in signals]
        try:
            yield
        finally:
            for number, handler in zip(signals, before, strict=True):
                signal.signal(number, handler)

    @contextmanager
    def immediate(self) -> Iterator[None]:
        """Raise ShutdownRequested as soon as a request comes, or at once if it has come already."""
        self._immediate = True
        try:
            if self.requested:
                raise ShutdownRequested
            yield
        finally:
            self._immediate = False

    def watch_parent(self) -> None:
        """Notice the end of the parent: standard input is a pipe that the parent holds open."""

        def wait_for_end() -> None:
            while os.read(0, 1):
                pass
            signal.raise_signal(signal.SIGTERM)

        threading.Thread(target=wait_for_end, daemon=True).start()

    def _receive(self, number: int, _frame: FrameType | None) -> None:
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
        if self._immediate:
            raise ShutdownRequested
