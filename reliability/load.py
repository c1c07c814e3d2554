"""Load: many visitors draw and watch a training at once, and each gets the answer to their drawing.

Before the load, one session alone sends every drawing and notes its answer and the pictures of its
stages. Under load each visitor sends drawings in another order and compares.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from experiments.runs.config import RunConfig
from experiments.runs.control import start_training, stop
from reliability.client import Drawn, Session, session
from reliability.server import Server, serve

SIDE = 280  # pixels of the canvas
DRAWINGS = 40  # different ones
MEDIAN_MS, MOST_MS = 100.0, 500.0  # the goals: of the median, and of 95 %
MOST_GROWTH = 50.0  # megabytes that the server may grow while visitors draw for hours
SETTLE_SECONDS = 130.0  # after which Streamlit has forgotten the visitors who left


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the campaign."""
    parser.add_argument("--sessions", type=int, default=50, help="visitors who draw (default: 50)")
    parser.add_argument("--watching", type=int, default=0, help="further visitors who watch a training (default: 0)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they draw (default: 60)")
    parser.add_argument("--hours", type=float, default=0.0, help="the same in hours, for a soak")
    parser.add_argument("--every", type=float, default=3.0, help="seconds from one stroke to the next (default: 3)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawings and the order (default: 1)")


def run(arguments: argparse.Namespace) -> int:
    """Start a server, load it, and print the figures; -> 1 if a promise is broken."""
    is_soak = arguments.hours > 0
    seconds = 3600 * arguments.hours if is_soak else arguments.seconds
    plan = Plan(arguments.sessions, arguments.watching, seconds, arguments.every, arguments.seed)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        server = stack.enter_context(serve(folder))
        result = load(server, plan, stack.enter_context(training(folder)) if plan.watching else "")
    print(result.report())
    faults = result.faults(is_soak=is_soak)
    for fault in faults:
        print(f"FAILED: {fault}")
    print(f"Repeat it: {plan.command}" if faults else "All promises are kept.")
    return bool(faults)


@dataclass
class Usage:
    """Memory in megabytes, open files and threads of the server at one moment."""

    when: str
    memory: float
    descriptors: int
    threads: int


@dataclass
class Result:
    """All times in milliseconds, all errors, and the usage of the server."""

    seconds: float
    answers: list[float] = field(default_factory=list)  # from sending a drawing to its answer
    runs: list[float] = field(default_factory=list)  # from sending a drawing to the end of the script
    first: list[float] = field(default_factory=list)  # the first run of each visitor
    polls: list[float] = field(default_factory=list)  # a refresh of the training that is watched
    mixed: int = 0  # answers to another drawing
    errors: list[str] = field(default_factory=list)
    usage: list[Usage] = field(default_factory=list)

    def note(self, when: str, server: Server) -> None:
        """Note what the server uses now."""
        self.usage.append(Usage(when, server.memory, server.descriptors, server.threads))

    def report(self) -> str:
        """The figures as lines of a table in Markdown."""
        lines = ["| measured | number | median | 95 % | slowest |", "|---|---|---|---|---|"]
        for name, times in (
            ("answer to a stroke", self.answers),
            ("whole rerun after a stroke", self.runs),
            ("first run of a visitor", self.first),
            ("refresh of the watched training", self.polls),
        ):
            if times:
                figures = (statistics.median(times), share(times, 0.95), max(times))
                lines.append(f"| {name} | {len(times):,} | " + " | ".join(f"{one:,.0f} ms" for one in figures) + " |")
        lines += ["", "| server | memory | open files | threads |", "|---|---|---|---|"]
        lines += [f"| {u.when} | {u.memory:.0f} MB | {u.descriptors} | {u.threads} |" for u in self.usage]
        rate = 60 * len(self.answers) / self.seconds
        lines += ["", f"{rate:,.0f} drawings a minute, {self.mixed} mixed up, {len(self.errors)} errors."]
        return "\n".join([*lines, *self.errors[:5]])

    def faults(self, *, is_soak: bool = False) -> list[str]:
        """The promises that are broken."""
        found = [f"{self.mixed} answers belong to another drawing."] if self.mixed else []
        found += [f"{len(self.errors)} errors, the first: {self.errors[0]}"] if self.errors else []
        if not self.answers:
            return [*found, "No drawing was answered."]
        median, most = statistics.median(self.answers), share(self.answers, 0.95)
        if median > MEDIAN_MS or most > MOST_MS:
            found.append(f"median {median:.0f} ms, 95 % {most:.0f} ms; promised are {MEDIAN_MS:.0f} and {MOST_MS:.0f}.")
        *before, loaded, after = self.usage
        if after.descriptors > self.usage[0].descriptors + 10:
            found.append(f"{after.descriptors} open files after all have left, before {self.usage[0].descriptors}.")
        if is_soak and loaded.memory - before[min(2, len(before) - 1)].memory > MOST_GROWTH:  # a tenth has passed
            found.append(f"the memory grew to {loaded.memory:.0f} MB.")
        return found


def share(times: list[float], part: float) -> float:
    """The time that this part of all times does not exceed."""
    return sorted(times)[min(len(times) - 1, round(part * len(times)))]


def drawing(number: int) -> dict[str, Any]:
    """The value that the canvas sends after a stroke: a bent line, different for each number."""
    dice = random.Random(number)
    points = [(dice.randrange(40, 240), dice.randrange(40, 240)) for _ in range(dice.randrange(3, 6))]
    picture = Image.new("RGBA", (SIDE, SIDE), "black")
    ImageDraw.Draw(picture).line(points, "white", 20, "curve")
    file = BytesIO()
    picture.save(file, "PNG")
    path = [["M", *points[0]], *(["L", *point] for point in points[1:])]
    stroke = {"type": "path", "path": path, "stroke": "#ffffff", "strokeWidth": 20}
    url = "data:image/png;base64," + b64encode(file.getvalue()).decode()
    return {"drawing": {"raw": {"version": "5", "objects": [stroke]}, "data": url}}


