"""Kills of programs that store drawings, and of the server of the dashboard."""

from __future__ import annotations

import itertools
import os
import random
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataset import append_drawing, load_drawings
from dataset.sql_storage import open_database  # imported here, so that forked programs start at once
from model.rng import Purpose, rng
from reliability.outcome import Outcome
from reliability.processes import CampaignError, Child, in_child, wait_until

WRITERS = 3  # programs that store drawings at the same time
ROOT = Path(__file__).resolve().parent.parent


def image_of(number: int) -> NDArray[np.uint8]:
    """The random image of this number."""
    return rng(number, Purpose.NOISE).integers(0, 256, (28, 28), dtype=np.uint8)


def store(first: int, send: Callable[[str], None]) -> None:
    """Store one drawing after the other, and report the number of each that is stored."""
    for number in itertools.count(first):
        append_drawing(image_of(number), number % 10, session=str(number))
        send(str(number))


def kill_writers(place: str, kills: int, moments: random.Random, outcome: Outcome) -> None:
    """Kill one of several programs that store drawings in the same place, again and again.

    `place`: the path of a CSV file or the address of a database. Each drawing that was reported as
    stored must be there, once, with its image.
    """
    name = "DIGITS_DATABASE" if "://" in place else "DIGITS_DRAWINGS"
    before = os.environ.get(name)
    open_database.cache_clear()  # forked programs open it themselves
    os.environ[name] = place
    try:
        acknowledged, begun = set(), itertools.count()
        writers = [Child(partial(store, next(begun) * 1_000_000)) for _ in range(WRITERS)]
        while outcome.kills < kills:
            number = moments.randrange(len(writers))
            time.sleep(moments.uniform(0.0, 0.5))
            if writers[number].ended_within(0.0):
                raise CampaignError(f"A program that stores drawings ended by itself, in {place}.")
            writers[number].kill()
            outcome.kills += 1
            acknowledged |= set(writers[number].lines())
            writers[number] = Child(partial(store, next(begun) * 1_000_000))
        for writer in writers:
            writer.kill()
            acknowledged |= set(writer.lines())
        outcome.acknowledged += len(acknowledged)
        outcome.compared += 1
        starts = next(begun)
        outcome.check(in_child(partial(check_stored, acknowledged, starts)))
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def check_stored(acknowledged: set[str], starts: int, send: Callable[[str], None]) -> None:
    """Report each acknowledged drawing that is missing, doubled, damaged or changed."""
    drawings = load_drawings()
    stored = drawings.session.tolist()
    if len(stored) != len(set(stored)):
        send("a drawing is stored twice")
    if drawings.damaged:
        send(f"{drawings.damaged} rows are damaged")
    if len(stored) > len(acknowledged) + starts:  # a program may be killed before its last report
        send(f"{len(stored)} drawings are stored, {len(acknowledged)} were reported by {starts} programs")
    for lost in sorted(acknowledged - set(stored)):
        send(f"drawing {lost} was reported as stored and is not there")
    for session, image, label in zip(stored, drawings.digits.images, drawings.digits.labels, strict=True):
        if label != int(session) % 10 or not np.array_equal(image, image_of(int(session))):
            send(f"drawing {session} is not as it was stored")


def kill_server(kills: int, moments: random.Random, outcome: Outcome) -> None:
    """Kill the server of the dashboard while it starts or serves. Then it must serve again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    while outcome.kills < kills:
        server = start_server(port)
        time.sleep(moments.uniform(0.0, 5.0))
        server.kill()
        server.wait()
        outcome.kills += 1
    server = start_server(port)
    try:
        wait_until(partial(is_healthy, port), "the server to serve again")
    finally:
        server.terminate()
        server.wait(20)
    outcome.compared += 1


def start_server(port: int) -> subprocess.Popen[bytes]:
    """Start the dashboard on this port."""
    streamlit = Path(sys.executable).with_name("streamlit")
    command: list[str | Path] = [
        streamlit,
        "run",
        "dashboard/app.py",
        "--server.address=127.0.0.1",
        f"--server.port={port}",
    ]
    return subprocess.Popen(
        [*command, "--server.headless=true"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def is_healthy(port: int) -> bool:
    """Whether the server on this port answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
