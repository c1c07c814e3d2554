"""Launch: start a process on a job folder, its main function, and how it notices its shutdown.

A module whose process works on a job has a function `main`, and `launch(main, folder)` starts it:

    def main() -> int:
        return worker_main(lambda folder, shutdown: run_search(Search(folder)))

    if __name__ == "__main__":
        sys.exit(main())
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType

from experiments.jobs.record import JobError, sentence_of

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def worker_limit() -> int:
    """How many runs train at once on this machine: one core stays free for the dashboard.

    DIGITS_WORKERS changes it.
    """
    try:
        return max(1, int(os.environ["DIGITS_WORKERS"]))
    except (KeyError, ValueError):
        return max(1, usable_cores() - 1)


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def launch(main: Callable[[], int], folder: Path, *, threads: int = 1) -> None:
    """Run the module of this main function on a folder, in a process that ends when this one does.

    What the process prints goes to log.txt in the folder. `threads` limits those of its matrix
    products. Raises JobError where the process cannot be started.
    """
    module = main.__module__
    root = Path(__file__).resolve().parents[2]
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    # Standard input of the process ends when this one does, for any reason: the sign to save
    # and to end. The pipe is a bare descriptor, not an object, which could be collected, or lost
    # when Streamlit reloads this module.
    read_end, write_end = os.pipe()
    try:
        with (folder / "log.txt").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", module, "--with-parent", str(folder)],
                stdin=read_end,
                stdout=log,
                stderr=log,
                env={**os.environ, **variables, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C in the server's terminal reaches it through the pipe, in order
            )
    except OSError as error:
        os.close(write_end)
        raise JobError(f"No process can be started for {folder.name}: {sentence_of(error)}") from error
    finally:
        os.close(read_end)

    def wait_for_exit() -> None:
        worker.wait()
        os.close(write_end)

    threading.Thread(target=wait_for_exit, name=f"{module} on {folder.name}", daemon=True).start()


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


def worker_main(work: Callable[[Path, Shutdown], Generator[object, None, None]]) -> int:
    """The main function of a process that `launch` starts: works on the folder of the command line.

    The work is interrupted when the process is asked to end. -> exit status: 2 where the work
    raises a JobError, whose message is printed, and so stands in log.txt.
    """
    parser = argparse.ArgumentParser(description="Work on a job: the process that digits and the dashboard start.")
    parser.add_argument("folder", type=Path, help="the job to work on")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args()
    shutdown = Shutdown()
    with shutdown.noticed():
        if arguments.with_parent:
            shutdown.watch_parent()
        try:
            with closing(work(arguments.folder.absolute(), shutdown)) as steps:
                for _ in steps:
                    if shutdown.requested:
                        break
        except JobError as error:
            print(error, file=sys.stderr)
            return 2
    return 0
