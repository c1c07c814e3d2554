"""Pool: warm processes that train one run after the other, and leave when whoever wants the runs is gone."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from experiments.jobs.record import is_held
from experiments.jobs.shutdown import Shutdown
from experiments.runs.run import ENDED, RunError, open_run
from experiments.training.worker import train_run

P = ParamSpec("P")
T = TypeVar("T")
LOOK_SECONDS = 0.1  # between two looks whether the runs are still wanted


def start_pool(workers: int) -> ProcessPoolExecutor:
    """So many processes, which count as so many workers in the queue of runs."""
    # Forked ones would inherit the locks of this process, and hold them after its end.
    return Pool(workers, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(workers,))


class Pool(ProcessPoolExecutor):
    """Its processes do not hear Ctrl-C while they start."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        with _deaf():  # a process that starts here is so too, until it has a session of its own
            return super().submit(fn, *args, **kwargs)


def train_for(folder: str, token: str) -> None:
    """Train the run in this folder as long as somebody holds the lock of the file `token`.

    How it went is in the run's status. One that another process trains is left to that. One that is over stays as it
    is: a cluster calls again what a worker had finished, when that worker is gone.
    """
    run = open_run(Path(folder))
    if run.status().state in ENDED:
        return
    shutdown, done = Shutdown(), threading.Event()

    def watch() -> None:
        while not done.wait(LOOK_SECONDS):
            if not is_held(Path(token)):
                shutdown.requested = True
                return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        with contextlib.suppress(RunError):
            for _ in train_run(run, shutdown):
                pass
    finally:
        done.set()
        watcher.join()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C is heard afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(workers: int) -> None:
    """In each new process."""
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C in the terminal is for the one that made the pool, which lets its runs go in order
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one that came before is forgotten
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ["DIGITS_WORKERS"] = str(workers)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def leave() -> None:
        parent.join()
        while True:  # a run that trains takes the first one as a sign to save and leave
            signal.raise_signal(signal.SIGTERM)
            time.sleep(LOOK_SECONDS)

    threading.Thread(target=leave, daemon=True).start()
