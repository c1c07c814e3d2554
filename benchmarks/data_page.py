"""The Data page with 10,000 drawings: time to show 100 thumbnails and to relabel 50 drawings.

The real server is started with the real command and looked at with Chromium. The drawings are
digits of `mnist-5k`, each moved a little, stored in a CSV file with its log. The first session of a
server reads that file.
"""

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page

from benchmarks.report import Goal, begin, conclude, table
from dataset import load_digits
from dataset.drawings import NewDrawing, append_drawings
from tests.browser.chromium import chromium, serve

TILES = (
    "[...document.querySelectorAll('[data-testid=stBidiComponentIsolated]')]"
    ".flatMap(place => [...(place.shadowRoot?.querySelectorAll('img') ?? [])])"
)
PAINTED = f"{TILES}.length === 100 && {TILES}.every(image => image.complete)"
LINK = "[...document.querySelectorAll('a')].find(link => link.innerText.includes('Data'))"
BUTTON = 'document.querySelector("%s")'
SAYS = "document.querySelector('.st-key-drawing-outcome').innerText.includes('%s')"
COUNT = 50


def make_drawings(count: int) -> None:
    digits = load_digits("mnist-5k")
    times = -(-count // len(digits))
    images = np.concatenate([np.roll(digits.images, shift, axis=2) for shift in range(times)])[:count]
    labels = np.resize(digits.labels, count)
    news = [
        NewDrawing(image=image, label=int(label), predicted=int(label), confidence=0.9, model="made", session="made")
        for image, label in zip(images, labels, strict=True)
    ]
    append_drawings(news)


def seconds(page: Page, button: str, condition: str) -> float:
    """From a click on the button to the frame in which the condition holds, by the browser's own
    clock.
    """
    return page.evaluate(
        f"""async () => {{
            const began = performance.now();
            {button}.click();
            do await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
            while (!({condition}));
            return (performance.now() - began) / 1000;
        }}"""
    )


def measure(browser: Browser, address: str) -> tuple[float, ...]:
    """Seconds of a session: to the first page, the next, to 50 relabelled, to 50 as they were, to
    the page again.
    """
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.goto(address)
    page.locator("canvas").first.wait_for()
    page.wait_for_timeout(1500)
    first = seconds(page, LINK, PAINTED)
    page.wait_for_timeout(1000)
    source = page.evaluate(f"{TILES}[0].src")
    following = seconds(page, BUTTON % "[aria-label='Next page']", f"{PAINTED} && {TILES}[0].src !== {source!r}")
    page.wait_for_timeout(1000)
    tiles = page.get_by_role("option")
    tiles.nth(0).click()
    tiles.nth(COUNT - 1).click(modifiers=["Shift"])
    page.get_by_text(f"{COUNT} selected", exact=True).wait_for()
    page.wait_for_timeout(500)
    relabelled = seconds(page, BUTTON % ".st-key-to-3 button", SAYS % "relabelled as 3")
    page.wait_for_timeout(500)
    undone = seconds(page, BUTTON % ".st-key-undo-edit button", SAYS % "Undone for")
    page.get_by_role("link", name="Draw").first.click()
    page.locator("canvas").first.wait_for()
    page.wait_for_timeout(1500)
    again = seconds(page, LINK, PAINTED)
    page.context.close()
    return first, following, relabelled, undone, again


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--drawings", type=int, default=10_000, metavar="N", help="how many there are (default: 10,000)"
    )
    parser.add_argument("--sessions", type=int, default=5, help="how many look one after another; the best are printed")
    options = parser.parse_args()
    with chromium() as browser, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DIGITS_DRAWINGS"] = str(folder / "drawings.csv")
        make_drawings(options.drawings)
        with serve(folder) as address:
            times = [measure(browser, address) for _ in range(options.sessions)]
    first, following, relabelled, undone, again = (min(column) for column in zip(*times, strict=True))
    begin(
        f"The Data page with {options.drawings:,} drawings",
        f"The best of {options.sessions} sessions of one server, as painted by a browser.",
    )
    rows = [  # each from its click
        ("the first session of a server, to 100 thumbnails", times[0][0]),
        ("a session, to 100 thumbnails", first),
        ("the page again, to 100 thumbnails", again),
        ("the next page, to 100 thumbnails", following),
        (f"relabelling {COUNT} drawings, to the message", relabelled),
        ("undoing this, to the message", undone),
    ]
    print(table(["step", "time"], [[what, f"{value:.2f} s"] for what, value in rows]))
    conclude(
        Goal("100 thumbnails, opening the page", 1000 * first, 300, unit=" ms", digits=0),
        Goal("100 thumbnails, the next page", 1000 * following, 300, unit=" ms", digits=0),
    )


if __name__ == "__main__":
    main()
