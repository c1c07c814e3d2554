"""Stroke latency: from the end of a stroke to the changed prediction, in a real browser."""

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page

from benchmarks.report import Goal, begin, conclude, table
from tests.browser.chromium import CANVAS, chromium, draw, serve

LIMIT_MS = 350

# Runs in the page: the time of the last mouse-up and of the first change of the answer after it.
WATCH = """() => {
    window.timing = {up: 0, changed: 0};
    document.addEventListener('pointerup', () => { timing.up = performance.now(); timing.changed = 0; }, true);
    const answer = document.querySelector('.answer').closest('[data-testid=stMarkdown]');
    new MutationObserver(() => { if (!timing.changed) timing.changed = performance.now(); })
        .observe(answer, {childList: true, subtree: true, characterData: true, attributes: true});
}"""
STROKES = [[(60, 60), (220, 70)], [(220, 70), (120, 230)], [(70, 150), (200, 140)], [(60, 230), (220, 220)]]


def measure(page: Page, strokes: int) -> list[float]:
    """Milliseconds of each stroke.

    Four strokes make a drawing, each changes the probabilities; then a new sheet.
    """
    times = []
    page.evaluate(WATCH)
    for stroke in range(strokes):
        if stroke and stroke % len(STROKES) == 0:
            page.get_by_role("button", name="Clear").click()
            page.get_by_text("Draw a digit from 0 to 9").wait_for()
            page.wait_for_timeout(500)
        draw(page, STROKES[stroke % len(STROKES)])
        page.wait_for_function("timing.changed > timing.up")
        times.append(page.evaluate("timing.changed - timing.up"))
        page.wait_for_timeout(400)  # what comes after the answer is not part of it
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--strokes", type=int, default=25)
    strokes = parser.parse_args().strokes
    with chromium() as browser, tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as url:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(url)
        page.locator(CANVAS).wait_for()
        page.wait_for_timeout(1500)
        times = measure(page, strokes)
    median = statistics.median(times)
    begin("Stroke latency", "Time from the release of the mouse button to the changed answer, in Chromium.")
    print(
        table(
            ("strokes", "median", "fastest", "slowest"),
            [(str(strokes), *(f"{t:.0f} ms" for t in (median, min(times), max(times))))],
        )
    )
    conclude(Goal("release of the mouse to changed answer", median, LIMIT_MS, None, " ms", 0))


if __name__ == "__main__":
    main()
