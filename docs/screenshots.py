"""Screenshots: take the pictures of the README from the running app.

python -m docs.screenshots
"""

import re
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.chromium import CANVAS, SEVEN, chromium, draw, serve

FOLDER = Path(__file__).parent / "screenshots"
SIZE = {"width": 1280, "height": 800}


def take(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)  # charts fade in
    FOLDER.mkdir(exist_ok=True)
    page.screenshot(path=FOLDER / f"{name}.png")


def button(page: Page, name: str) -> None:
    page.locator("button:not([data-testid=stHeader] *)").filter(has=page.get_by_text(name, exact=True)).first.click()


def take_draw(page: Page, url: str) -> None:
    page.goto(url)
    page.locator(CANVAS).wait_for()
    page.wait_for_timeout(1000)  # the canvas takes strokes only once its script has run
    draw(page, SEVEN)
    expect(page.locator(".answer span")).to_have_text("7")
    take(page, "draw")


def take_train(page: Page, url: str) -> None:
    page.goto(f"{url}/train")
    page.get_by_role("combobox", name="Preset").click()
    page.get_by_role("option", name="best-mlp").click()
    page.get_by_text("435 steps on").wait_for()
    epochs = page.get_by_role("spinbutton", name="Epochs", exact=True)
    epochs.fill("100")
    epochs.press("Enter")
    page.get_by_text("2,900 steps on").wait_for()
    button(page, "Start fresh")
    page.get_by_text(re.compile(r"Running, epoch [5-9]\d")).wait_for(timeout=120_000)
    take(page, "train")
    button(page, "Stop")


def take_evaluate(page: Page, url: str) -> None:
    page.goto(f"{url}/evaluate?data=mnist-5k&split=test")
    page.get_by_text("95 %").first.wait_for()
    take(page, "evaluate")


def take_explore(page: Page, url: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 1180})  # down to the map
    page.goto(f"{url}/explore?view=Sweeps")
    button(page, "At random")
    trials = page.get_by_role("spinbutton", name="Trials", exact=True)
    trials.fill("40")
    trials.press("Enter")
    page.get_by_text("40 trials").wait_for()
    button(page, "Start sweep")
    page.get_by_text(re.compile("^Finished after")).wait_for(timeout=120_000)
    page.get_by_text("Which settings matter").wait_for()
    take(page, "explore")


def main() -> None:
    with chromium() as browser, tempfile.TemporaryDirectory() as folder, serve(Path(folder)) as url:
        for take_page in (take_draw, take_train, take_evaluate, take_explore):
            page = browser.new_context(viewport=SIZE, device_scale_factor=1.5).new_page()
            take_page(page, url)


if __name__ == "__main__":
    main()
