"""Start Chromium and the real server, and draw with the mouse."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
NO_CHROMIUM = "No Chromium was found. Install it (apt install chromium) or set CHROMIUM to the path of one."
CANVAS = "canvas.upper-canvas"
SEVEN = [(70, 60), (210, 60), (130, 235)]


def find_chromium() -> str | None:
    """CHROMIUM where it is set, else the first that is installed."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the browser and close it at the end. Exit with a message if none is installed."""
    executable = find_chromium()
    if executable is None:
        sys.exit(NO_CHROMIUM)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def serve(folder: Path, *options: str, ends_by: int = signal.SIGTERM) -> Iterator[str]:
    """Start the server with the command that people use; -> its address.

    Its runs and drawings are in the folder.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "server.log"
    streamlit = Path(sys.executable).with_name("streamlit")  # not `python -m streamlit`: that one finds more modules
    command = [str(streamlit), "run", "dashboard/app.py", "--server.address=127.0.0.1", f"--server.port={port}"]
    environment = os.environ | {
        "DIGITS_RUNS": str(folder / "runs"),
        "DIGITS_DRAWINGS": str(folder / "drawings.csv"),
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--server.headless=true", *options],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_healthy(url, server, log)
        yield url
    finally:
        server.send_signal(ends_by)
        try:
            server.wait(timeout=20)
        finally:
            server.kill()  # does nothing to one that has ended
            server.wait()


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.02)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")


def wait_until_idle(page: Page) -> None:
    """Wait until the page's script has run to its end and the browser has drawn its result."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def wait_for_canvas(page: Page) -> None:
    """Wait until the canvas takes strokes: it drops those that come before its script has run."""
    page.locator(CANVAS).wait_for()
    wait_until_idle(page)
    page.wait_for_timeout(300)  # nothing on the page shows that the script of the canvas has run


def draw(page: Page, points: list[tuple[int, int]]) -> None:
    """One stroke of the mouse through the points, in pixels of the canvas."""
    canvas = page.locator(CANVAS)
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    x, y = box["x"], box["y"]
    page.mouse.move(x + points[0][0], y + points[0][1])
    page.mouse.down()
    for right, down in points[1:]:
        page.mouse.move(x + right, y + down, steps=8)
    page.mouse.up()


def point_of_chart(page: Page, alt: str, x: object, y: object = None) -> tuple[float, float]:
    """The place on the screen of a point of the Plotly chart whose text alternative starts so.

    Without `y` it is the point of the first curve at `x`.
    """
    figure = page.locator(f".stPlotlyChart[aria-label^='{alt}']").first
    figure.locator(".nsewdrag").first.wait_for()
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # until it has its size and the page stands still
    right, down = figure.locator(".js-plotly-plot").evaluate(
        """(chart, [x, y]) => {
            const {xaxis, yaxis} = chart._fullLayout, box = chart.getBoundingClientRect();
            const at = (axis, value) => axis._offset
                + (axis.type === "category" ? axis.l2p(axis._categories.indexOf(value)) : axis.d2p(value));
            // a trace without points has no mode
            const isCurve = points => points[0].trace.mode?.includes("markers");
            y ??= chart.calcdata.filter(isCurve).flat().find(point => point.x === x).y;
            return [box.x + at(xaxis, x), box.y + at(yaxis, y)];
        }""",
        [x, y],
    )
    return right, down
