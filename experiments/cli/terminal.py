"""Terminal: a run's progress, as a bar for people and as plain lines for pipes and files; numbers people can read."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from experiments.runs.run import Status

LINE_SECONDS = 2.0
EPOCH_LINES = 20  # of a long run, not every epoch gets a line


def follow(statuses: Iterable[Status], out: TextIO) -> Status:
    """Show a run while it goes on; -> its last status."""
    with Bar(out) if out.isatty() else Lines(out) as progress:
        for status in statuses:
            progress.show(status)
    return status


class Lines:
    """A line per epoch, or every two seconds, each out at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._state = ""
        self._epoch = 0.0
        self._last = time.monotonic()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, status: Status) -> None:
        if status.state != "running":
            if (waiting := waiting_text(status)) and waiting != self._state:
                self._print(waiting)
            self._state = waiting
            return
        if self._state != "running":
            self._state, self._last = "running", time.monotonic()
        # An epoch's line comes with its validation, not before.
        epoch = status.validation_epoch or 0.0
        step = max(1.0, status.epochs / EPOCH_LINES)
        if epoch >= self._epoch + step or (status.step == status.total_steps and epoch > self._epoch):
            self._epoch = epoch
        elif time.monotonic() < self._last + LINE_SECONDS:
            return
        if status.step:
            self._print(
                "  ".join([f"epoch {status.epoch:.4g}/{status.epochs:.4g}", *step_parts(status), *parts(status)])
            )

    def draw(self, _share: float, words: str, below: str) -> None:
        """A line every two seconds, for progress of any kind."""
        if time.monotonic() >= self._last + LINE_SECONDS:
            self._print("  ".join(filter(None, [words, below])))

    def _print(self, line: str) -> None:
        print(line, file=self._out, flush=True)
        self._last = time.monotonic()


class Bar:
    """A progress bar with the numbers below it."""

    def __init__(self, out: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(file=out, highlight=False), auto_refresh=False)

    def __enter__(self) -> Bar:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, status: Status) -> None:
        words = "  ".join(step_parts(status)) or waiting_text(status)
        below = "  ".join(parts(status))
        self.draw(status.progress, words, waiting_text(status) if status.state in ("queued", "paused") else below)

    def draw(self, share: float, words: str, below: str) -> None:
        """Progress of any kind: how much of it is done, 0 to 1, and what there is to say."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        line = Table.grid(padding=(0, 2))
        line.add_row(ProgressBar(1.0, share, width=30), f"{100 * share:.0f} %", words)
        self._live.update(Group(line, Text(below or " ", overflow="ellipsis", no_wrap=True)), refresh=True)


def waiting_text(status: Status) -> str:
    if status.state == "queued":
        return f"Waiting for its turn, place {status.place} in the queue." if status.place else "Starting."
    return f"Paused at step {status.step:,}." if status.state == "paused" else ""


def step_parts(status: Status) -> list[str]:
    """How far, and how long still."""
    if not status.total_steps:
        return []
    left = [f"{duration(status.seconds_left)} left"] if status.seconds_left is not None else []
    return [f"step {status.step:,} of {status.total_steps:,}", *left]


def parts(status: Status) -> list[str]:
    """How fast, and how well."""
    found = []
    if status.images_per_second:
        found.append(f"{status.images_per_second:,.0f} images/s")
    if status.train_loss is not None:
        found += [f"loss {status.train_loss:.4f}", f"accuracy {percent(status.train_accuracy)}"]
    if status.validation_accuracy is not None:
        found.append(f"validation {percent(status.validation_accuracy)}")
    return found


def width(out: TextIO) -> int | None:
    """Characters in a line of this terminal; None for a file or a pipe, where lines may be of any length."""
    return shutil.get_terminal_size().columns if out.isatty() else None


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
