"""Turns: short runs of pages that follow one after the other instead of all at once.

Python runs one thread at a time. Ten drawings that are answered together are all ready at the end;
one after the other, half of them are ready in half of that time, and the thread that sends the
answers competes with one other thread instead of ten.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 2.0  # seconds: after that a run begins although another one has not ended


class Turns:
    """A lock that threads get in the order in which they ask, and for a limited time only.

    A thread that has the turn may take it again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Event] = deque()
        self._here = threading.local()  # `inside`: whether this thread has asked already

    @contextmanager
    def take(self) -> Iterator[None]:
        """Wait for the turn, but not longer than LONGEST, and give it back at the end."""
        if getattr(self._here, "inside", False):
            yield
            return
        begin = threading.Event()
        with self._lock:
            if self._is_taken:
                self._waiting.append(begin)
            else:
                self._is_taken = True
                begin.set()
        begin.wait(LONGEST)
        self._here.inside = True
        try:
            yield
        finally:
            self._here.inside = False
            self._give_back(begin)

    def _give_back(self, begin: threading.Event) -> None:
        """Pass the turn on to the thread that waits longest; one that never got it leaves."""
        with self._lock:
            if not begin.is_set():
                self._waiting.remove(begin)
            elif self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False


drawing_turns = Turns()  # of the Draw page
