"""Refresh: how often the page of a live run is drawn again. All who watch share the server."""

from __future__ import annotations

import threading
import time

from dashboard.session import state

SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)  # between two refreshes; the first that the server can afford
PER_SECOND = 8.0  # refreshes of all visitors together: a quarter of one processor core
FORGET_SECONDS = 20.0  # after which a visitor whose page did not refresh has left

_seen: dict[str, float] = {}  # when the page of each session was refreshed last
_lock = threading.Lock()


def refresh_seconds() -> float:
    """The seconds until the page of this visitor, who watches now, is refreshed."""
    now = time.monotonic()
    with _lock:
        _seen[state.session_id] = now
        for session in [session for session, when in _seen.items() if now - when > FORGET_SECONDS]:
            del _seen[session]
        watching = len(_seen)
    return next((seconds for seconds in SECONDS if watching / seconds <= PER_SECOND), SECONDS[-1])


def is_outdated(seconds: float) -> bool:
    """Whether a page that refreshes this often should refresh less often, or much more often."""
    now = refresh_seconds()
    return now > seconds or 2 * now < seconds
