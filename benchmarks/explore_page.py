"""The Explore page: time to show the table of 500 runs, and the curves of a selected run.

The real server is started with the real command and looked at with Chromium. The first session of a
server reads every run's files, later ones only what has changed; the page is left and opened again
in each.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page

from benchmarks.explore import make_runs
from benchmarks.report import Goal, begin, conclude, table
from tests.browser.chromium import chromium, serve

TABLE = "[data-testid=stDataFrame] canvas"
HEAD, ROW, TICK = 36, 35, 16  # pixels of the table
# The table is a canvas; what it has painted is there as text too, for screen readers.
PAINTED = f"document.querySelectorAll('{TABLE} tbody tr').length > 5"
CURVES = "document.querySelectorAll('svg.marks .layer_2_marks path').length >= 4"


def seconds_until(page: Page, condition: str, began: float) -> float:
    page.wait_for_function(condition)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return time.perf_counter() - began


def measure(browser: Browser, address: str) -> tuple[float, float, float]:
    """Seconds of one session: to the table, to the curves of the first ticked run, and to the table
    a second time.
    """
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address)
    page.locator("canvas").first.wait_for()
    page.wait_for_timeout(1500)

    def open_table() -> float:
        began = time.perf_counter()
        page.get_by_role("link", name="Explore").first.click()
        return seconds_until(page, PAINTED, began)

    first = open_table()
    page.wait_for_timeout(1500)
    box = page.locator(TABLE).first.bounding_box()
    assert box is not None
    began = time.perf_counter()
    page.mouse.click(box["x"] + TICK, box["y"] + HEAD + ROW / 2)
    curves = seconds_until(page, CURVES, began)
    page.get_by_role("link", name="Draw").first.click()
    page.get_by_role("heading", name="Draw a digit").wait_for()
    page.wait_for_timeout(1500)
    again = open_table()
    page.context.close()
    return first, curves, again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500, metavar="N", help="how many are listed (default: 500)")
    parser.add_argument("--sessions", type=int, default=5, help="how many look one after another; medians are printed")
    options = parser.parse_args()
    with chromium() as browser, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DIGITS_RUNS"] = str(folder / "runs")
        (folder / "runs").mkdir()
        make_runs(folder / "runs", options.runs)
        with serve(folder) as address:
            times = [measure(browser, address) for _ in range(options.sessions)]
    first, curves, again = (median(column) for column in zip(*times, strict=True))
    begin(f"The Explore page with {options.runs:,} runs", f"Medians over {options.sessions} sessions of one server.")
    rows = [
        ("the first session of a server: click to painted table", times[0][0]),
        ("a session: click to painted table", first),
        ("a tick to the curves of that run", curves),
        ("leaving the page, and back: click to painted table", again),
    ]
    print(table(["step", "time"], [[what, f"{value:.2f} s"] for what, value in rows]))
    slowest = max(times[0][0], first, again)
    conclude(Goal(f"{options.runs:,} runs, click to painted table", slowest, 1.0, 0.5, " s"))


if __name__ == "__main__":
    main()
