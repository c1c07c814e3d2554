"""Replicas: two servers behind one address share a database; one is killed while visitors draw.

No drawing that a visitor was told is stored may be lost, each server shows the drawings of the
other, and visitors of the killed server go on with the other one.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import tempfile
import threading
import time
from base64 import b64decode
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from websockets.exceptions import WebSocketException

from dataset.drawings import open_storage
from model import center_ink
from reliability.address import one_address
from reliability.client import Session, session
from reliability.load import drawing
from reliability.server import Server, serve

FAILURES = (WebSocketException, OSError, TimeoutError)
GIVE_UP = 30  # failed connections in a row


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the campaign."""
    parser.add_argument("--sessions", type=int, default=10, help="visitors who draw (default: 10)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long they draw (default: 20)")
    parser.add_argument("--seed", type=int, default=1, help="of the drawings (default: 1)")
    parser.add_argument("--database", default="", help="an empty PostgreSQL database (default: a server of its own)")


def run(arguments: argparse.Namespace) -> int:
    """Start two servers, load both, kill one, and compare; -> 1 if a drawing was lost."""
    with ExitStack() as stack:
        database = arguments.database
        if not database:
            from tests.postgres import server as postgres  # PostgreSQL must be installed

            database = stack.enter_context(postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        outcome = draw_and_kill(folder, database, arguments.sessions, arguments.seconds, arguments.seed)
    print(outcome.report())
    if outcome.faults():
        print(f"FAILED: {' '.join(outcome.faults())}")
        print(f"Repeat it: python -m reliability replicas --sessions {arguments.sessions} "
              f"--seconds {arguments.seconds:g} --seed {arguments.seed}")  # fmt: skip
    return bool(outcome.faults())


@dataclass
class Outcome:
    """The drawings that visitors were told are stored, and those that are."""

    acknowledged: list[bytes] = field(default_factory=list)  # their 28 x 28 pixels
    after_kill: int = 0  # acknowledged after one server was killed
    stored: list[bytes] = field(default_factory=list)
    broken: int = 0  # connections that ended because of the kill
    sees_other: bool = False  # whether a server showed the drawing that was stored through the other
    errors: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Acknowledged drawings that are not stored."""
        return sum((Counter(self.acknowledged) - Counter(self.stored)).values())

    def report(self) -> str:
        """The figures in a sentence."""
        return (
            f"{len(self.acknowledged)} drawings acknowledged ({self.after_kill} after the kill), {len(self.stored)} "
            f"stored, {self.lost} lost, {self.broken} connections broken, {len(self.errors)} errors."
        )

    def faults(self) -> list[str]:
        """The promises that are broken."""
        found = [f"{self.lost} acknowledged drawings are lost."] if self.lost else []
        found += [] if self.sees_other else ["A server does not show the drawings of the other."]
        found += [] if self.after_kill else ["No drawing was stored after the kill."]
        return found + self.errors[:3]


def draw_and_kill(folder: Path, database: str, sessions: int, seconds: float, seed: int) -> Outcome:
    """Let visitors draw through one address, and kill one of the two servers midway."""
    outcome = Outcome()
    with ExitStack() as stack:
        servers = [stack.enter_context(serve(folder, DIGITS_DATABASE=database)) for _ in range(2)]
        outcome.sees_other = _sees_other(servers[0], servers[1], outcome, seed)
        url = stack.enter_context(one_address([server.port for server in servers]))
        visitors = Visitors(url, outcome, seed)
        threads = [threading.Thread(target=visitors.draw, args=(number,)) for number in range(sessions)]
        for thread in threads:
            thread.start()
        time.sleep(seconds / 2)
        os.kill(servers[0].process.pid, signal.SIGKILL)
        before = len(outcome.acknowledged)
        time.sleep(seconds / 2)
        visitors.stopped.set()
        for thread in threads:
            thread.join()
        outcome.after_kill = len(outcome.acknowledged) - before
    storage = open_storage(database)
    with storage.reading() as log:
        outcome.stored = [image.tobytes() for image in log.images]
    storage.close()
    return outcome


class Visitors:
    """Visitors who draw and store one drawing after another, each a new one."""

    def __init__(self, url: str, outcome: Outcome, seed: int) -> None:
        self.url, self.outcome, self.seed = url, outcome, seed
        self.stopped = threading.Event()
        self._lock = threading.Lock()

    def draw(self, number: int) -> None:
        """One visitor, who opens the page again whenever the connection breaks."""
        made, failures = 0, 0
        while not self.stopped.is_set() and failures < GIVE_UP:
            try:
                with session(self.url, "draw") as visitor:
                    while not self.stopped.wait(0.3):
                        made += 1
                        value = drawing(self.seed * 1_000_000 + number * 10_000 + made)
                        if store(visitor, value):
                            with self._lock:
                                self.outcome.acknowledged.append(pixels_of(value))
                        failures = 0
            except FAILURES:
                failures += 1
                with self._lock:
                    self.outcome.broken += 1
                time.sleep(0.2)
        if failures == GIVE_UP:
            self.outcome.errors.append(f"Visitor {number} found no server {GIVE_UP} times.")


def store(visitor: Session, value: dict[str, Any]) -> bool:
    """Draw, confirm the answer; -> whether the page says that the drawing is stored."""
    visitor.buttons.clear()
    visitor.send("canvas", value)
    label = next((label for label in visitor.buttons if label == "Correct" or label.startswith("It is ")), "")
    return bool(label) and any(text.startswith("Saved as") for text in visitor.press(label).texts)


def pixels_of(value: dict[str, Any]) -> bytes:
    """The network input of a drawing, which is what the storage keeps."""
    picture = b64decode(value["drawing"]["data"].partition(",")[2])
    return center_ink(np.asarray(Image.open(BytesIO(picture)).convert("RGBA"))).tobytes()


def _sees_other(one: Server, other: Server, outcome: Outcome, seed: int) -> bool:
    """Store a drawing through one server; -> whether the other one counts it."""
    value = drawing(seed * 1_000_000 + 999_999)
    with session(other.url, "draw") as reader, session(one.url, "draw") as writer:
        before = _collected(reader)
        if not store(writer, value):
            return False
        outcome.acknowledged.append(pixels_of(value))
        return _collected(reader) == before + 1


def _collected(reader: Session) -> int:
    """The number of drawings that the page shows."""
    found = re.search("Collected so far: ([0-9,]+) drawing", " ".join(reader.open().texts))
    return int(found[1].replace(",", "")) if found else -1
