"""Usage: how much all visitors together have used in the last hour and day, in a file."""

import contextlib
import os
import threading
import time
from collections import deque
from pathlib import Path

from dataset.files import atomic_write
from experiments.runs.run import runs_folder

HOUR, DAY = 3600.0, 86_400.0
LONGEST_FILE = 1_000_000  # bytes; a longer file is written anew with the entries of the last day


class UsageLog:
    """Amounts with their times. Several processes may append to the same file.

    The file has one line for each entry: seconds since 1970, the kind and the amount. It outlives a
    restart of the server, so the budgets do too. Lines that cannot be read are left out.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._read_bytes = 0
        self._entries: dict[str, deque[tuple[float, float]]] = {}
        self._lock = threading.Lock()

    def record(self, kind: str, amount: float) -> None:
        """Append an entry with the time now."""
        line = f"{time.time():.3f} {kind} {amount:.3f}\n".encode()
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(descriptor, line)  # one write: no other process writes into the line
            finally:
                os.close(descriptor)
        except OSError:  # a full disk: the entry counts until the server ends
            with self._lock:
                self._add(line)

    def wait(self, kind: str, amount: float, limit: float, span: float) -> float:
        """How many seconds until this amount more is within the limit of a span of time.

        0: now. Where it is larger than the limit, the time until the span is empty.
        """
        now = time.time()
        with self._lock:
            self._read()
            recent = [(when, used) for when, used in self._entries.get(kind, ()) if when > now - span]
        total, left = sum(used for _, used in recent), 0.0
        for when, used in recent:
            if total + amount <= limit:
                return left
            total, left = total - used, max(1.0, when + span - now)
        return left if amount <= limit else max(left, span)

    def _read(self) -> None:
        """Read the lines that were appended since the last call."""
        with contextlib.suppress(OSError), self.file.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < self._read_bytes:  # another process has written it anew
                self._read_bytes = 0
                self._entries.clear()
            if size == self._read_bytes:
                return
            is_first = not self._read_bytes
            file.seek(self._read_bytes)
            whole, newline, _ = file.read(size - self._read_bytes).rpartition(b"\n")
            for line in whole.split(b"\n"):
                self._add(line)
            self._read_bytes += len(whole) + len(newline)
            if is_first and size > LONGEST_FILE:
                self._rewrite()

    def _add(self, line: bytes) -> None:
        """Add the entry of a line. A time in the future becomes now: the clock was wrong."""
        try:
            when, kind, amount = line.decode("ascii").split()
            entry = min(float(when), time.time()), max(0.0, float(amount))
        except ValueError:
            return
        entries = self._entries.setdefault(kind, deque())
        entries.append(entry)
        while entries and entries[0][0] < time.time() - DAY:
            entries.popleft()

    def _rewrite(self) -> None:
        """Write the file anew without the entries that are older than a day."""
        lines = [
            f"{when:.3f} {kind} {amount:.3f}\n".encode()
            for kind, entries in self._entries.items()
            for when, amount in entries
        ]
        with atomic_write(self.file) as file:
            file.writelines(lines)
        self._read_bytes = sum(map(len, lines))


_logs: dict[Path, UsageLog] = {}


def usage_log() -> UsageLog:
    """The log of this server's visitors, in the runs folder."""
    file = runs_folder() / ".visitors.log"
    return _logs.setdefault(file, UsageLog(file))
