"""Watch: ends a driver that was asked to stop while its database does not answer."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable

from experiments.sweeps.space import SweepError
from experiments.sweeps.sweep import STOPPED, Sweep
from experiments.sweeps.trainer import Trainer

POLL_SECONDS = 0.25
STOP_SECONDS = 2.0  # in which a driver whose database answers stops its runs
EXIT_SECONDS = 5.0  # in which it records their results and ends
NO_ANSWER = "Its database did not answer, so its last results are recorded when it is resumed."


def watch_driver(sweep: Sweep, trainer: Trainer, is_leaving: Callable[[], bool], reason: str) -> None:
    """Start a thread that ends this process if it cannot leave the sweep by itself.

    Only for a process that does nothing else. Its end is like a kill, which loses nothing. `reason`
    is for a sweep that nobody asked to stop.
    """

    def watch() -> None:
        while not is_leaving():
            time.sleep(POLL_SECONDS)
        asked = time.monotonic()
        time.sleep(STOP_SECONDS)
        trainer.token.unlink(missing_ok=True)  # the runs notice this and stop at their checkpoints
        while time.monotonic() < asked + EXIT_SECONDS or not all(future.done() for future in list(trainer.training)):
            time.sleep(POLL_SECONDS)
        with contextlib.suppress(OSError, SweepError), sweep.change_lock().acquire(timeout=STOP_SECONDS):
            stopped = sweep.stop_requested
            told = f"{STOPPED if stopped else reason} {NO_ANSWER}"
            sweep.set_status(state="stopped" if stopped else "interrupted", reason=told)
        os._exit(1)

    threading.Thread(target=watch, name="watch", daemon=True).start()
