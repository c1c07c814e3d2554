"""Halted processes: a job whose process was stopped by SIGSTOP is alive and makes no progress."""

from __future__ import annotations

import time
from pathlib import Path

HALTED = "Its process is halted (SIGSTOP); it goes on when it receives SIGCONT."
UPDATE_SECONDS = 2.0  # a process that works updates its status more often, or soon after


def halted_reason(pid: int, updated: float) -> str:
    """The sentence about a process of this machine that is halted; empty where it is not.

    `updated`: when it last wrote its status. Only Linux tells.
    """
    if not pid or abs(time.time() - updated) < UPDATE_SECONDS:
        return ""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return HALTED if stat.rpartition(")")[2].split()[:1] == ["T"] else ""
