"""The app: time from start to the first paint in a browser, and memory with five sessions.

The real server is started with the real command, on an empty folder of runs, and looked at with
Chromium. Memory is sampled from before the first session to after the last click; the highest
counts. PSS shares a page that several processes use among them; RSS counts it for each, so its sum
is more than there is. The browser is not part of it.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from playwright.sync_api import Browser, Page

from benchmarks.report import Goal, begin, conclude, table
from dataset import default_source
from experiments.runs.config import PRESETS
from experiments.runs.control import start_training
from experiments.runs.run import open_run
from tests.browser.chromium import chromium, serve

SESSIONS = 5
LIMIT_MB = 450


def open_page(browser: Browser, address: str) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.goto(address)
    page.locator("h1").first.wait_for(timeout=60_000)
    return page


def start_times(browser: Browser, folder: Path) -> tuple[float, float, float, float]:
    """Seconds to the server's health, to the first heading, to the canvas, and a further session's
    to its heading.
    """
    started = time.perf_counter()
    with serve(folder) as address:
        healthy = time.perf_counter() - started
        page = open_page(browser, address)
        painted = time.perf_counter() - started
        page.locator("canvas").first.wait_for(timeout=60_000)
        drawable = time.perf_counter() - started
        again = time.perf_counter()
        further = open_page(browser, address)
        again = time.perf_counter() - again
        for tab in (page, further):
            tab.context.close()
    return healthy, painted, drawable, again


class MemoryWatch(threading.Thread):
    """The highest (PSS, RSS) of the server with its children, of the workers of this process, and
    of both together.
    """

    def __init__(self, app: psutil.Process) -> None:
        super().__init__(daemon=True)
        self.app, self.ended = app, threading.Event()
        self.highest = {"server": np.zeros(2), "worker": np.zeros(2), "together": np.zeros(2)}

    def run(self) -> None:
        while not self.ended.wait(0.1):
            workers = [
                p for p in psutil.Process().children(recursive=True) if "experiments.training.worker" in arguments(p)
            ]
            server, worker = megabytes([self.app, *self.app.children(recursive=True)]), megabytes(workers)
            for name, value in {"server": server, "worker": worker, "together": server + worker}.items():
                self.highest[name] = np.maximum(self.highest[name], value)


def arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def megabytes(processes: list[psutil.Process]) -> np.ndarray:
    """(PSS, RSS) of all together; where the system has no PSS, RSS stands in for it."""
    total = np.zeros(2)
    for process in processes:
        try:
            memory = process.memory_full_info()
            total += np.array([getattr(memory, "pss", 0) or memory.rss, memory.rss]) / 1e6
        except psutil.Error:
            continue  # it ended meanwhile
    return total


def memory_in_use(browser: Browser, folder: Path, seconds: float) -> tuple[dict[str, np.ndarray], str]:
    """Highest megabytes while five sessions look at the three pages and one run trains."""
    data = default_source()
    with serve(folder) as address:
        watch = MemoryWatch(next(p for p in psutil.Process().children() if "dashboard/app.py" in arguments(p)))
        watch.start()
        run = start_training(PRESETS["best-mlp"].replace(data=data, epochs=1000))
        evaluate = f"/evaluate?data={data}&split=test"
        pages = [open_page(browser, address + path) for path in ("", f"/train?run={run.id}", evaluate, evaluate, "")]
        # what a person does to whom everything is shown: each session sees every page
        for page in pages:
            for name in ("Train", "Evaluate", "Draw"):
                page.get_by_role("link", name=name, exact=True).first.click()
                page.wait_for_timeout(1000)
        time.sleep(seconds)
        steps = open_run(run.id).status().step
        watch.ended.set()
        watch.join()
        run.request("stop")
        while run.is_alive():
            time.sleep(0.1)
    if not steps:
        sys.exit("The worker trained no step, so the memory measured means nothing: see its log.txt.")
    return watch.highest, data


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5, help="how often the app is started; medians are printed")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long memory is watched after the last click")
    options = parser.parse_args()
    with chromium() as browser, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DIGITS_RUNS"] = str(folder / "runs")  # where the server looks too
        times = [
            median(column)
            for column in zip(*(start_times(browser, folder) for _ in range(options.starts)), strict=True)
        ]
        memory, data = memory_in_use(browser, folder, options.seconds)

    begin("The app", f"Medians over {options.starts} starts; the browser is open already.")
    names = ["process start to health", "process start to first paint", "process start to a canvas to draw on"]
    names.append("a further session: address to first paint")
    print(table(["step", "time"], [[name, f"{value:.2f} s"] for name, value in zip(names, times, strict=True)]))
    print(f"\nHighest memory with {SESSIONS} sessions on all pages while `best-mlp` trains on `{data}`.\n")
    rows = [[name, *(f"{value:.0f} MB" for value in values)] for name, values in memory.items()]
    print(table(["process", "PSS", "RSS"], rows))
    conclude(Goal("memory of server and worker with five sessions", memory["together"][0], LIMIT_MB, None, " MB", 0))


if __name__ == "__main__":
    main()
