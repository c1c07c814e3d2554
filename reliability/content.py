"""Forged content: a visitor sends huge or malformed drawings, pictures and files to a real server.

For each of them it prints how long the answer took and how much memory the server had at most and
afterwards, and fails if the server took more than the limits below.
"""

import argparse
import gzip
import io
import json
import math
import tempfile
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psutil
from PIL import Image

from tests.browser.chromium import serve
from tests.browser.forging import Forger, forge

CANVAS = "streamlit-drawable-canvas.streamlit_drawable_canvas"
PNG_URL = "data:image/png;base64,"
SECRETS = "[digit_lab]\npublic = true\ndrawings_per_minute = 1000\n"
PEAK_MEGABYTES = 250  # more than before, while one message or file is handled
KEPT_MEGABYTES = 60  # more than before, after the visitors have left
ANSWER_SECONDS = 10.0
FORGET_SECONDS = 125  # after which Streamlit forgets a session that was closed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--visits", type=int, default=5, help="how many visitors send each of them (default: 5)")
    parser.add_argument("--forget", action="store_true", help="wait two minutes until closed sessions are forgotten")


def run(arguments: argparse.Namespace) -> int:
    """Send everything, print a line for each, and return 1 if a limit was passed."""
    with tempfile.TemporaryDirectory() as folder:
        secrets = Path(folder, "secrets.toml")
        secrets.write_text(SECRETS)
        with serve(Path(folder), f"--secrets.files={secrets}") as url:
            found = list(send_all(url, arguments.visits, forget=arguments.forget))
    return int(any(result.problem for result in found))


@dataclass(frozen=True)
class Content:
    """What a visitor sends, and on which page."""

    page: str
    query: str
    make: Callable[[], Any]
    send: Callable[[Forger, Any], None]
    seconds: float = ANSWER_SECONDS  # within which the visit has its answer


@dataclass(frozen=True)
class Result:
    """How the server took one kind of content; memory in MB."""

    name: str
    seconds: float
    before: float
    peak: float
    after: float
    problem: str

    def __str__(self) -> str:
        memory = f"{self.before:5.0f} MB before, {self.peak:5.0f} at most, {self.after:5.0f} after"
        return f"{self.name:32} {self.seconds:5.1f} s  {memory}  {self.problem}".rstrip()


def send_all(url: str, visits: int, *, forget: bool = False) -> Iterator[Result]:
    """Send each kind of content `visits` times, each time from a new visitor."""
    server = server_process(url)
    for page, query in (("draw", ""), ("evaluate", "data=upload")):
        with forge(url, page, query):
            pass  # the first look loads what all sessions share
    for name, content in CONTENTS.items():
        made = content.make()
        yield measured(name, server, partial(send, url, content, made), visits, most=content.seconds)
    if forget:
        yield measured("two minutes without visitors", server, partial(time.sleep, FORGET_SECONDS), 1, most=math.inf)


def measured(
    name: str, server: psutil.Process, act: Callable[[], None], times: int, *, most: float = ANSWER_SECONDS
) -> Result:
    """Act so many times, print how the server took it, and name the first limit that it passed."""
    before, slowest, problem = memory(server), 0.0, ""
    with watched(server) as peak:
        for _ in range(times):
            began = time.monotonic()
            act()
            slowest = max(slowest, time.monotonic() - began)
    after = memory(server)
    for value, limit, what in (
        (slowest, most, "seconds"),
        (max(peak) - before, PEAK_MEGABYTES, "MB at most"),
        (after - before, KEPT_MEGABYTES, "MB kept"),
    ):
        if value > limit and not problem:
            problem = f"FAILED: {value:.0f} {what}, more than {limit:.0f}"
    result = Result(name, slowest, before, max(peak), after, problem)
    print(result, flush=True)
    return result


def send(url: str, content: Content, made: Any) -> None:
    """One visit sends the content; then the page answers another visitor."""
    with forge(url, content.page, content.query) as visitor:
        content.send(visitor, made)
    with forge(url, content.page, content.query) as next_visitor:
        assert next_visitor.buttons or next_visitor.uploaders


def server_process(url: str) -> psutil.Process:
    """The process that this one has started and that listens at the address."""
    port = int(url.rpartition(":")[2])
    for child in psutil.Process().children():
        if any(connection.laddr.port == port for connection in child.net_connections() if connection.laddr):
            return child
    raise RuntimeError(f"No child process listens at {url}.")


def memory(process: psutil.Process) -> float:
    """The resident memory of a process in MB."""
    return float(process.memory_info().rss) / 1e6


@contextmanager
def watched(process: psutil.Process) -> Iterator[list[float]]:
    """A list that grows by the memory of the process, every 20 ms."""
    seen, done = [memory(process)], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            seen.append(memory(process))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def drawing(strokes: object, side: int = 280) -> str:
    """The JSON that the canvas would send for these strokes and a blank picture."""
    url = PNG_URL + b64encode(png(Image.new("RGBA", (side, side)))).decode()
    return json.dumps({"drawing": {"raw": strokes, "data": url}})


def canvas(make: Callable[[], str]) -> Content:
    """A visit to Draw whose canvas sends this text."""
    return Content("draw", "", make, lambda visitor, text: visitor.send_json(CANVAS, text))


def upload(make: Callable[[], bytes], name: str = "mine.csv", *, seconds: float = ANSWER_SECONDS) -> Content:
    """A visit to Evaluate that uploads a file."""
    return Content("evaluate", "data=upload", make, lambda visitor, file: visitor.upload(name, file), seconds)


def digits_file(rows: int) -> bytes:
    """A CSV file of so many digits."""
    images = [Random(row).choices(range(256), k=784) for row in range(100)]
    lines = [f"{row % 10},{','.join(map(str, images[row % 100]))}" for row in range(rows)]
    return "\n".join(lines).encode()


def nested(depth: int) -> str:
    """JSON of so many lists inside each other."""
    return "[" * depth + "]" * depth


EMPTY: dict[str, Any] = {"objects": []}
CONTENTS = {
    "a picture of 280 x 280": canvas(lambda: drawing(EMPTY)),
    "a picture of 9,000 x 9,000": canvas(lambda: drawing(EMPTY, 9_000)),
    "strokes: [1, 2]": canvas(lambda: drawing([1, 2])),
    "canvas: [1, 2]": canvas(lambda: "[1, 2]"),
    "canvas: a text": canvas(lambda: '"x"'),
    "canvas: a number": canvas(lambda: "5"),
    "canvas: not JSON": canvas(lambda: "{"),
    "canvas: 100,000 nested lists": canvas(lambda: f'{{"drawing": {{"raw": {nested(100_000)}}}}}'),
    "strokes: 900 nested lists": canvas(lambda: f'{{"drawing": {{"raw": {{"objects": [{{"a": {nested(900)}}}]}}}}}}'),
    "strokes: 15 MB": canvas(lambda: drawing({"objects": [{"type": "x" * 15_000_000}]})),
    "a CSV file of 18 MB": upload(lambda: digits_file(6_500), seconds=120),  # 6,500 digits are evaluated
    "a CSV file of 60 MB": upload(lambda: digits_file(20_000)),
    "gzip of 600 MB as .csv": upload(lambda: gzip.compress(b"0," * 300_000_000, compresslevel=1)),
    "a name of 300 characters": upload(lambda: digits_file(10), "x" * 300 + ".csv"),
}
