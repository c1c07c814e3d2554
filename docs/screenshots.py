"""Screenshots: `python -m docs.screenshots` makes the pictures of the README from the running app.

It starts the server with an empty folder of runs, opens Chromium, draws a 7, trains a network, runs
a sweep of 40 trials, and writes docs/screenshots/*.png. This takes two minutes. With names of
pictures, such as `python -m docs.screenshots draw train`, it makes only these.
"""

import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.chromium import SEVEN, chromium, draw, serve, wait_for_canvas, wait_until_idle

FOLDER = Path(__file__).parent / "screenshots"
SIZE: ViewportSize = {"width": 1280, "height": 800}
LONGEST_WAIT = 240_000  # milliseconds; for a training, a sweep or a page on a busy machine


def save_screenshot(page: Page, name: str) -> None:
    """Write the visible part of the page to docs/screenshots/."""
    wait_until_idle(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)  # charts fade in
    page.screenshot(path=FOLDER / f"{name}.png")


def click(page: Page, name: str) -> None:
    """Click the button with exactly this text."""
    page.locator("button:not([data-testid=stHeader] *)").filter(has=page.get_by_text(name, exact=True)).first.click()


def type_number(page: Page, name: str, number: int) -> None:
    """Type a number into the field with this name."""
    field = page.get_by_role("spinbutton", name=name, exact=True)
    field.fill(str(number))
    field.press("Enter")


def show_draw(page: Page, url: str) -> None:
    """The Draw page with a drawn 7."""
    page.goto(url)
    wait_for_canvas(page)
    draw(page, SEVEN)
    expect(page.locator(".answer span")).to_have_text("7")


def show_train(page: Page, url: str) -> None:
    """The Train page in the middle of a training of 100 epochs."""
    page.goto(f"{url}/train")
    page.get_by_role("combobox", name="Preset").click()
    page.get_by_role("option", name="best-mlp").click()
    page.get_by_text("435 steps on").wait_for()
    type_number(page, "Epochs", 100)
    page.get_by_text("2,900 steps on").wait_for()
    click(page, "Start fresh")
    page.get_by_text(re.compile(r"Running, epoch [5-9]\d")).wait_for()


def show_evaluate(page: Page, url: str) -> None:
    """The Evaluate page with the shipped model and the test digits of mnist-5k."""
    page.set_viewport_size({"width": 1280, "height": 1130})  # down to the end of the confusion matrix
    page.goto(f"{url}/evaluate?data=mnist-5k&split=test")
    page.get_by_text("95 %").first.wait_for()
    page.locator(".stPlotlyChart .nsewdrag").first.wait_for()


def show_explore(page: Page, url: str) -> None:
    """The Explore page with a finished sweep of 40 trials."""
    page.set_viewport_size({"width": 1280, "height": 1240})  # down to the map
    page.goto(f"{url}/explore?view=Sweeps")
    click(page, "At random")
    type_number(page, "Trials", 40)
    page.get_by_text("40 trials").wait_for()
    click(page, "Start sweep")
    page.get_by_text(re.compile("^Finished after")).wait_for()
    page.get_by_text("Which settings matter").wait_for()


PICTURES = {"draw": show_draw, "train": show_train, "evaluate": show_evaluate, "explore": show_explore}


def main(names: list[str]) -> None:
    """Make these screenshots; without names, all."""
    with chromium() as browser, tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as url:
        for name in names or PICTURES:
            context = browser.new_context(viewport=SIZE, device_scale_factor=1.5, color_scheme="light")
            context.set_default_timeout(LONGEST_WAIT)
            page = context.new_page()
            PICTURES[name](page, url)
            save_screenshot(page, name)
            print(f"docs/screenshots/{name}.png", flush=True)
            context.close()


if __name__ == "__main__":
    main(sys.argv[1:])
