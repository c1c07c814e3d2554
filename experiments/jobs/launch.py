"""Jobs: start, steer and resume workers, each a process of its own that goes when the one that started it goes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from experiments.runs.config import RunConfig
from experiments.runs.run import Run, RunError, create_run

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def worker_limit() -> int:
    """How many runs train at once on this machine: one core stays free for the dashboard. DIGITS_WORKERS changes it."""
    try:
        return max(1, int(os.environ["DIGITS_WORKERS"]))
    except (KeyError, ValueError):
        return max(1, usable_cores() - 1)


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start(run: Run) -> None:
    """Start a worker on a queued run. It waits for its turn by itself."""
    if run.status().pid:
        raise RunError(f"The run {run.id} has had a worker: resume it.")
    _launch(run)


def start_training(config: RunConfig, *, name: str = "", start: Path | None = None) -> Run:
    """A new run and a worker on it; `start` is the checkpoint to continue from."""
    run = create_run(config, name=name, start=start)
    _launch(run)
    return run


def resume(run: Run) -> None:
    """Go on where the run is: a paused one keeps its worker, one without gets a new one at its last checkpoint."""
    status = run.status()
    if status.active:
        run.ask("run")
        return
    if status.state == "finished":
        raise RunError(f"The run {run.id} is finished: there is nothing to resume.")
    run.queue()
    _launch(run)  # it waits for the lock if the old worker is just leaving


def pause(run: Run) -> None:
    """Hold the run where it is and let another have its place; its process stays."""
    run.ask("pause")


def stop(run: Run) -> None:
    """End the run within half a second and keep its model; it can be resumed later."""
    run.ask("stop")


def set_learning_rate(run: Run, rate: float | None) -> None:
    """Hold this learning rate from the next step on; None goes back to the schedule."""
    run.ask(learning_rate=rate)


def launch(module: str, folder: Path, threads: int = 1) -> None:
    """Start a process on a folder that leaves when this one does; what it says goes to log.txt there."""
    root = Path(__file__).resolve().parents[2]
    variables = dict.fromkeys(THREAD_VARIABLES, str(threads))
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    # The process's standard input ends when this one does, however it does: its sign to save and leave.
    # Bare descriptors, not objects: nothing that is collected or reloaded here may close the pipe of a living worker.
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

    def see_off() -> None:
        worker.wait()
        os.close(write_end)

    threading.Thread(target=see_off, name=f"{module} on {folder.name}", daemon=True).start()


def _launch(run: Run) -> None:
    launch("experiments.training.worker", run.folder, run.config.threads)