def marks(drawn: Drawn) -> tuple[str, ...]:
    """All that depends on the drawing: the answer, the network input and the pictures of stages."""
    return drawn.answer, *drawn.images, *(text for text in drawn.texts if "data:image" in text)


@dataclass(frozen=True)
class Plan:
    """How many visitors draw and how many watch, for how long, and how often they draw."""

    sessions: int = 50
    watching: int = 0
    seconds: float = 60.0
    every: float = 3.0
    seed: int = 1

    @property
    def command(self) -> str:
        """The command that repeats it."""
        return (
            f"python -m reliability load --sessions {self.sessions} --watching {self.watching} "
            f"--seconds {self.seconds:g} --every {self.every:g} --seed {self.seed}"
        )


class Crowd:
    """The visitors of one measurement."""

    def __init__(self, url: str, plan: Plan, result: Result) -> None:
        self.url, self.plan, self.result = url, plan, result
        self.every, self.seed = plan.every, plan.seed
        self.values = [drawing(plan.seed * 1000 + number) for number in range(DRAWINGS)]
        with session(url, "draw") as alone:
            self.expected = [marks(alone.send("canvas", value)) for value in self.values]
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.arrived = threading.Semaphore(0)

    def draw(self, number: int) -> None:
        """One visitor: a drawing every few seconds, until the load is stopped."""
        dice = random.Random(self.seed * 10_000 + number)
        with self._visitor(f"visitor {number}", "draw") as visitor:
            due = time.monotonic() + dice.random() * self.every
            while not self.stopped.wait(max(0.0, due - time.monotonic())):
                due = max(due, time.monotonic()) + self.every
                which = dice.randrange(DRAWINGS)
                drawn = visitor.send("canvas", self.values[which])
                with self.lock:
                    self.result.answers.append(1000 * (drawn.answered - drawn.began))
                    self.result.runs.append(1000 * (drawn.ended - drawn.began))
                    self.result.mixed += marks(drawn) != self.expected[which]

    def watch(self, run_id: str) -> None:
        """One visitor who looks at a training, which the page refreshes by itself."""
        with self._visitor("a watcher", "train", f"run={run_id}") as visitor:
            due = dict.fromkeys(visitor.polls, time.monotonic())
            while due:
                fragment = min(due, key=lambda one: due[one])
                if self.stopped.wait(max(0.0, due[fragment] - time.monotonic())):
                    return
                drawn = visitor.poll(fragment)
                due[fragment] = time.monotonic() + visitor.polls[fragment]
                with self.lock:
                    self.result.polls.append(1000 * (drawn.ended - drawn.began))

    @contextmanager
    def _visitor(self, who: str, page: str, query: str = "") -> Iterator[Session]:
        """A visitor of this page. The first run is measured, and an error is noted."""
        began, arrived = time.perf_counter(), False
        try:
            with session(self.url, page, query) as visitor:
                with self.lock:
                    self.result.first.append(1000 * (time.perf_counter() - began))
                self.arrived.release()
                arrived = True
                yield visitor
        except Exception as error:
            with self.lock:
                self.result.errors.append(f"{who}: {type(error).__name__}: {error}")
        finally:
            if not arrived:
                self.arrived.release()


def load(server: Server, plan: Plan, run_id: str = "") -> Result:
    """Let visitors come within a few seconds, draw, and leave; -> the figures.

    `run_id`: the training that some of them watch.
    """
    result = Result(plan.seconds)
    crowd = Crowd(server.url, plan, result)
    result.note("one visitor has left", server)
    threads = [threading.Thread(target=crowd.draw, args=(number,)) for number in range(plan.sessions)]
    threads += [threading.Thread(target=crowd.watch, args=(run_id,)) for _ in range(plan.watching)]
    for thread in threads:
        thread.start()
        time.sleep(plan.every / len(threads))  # nobody opens pages all at the same moment
    for _ in threads:
        crowd.arrived.acquire(timeout=120)
    began, next_note = time.monotonic(), plan.seconds / 10
    result.note("all visitors are there", server)
    while (passed := time.monotonic() - began) < plan.seconds:
        time.sleep(min(1.0, plan.seconds - passed))
        if passed > next_note >= 60:
            result.note(f"after {passed / 60:.0f} min", server)
        next_note += plan.seconds / 10 if passed > next_note else 0
    result.note(f"after {plan.seconds:g} s", server)
    crowd.stopped.set()
    for thread in threads:
        thread.join()
    time.sleep(SETTLE_SECONDS)
    with session(server.url, "draw"):
        pass  # only now does Streamlit remove the visitors whose time is over
    time.sleep(1.0)
    result.note(f"{SETTLE_SECONDS:g} s after all have left", server)
    return result


@contextmanager
def training(folder: Path) -> Iterator[str]:
    """A training that does not end, in a process of its own; -> the id of its run."""
    os.environ["DIGITS_RUNS"] = str(folder / "runs")
    run = start_training(RunConfig(data="mnist-5k", hidden=(64,), steps=1_000_000), name="watched")
    try:
        while run.status().step == 0:
            time.sleep(0.1)
        yield run.id
    finally:
        stop(run)
        while run.status().active:
            time.sleep(0.1)
