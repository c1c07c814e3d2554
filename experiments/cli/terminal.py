"""Terminal: messages, tables and progress, for people at a terminal and for pipes and files."""

from __future__ import annotations

import math
import shutil
import sys
import time
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple, TextIO, TypeVar

from experiments.formats import NO_BREAK, duration, percent

if TYPE_CHECKING:
    from experiments.runs.run import Status

LINE_SECONDS = 2.0  # between two lines of progress in a pipe
EPOCH_LINES = 20  # a longer run does not get a line for every epoch
UNLIMITED = 10**6  # characters in a line of a file or a pipe

S = TypeVar("S")


def write(*lines: str, out: TextIO | None = None) -> None:
    """Print lines at once, with ordinary spaces instead of the no-break spaces of numbers."""
    print(plain("\n".join(lines)), file=out or sys.stdout, flush=True)


def warn(sentence: str) -> None:
    """Print a sentence as one line on standard error."""
    write(f"digits: {' '.join(sentence.split())}", out=sys.stderr)


def plain(text: str) -> str:
    """The text with ordinary spaces, which people can search for."""
    return text.replace(NO_BREAK, " ")


def terminal_width() -> int | None:
    """Characters in a line of this terminal; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def table_lines(headings: Sequence[str], rows: Sequence[Sequence[str]], left: Collection[str] = ()) -> list[str]:
    """A table as lines of text. Columns are aligned right, those with a heading in `left` left."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(Text(heading), justify="left" if heading in left else "right", vertical="bottom", no_wrap=True)
    # All lines of a column in one cell: Rich arranges 500 rows in a quarter of the time.
    if rows:
        table.add_row(*(Text("\n".join(cells)) for cells in zip(*rows, strict=True)))
    console = Console(width=UNLIMITED, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in plain(capture.get()).splitlines()]


class Progress(NamedTuple):
    """Progress of a job: the share that is done (0 to 1), how far it is, and its results so far.

    In a pipe, a new `event` gets a line at once, everything else one every two seconds.
    """

    share: float
    position: str
    results: str = ""
    event: str | int = ""
    line: str | None = None  # for a pipe; None: position and results


def follow(statuses: Generator[S, None, None], describe: Callable[[S], Progress], out: TextIO) -> S:
    """Show the progress of a job until it ends, and return its last status."""
    with closing(statuses):
        return (show_bar if out.isatty() else print_lines)(statuses, describe, out)


def show_bar(statuses: Iterable[S], describe: Callable[[S], Progress], out: TextIO) -> S:
    """Show a progress bar with the results below it, for people."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    with Live(console=Console(file=out, highlight=False), auto_refresh=False) as live:
        for status in statuses:
            progress = describe(status)
            bar = Table.grid(padding=(0, 2))
            bar.add_row(
                ProgressBar(1.0, progress.share, width=30), f"{100 * progress.share:.0f} %", plain(progress.position)
            )
            results = Text(plain(progress.results) or " ", overflow="ellipsis", no_wrap=True)
            live.update(Group(bar, results), refresh=True)
    return status


def print_lines(statuses: Iterable[S], describe: Callable[[S], Progress], out: TextIO) -> S:
    """Print a line for each event and every two seconds, for pipes and files."""
    event: str | int = ""
    last_line, last_time = "", time.monotonic()
    for status in statuses:
        progress = describe(status)
        line = progress.line
        if line is None:
            line = "  ".join(filter(None, [progress.position, progress.results]))
        is_due = time.monotonic() >= last_time + LINE_SECONDS
        if line and line != last_line and (is_due or (progress.event and progress.event != event)):
            write(line, out=out)
            last_line, last_time = line, time.monotonic()
        if not line:  # the two seconds begin when there is something to report
            last_time = time.monotonic()
        event = progress.event
    return status


def run_progress(status: Status) -> Progress:
    """The progress of a run: where it is, how fast it is and how good."""
    if status.state in ("queued", "paused"):
        waiting = f"Paused at step {status.step:,}."
        if status.state == "queued":
            waiting = f"Waiting for its turn, place {status.place} in the queue." if status.place else "Starting."
        return Progress(status.progress, _position(status) or waiting, waiting, event=waiting, line=waiting)
    results = []
    if status.images_per_second:
        results.append(f"{status.images_per_second:,.0f} images/s")
    if status.train_loss is not None:
        results += [f"loss {status.train_loss:.4f}", f"accuracy {percent(status.train_accuracy)}"]
    if status.validation_accuracy is not None:
        results.append(f"validation {percent(status.validation_accuracy)}")
    text, position = "  ".join(results), _position(status)
    is_running = status.state == "running" and status.step
    line = f"epoch {status.epoch:.4g}/{status.epochs:.4g}  {position}  {text}" if is_running else ""
    return Progress(status.progress, position, text, event=_epochs_reached(status), line=line)


def _position(status: Status) -> str:
    """The step and the time left, once the number of steps is known."""
    if not status.total_steps:
        return ""
    left = "" if status.seconds_left is None else f"  {duration(status.seconds_left)} left"
    return f"step {status.step:,} of {status.total_steps:,}{left}"


def _epochs_reached(status: Status) -> int:
    """The number of epochs that were validated, of a long run the number of its twentieths."""
    validated = (status.validation_epoch or 0.0) / max(1.0, status.epochs / EPOCH_LINES)
    has_ended = status.step == status.total_steps and (status.validation_epoch or 0.0) >= status.epoch
    return math.ceil(validated) if has_ended else math.floor(validated)
