"""Launch: start a process on a job folder, and the main function of such a process.

A module whose process works on a job has a function `main`, and `launch(main, folder)` starts it:

    def main() -> int:
        return worker_main(lambda folder, shutdown: run_search(Search(folder)))

    if __name__ == "__main__":
        sys.exit(main())
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

from experiments.jobs.record import JobError
from experiments.jobs.shutdown import Shutdown

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
    products.
    """
    module = main.__module__
    root = Path(__file__).resolve().parents[2]
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    # Standard input of the process ends when this one does, for whatever reason: its sign to save
    # and leave. The pipe is a bare descriptor, not an object, which could be collected, or lost
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
    except OSError:
        os.close(write_end)
        raise
    finally:
        os.close(read_end)

    def wait_for_exit() -> None:
        worker.wait()
        os.close(write_end)

    threading.Thread(target=wait_for_exit, name=f"{module} on {folder.name}", daemon=True).start()


def worker_main(work: Callable[[Path, Shutdown], Generator[object, None, None]]) -> int:
    """The main function of a process that `launch` starts: works on the folder of the command line.

    The work is interrupted when the process is asked to end. -> exit status: 2 where the work
    raises a JobError, whose message is printed, and so stands in log.txt.
    """
    parser = argparse.ArgumentParser(description="Work on a job: the process that digits and the dashboard start.")
    parser.add_argument("folder", type=Path, help="the job to work on")
    parser.add_argument("--with-parent", action="store_true", help="leave when standard input ends")
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
