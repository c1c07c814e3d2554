"""Trainer: trains runs of a sweep in warm processes or on a cluster, and starts those again whose
process was lost.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from experiments.jobs.launch import Shutdown
from experiments.jobs.record import is_held
from experiments.runs.run import ENDED, Run, RunError, Status, open_run
from experiments.sweeps.space import SweepError
from experiments.training.worker import train_run

POLL_SECONDS = 0.1  # between two checks whether the runs are still wanted
CLOSE_SECONDS = 10.0  # that a cluster may take to stop its runs
ATTEMPTS = 3  # times that the process of a run may be lost without a step done


@dataclass(eq=False)
class Training:
    """A run that trains here, or that another process trains."""

    run: Run
    step: int = 0
    """The step at which it was started last."""
    attempts: int = 0
    """Starts since it last made a step."""
    status: Status | None = None
    """Its last status once it has ended."""


class Trainer:
    """Trains up to `workers` runs at once: in processes of this machine, or on the executor of a
    cluster.

    They train as long as this process holds the lock of the file `token`, which all of them can
    see.
    """

    def __init__(self, token: Path, workers: int, executor: Executor | None = None) -> None:
        self.token, self.workers = token, workers
        self._executor, self._is_cluster = executor, executor is not None
        self.training: dict[Future[None], Training] = {}
        self._elsewhere: list[Training] = []
        self._ended: list[Training] = []

    @property
    def has_room(self) -> bool:
        """Whether a worker has nothing to do."""
        return len(self.training) + len(self._elsewhere) < self.workers

    def is_training(self, training: Training) -> bool:
        """Whether a run trains here, not in another process."""
        return training in self.training.values()

    def start(self, training: Training) -> None:
        """Train a run from where it is. One that another process trains is waited for."""
        run, status = training.run, status_of(training.run)
        if status.state in ENDED:
            training.status = status
            self._ended.append(training)
        elif run.is_alive():
            self._elsewhere.append(training)
        else:
            if status.pid or training.attempts:
                try:
                    run.enqueue()
                except RunError:  # another process has begun to train it, or it was deleted
                    self._elsewhere.append(training)
                    return
            training.step = status.step
            self.training[self._submit(run)] = training

    def wait(self, seconds: float) -> None:
        """Wait until a training ends, at most this long."""
        if self.training:
            wait(self.training, 0 if self._ended else seconds, FIRST_COMPLETED)
        elif not self._ended:
            time.sleep(seconds)

    def collect(self, *, restart: bool) -> list[Training]:
        """The trainings that have ended since the last call.

        Those whose process was lost start again if `restart`.
        """
        ended, self._ended = self._ended, []
        left: list[tuple[Training, BaseException | None]] = []
        for future in [future for future in self.training if future.done()]:
            left.append((self.training.pop(future), None if future.cancelled() else future.exception()))
        left += [(training, None) for training in self._elsewhere if not training.run.is_alive()]
        self._elsewhere = [training for training in self._elsewhere if (training, None) not in left]
        for training, error in left:
            status = status_of(training.run)
            training.attempts = 1 if status.step > training.step else training.attempts + 1
            if status.state not in ENDED and training.attempts > ATTEMPTS:
                reason = f"Its process was lost {ATTEMPTS} times: {error or 'see log.txt in its folder'}."
                status = replace(status, state="failed", reason=reason)
            if status.state in ENDED:
                training.status = status
                ended.append(training)
            elif restart:
                self.start(training)
        return ended

    def close(self) -> None:
        """Wait until all trainings have stopped, once the token's lock is released."""
        # A cluster may have lost the machines that would notice it.
        _, lost = wait(self.training, CLOSE_SECONDS if self._is_cluster else None)
        for future in lost:
            future.cancel()
        if self._executor is not None and not self._is_cluster:
            self._executor.shutdown()

    def _submit(self, run: Run) -> Future[None]:
        if self._executor is None:
            self._executor = start_pool(self.workers)
        try:
            with _ctrl_c_blocked():  # a process that starts here inherits this until `_initialize`
                return self._executor.submit(train_for, str(run.folder), str(self.token))
        except BrokenProcessPool:  # one of its processes was killed
            self._executor = None
            return self._submit(run)
        except Exception as error:
            if not self._is_cluster:
                raise
            raise SweepError(f"The cluster is gone: {error} Start it again, and continue this sweep.") from error


def status_of(run: Run) -> Status:
    """The status of a run; a deleted one counts as stopped."""
    try:
        return run.status()
    except RunError:
        return Status("stopped", "Its run was deleted.")


def train_for(folder: str, token: str) -> None:
    """Train the run in this folder as long as another process holds the lock of the file `token`.

    Its status tells how it ended. Nothing happens to a run that another process trains, or that has
    ended: a cluster that loses a worker calls this again for the runs which that worker had
    finished.
    """
    run = open_run(Path(folder))
    if run.status().state in ENDED:
        return
    shutdown, done = Shutdown(), threading.Event()

    def watch() -> None:
        while not done.wait(POLL_SECONDS):
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


def start_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of processes, which count as that many workers in the queue of runs."""
    # Forked processes would inherit the locks of this one, and hold them after its end.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, context, initializer=_initialize, initargs=(workers,))


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Delay Ctrl-C until the end."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _initialize(workers: int) -> None:
    """Prepare a new process of a pool."""
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C in the terminal reaches the driver only, which stops its runs in order
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # discards a Ctrl-C that came before
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    os.environ["DIGITS_WORKERS"] = str(workers)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def leave_with_parent() -> None:
        parent.join()
        while True:  # a run that trains saves its checkpoint at the first signal, and then ends
            signal.raise_signal(signal.SIGTERM)
            time.sleep(POLL_SECONDS)

    threading.Thread(target=leave_with_parent, daemon=True).start()
