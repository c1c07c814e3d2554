"""Make disks, processes, clocks and databases fail: each fault has a promise, which is tested.

The docstring of each fault is its promise.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from experiments.jobs.full_disk import DISK_FULL
from experiments.jobs.halted import HALTED
from experiments.runs import control
from experiments.runs.run import Run, RunError, create_run
from experiments.sweeps import SweepSpec, create_sweep, start_sweep
from reliability.fault_places import (
    NotPossible,
    expect,
    expect_same,
    fill,
    grow,
    has_failed,
    have_begun,
    have_stopped,
    list_stored,
    make_read_only,
    runs_of,
    small_disk,
    stop_all,
    store_until_refused,
    variables,
)
from reliability.kill_runs import DENSE, SHORT, drive, train, trained
from reliability.postgres import NoServer, halted, postgres_server
from reliability.processes import (
    CampaignError,
    Child,
    in_child,
    orphans,
    own_folder,
    run_in_own_environment,
    wait_until,
)

Fault = Callable[[Path], None]
ENDLESS = SHORT.replace(steps=1_000_000)
JUMP = 3600.0  # seconds by which the clock jumps, forwards or backwards
MEMORY = 64 << 20  # bytes that a worker may still allocate


def full_disk(folder: Path) -> None:
    """A training on a full disk ends with "The disk is full", and resumes exactly with more space.

    A drawing that finds no space is refused with a sentence, and those stored before stay.
    """
    whole = trained(create_run(DENSE))
    with small_disk(folder / "disk") as disk:
        drawings = disk / "drawings.csv"
        with variables(DIGITS_RUNS=str(disk), DIGITS_DRAWINGS=str(drawings)):
            stored = in_child(partial(store_until_refused, 1, 0))
            run = create_run(DENSE)
            in_child(partial(train, run.folder, True))
            expect((run.status().state, run.status().reason) == ("failed", DISK_FULL), f"{run.status()}")
            fill(disk / "filler")
            refused = in_child(partial(store_until_refused, 2000, 1))
            expect(any("refused:" in line for line in refused), "no drawing was refused on a full disk")
            grow(disk)
            (disk / "filler").unlink()
            run.enqueue()
            in_child(partial(train, run.folder, False))
            expect_same(run, whole)
            kept = in_child(list_stored)
            lost = {line for line in [*stored, *refused] if "refused:" not in line} - set(kept)
            expect(not lost, f"{len(lost)} drawings were lost on a full disk")


def read_only_folder(folder: Path) -> None:
    """Where nothing can be written, a new run and a drawing are refused with a sentence."""
    places = variables(DIGITS_RUNS=str(folder / "locked"), DIGITS_DRAWINGS=str(folder / "locked" / "drawings.csv"))
    with small_disk(folder / "locked") as disk, places:
        run = trained(create_run(SHORT.replace(hidden=(4,), epochs=1)))
        make_read_only(disk)
        try:
            create_run(SHORT)
            raise CampaignError("A run was made in a read-only folder.")
        except RunError as error:
            expect("cannot be saved" in str(error), str(error))
        refused = in_child(partial(store_until_refused, 1, 0))
        expect("refused:" in refused[0], "a drawing was stored in a read-only folder")
        expect(run.status().state == "finished" and len(run.history()) > 0, "a run cannot be read any more")


def slow_disk(_folder: Path) -> None:
    """On a disk where each write takes 0.3 s, a run trains to the same end and is stopped soon."""
    whole = trained(create_run(SHORT))

    def train_slowly(run: Run, _send: object) -> None:
        flush = os.fsync
        os.fsync = lambda file: (time.sleep(0.3), flush(file))[1]  # type: ignore[assignment,func-returns-value]
        train(run.folder, True)

    run = create_run(SHORT)
    in_child(partial(train_slowly, run))
    expect_same(run, whole)
    endless = create_run(ENDLESS)
    child = Child(partial(train_slowly, endless))
    wait_until(lambda: endless.status().step, "a step")
    endless.request("stop")
    expect(child.ended_within(5.0), "a run on a slow disk did not stop within 5 s")
    expect(endless.status().state == "stopped", f"{endless.status()}")


def halted_worker(_folder: Path) -> None:
    """The status of a halted worker says so, other runs go on, and SIGCONT continues the run."""
    run, other = create_run(ENDLESS), create_run(ENDLESS)
    children = [Child(partial(train, each.folder, False)) for each in (run, other)]
    wait_until(lambda: run.status().step and other.status().step, "both runs to train")
    os.kill(children[0].pid, signal.SIGSTOP)
    wait_until(lambda: run.status().reason == HALTED, "the status to tell it", 10)
    step = other.status().step
    wait_until(lambda: other.status().step > step, "the other run to go on", 10)
    expect(trained(create_run(SHORT)).status().state == "finished", "a new run did not train meanwhile")
    step = run.status().step
    os.kill(children[0].pid, signal.SIGCONT)
    wait_until(lambda: run.status().step > step and not run.status().reason, "the run to go on", 10)
    stop_all([run, other], children)


def halted_driver(_folder: Path) -> None:
    """The status of a sweep tells that its driver is halted; runs go on, and so does it later."""
    sweep = create_sweep(SweepSpec("halted", SHORT, {"learning_rate": (0.001, 0.01, 0.1)}, sampler="grid", workers=1))
    child = Child(partial(drive, sweep.id))
    wait_until(lambda: sweep.status().running, "a trial")
    os.kill(child.pid, signal.SIGSTOP)
    wait_until(lambda: sweep.status().reason == HALTED, "the status to tell it", 10)
    expect(trained(create_run(SHORT)).status().state == "finished", "a new run did not train meanwhile")
    os.kill(child.pid, signal.SIGCONT)
    expect(child.ended_within(60.0), "the sweep did not go on")
    expect((sweep.status().state, sweep.status().done) == ("finished", 3), f"{sweep.status()}")


def no_memory(_folder: Path) -> None:
    """A worker without memory, or killed for it, ends with a sentence, and it can be resumed."""
    large = create_run(DENSE.replace(hidden=(2048, 2048, 2048), batch_size=0))

    def train_within_limit(_send: object) -> None:
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        train(large.folder, False)

    in_child(train_within_limit)
    expect(large.status().state == "failed" and "memory" in large.status().reason, f"{large.status()}")
    run, whole = create_run(SHORT.replace(epochs=10)), trained(create_run(SHORT.replace(epochs=10)))
    child = Child(partial(train, run.folder, True))
    wait_until(lambda: run.status().step, "a step")
    child.kill()  # as the system does it
    expect(run.status().state in ("interrupted", "finished"), f"{run.status()}")
    in_child(partial(train, run.folder, False))
    expect_same(run, whole)


def clock_jumps(_folder: Path) -> None:
    """A clock that jumps by an hour in both directions changes no result and holds up no run."""
    whole = trained(create_run(SHORT))
    run = create_run(SHORT)

    def train_with_jumps(_send: object) -> None:
        now, jumps = time.time, random.Random(0)
        time.time = lambda: now() + jumps.choice((-JUMP, 0.0, JUMP))
        train(run.folder, True)

    in_child(train_with_jumps)
    expect_same(run, whole)
    early = create_run(SHORT)  # queued before the clock was set back by an hour
    early.write_status(replace(early.stored(), updated=time.time() + JUMP, queued=time.time() + JUMP))
    expect(early.status().state == "interrupted", f"{early.status()}")
    control.resume(early)
    wait_until(lambda: early.status().state == "finished", "a run to train that was queued in the future")


def database_outage_while_drawing(_folder: Path) -> None:
    """A drawing waits for a database that does not answer, and is then stored once.

    If the database is gone, a sentence says that the drawing is not stored.
    """
    with postgres_server() as server, variables(DIGITS_DATABASE=server.address):
        before = in_child(partial(store_until_refused, 3, 0))
        with halted(server):
            child = Child(partial(store_until_refused, 1, 100))
            expect(not child.ended_within(3.0), "a drawing was reported while the database did not answer")
        expect(child.ended_within(30.0), "a drawing was not stored after the database answered again")
        after = in_child(list_stored)
        expect(sorted([*before, *child.lines()]) == sorted(after), f"{after} are stored")
        server.process.send_signal(signal.SIGINT)
        server.process.wait(30)
        began = time.monotonic()
        refused = in_child(partial(store_until_refused, 1, 200))
        expect("cannot be reached" in refused[0], f"{refused}")
        expect(time.monotonic() - began < 20, "the sentence came late")


def database_outage_during_a_sweep(_folder: Path) -> None:
    """A sweep waits for a database that does not answer, and can be stopped at once meanwhile.

    If the database is gone, the sweep ends with a sentence and its runs at a checkpoint.
    """
    space: dict[str, Any] = {"learning_rate": (0.001, 0.01)}
    with postgres_server() as server:
        short = create_sweep(SweepSpec("outage", SHORT, space, sampler="grid", workers=1), server.address)
        child = Child(partial(drive, short.id))
        wait_until(lambda: short.status().running, "a trial")
        with halted(server):
            time.sleep(3.0)
        expect(child.ended_within(120.0), "the sweep did not go on")
        expect((short.status().state, short.status().done) == ("finished", 2), f"{short.status()}")
        for name in ("asked to stop", "abandoned"):
            sweep = start_sweep(SweepSpec(name, ENDLESS, space, sampler="grid", workers=2), server.address)
            wait_until(partial(have_begun, sweep.id, 2), "the runs")
            if name == "asked to stop":
                with halted(server):
                    began = time.monotonic()
                    sweep.request_stop()
                    expect(time.monotonic() - began < 2, "a page would have waited for the database")
                    wait_until(partial(have_stopped, sweep.id), "the runs to stop", 20)
            else:
                server.process.send_signal(signal.SIGINT)
                server.process.wait(30)
                wait_until(partial(has_failed, sweep), "the sweep to end")
                expect("does not answer" in sweep.status().reason, sweep.status().reason)
            wait_until(partial(have_stopped, sweep.id), "the runs to stop", 20)
            expect(all(run.last.exists() for run in runs_of(sweep.id)), "a run has no checkpoint")


FAULTS: dict[str, Fault] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        full_disk,
        read_only_folder,
        slow_disk,
        halted_worker,
        halted_driver,
        no_memory,
        clock_jumps,
        database_outage_while_drawing,
        database_outage_during_a_sweep,
    )
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--only", choices=FAULTS, action="append", help="this fault only; can be repeated")


def run(arguments: argparse.Namespace) -> int:
    """Try each fault; -> 1 if a promise was broken."""
    folder = own_folder()
    if folder is None:
        only = [part for name in arguments.only or () for part in ("--only", name)]
        return run_in_own_environment(["faults", *only])
    broken = 0
    for name in arguments.only or FAULTS:
        began = time.monotonic()
        try:
            FAULTS[name](folder)
            result = "kept"
        except (NoServer, NotPossible) as error:
            result = f"left out: {error}"
        except Exception as error:
            if not isinstance(error, CampaignError):
                traceback.print_exc()
            result = f"BROKEN: {error}"
        left = orphans()
        result = result if not left else f"BROKEN: {'; '.join(left)}"
        broken += result.startswith("BROKEN")
        promise = " ".join((FAULTS[name].__doc__ or "").split())
        print(f"{name} ({time.monotonic() - began:.0f} s): {result}\n    {promise}", flush=True)
    print(f"{broken} broken promises")
    return 1 if broken else 0
