"""The Train page in a real browser: a run is started, watched, left, found again and stopped."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from experiments.runs.run import Run
from tests.browser.chromium import wait_until_idle
from tests.browser.conftest import NewPage
from tests.small_runs import until

pytestmark = pytest.mark.browser
LOSS = ".stVegaLiteChart[aria-label^='Loss of'] svg.marks"
CURVE = f"{LOSS} .mark-line path"  # the first is that of training


def button(page: Page, name: str) -> Locator:
    """By what it says, not by its icon; Streamlit has a Stop of its own above the page."""
    return page.locator("button:not([data-testid=stHeader] *)").filter(has=page.get_by_text(name, exact=True))


def fill(page: Page, name: str, value: float) -> None:
    field = page.get_by_role("spinbutton", name=name, exact=True)
    field.fill(f"{value:g}")
    field.press("Enter")


def start(page: Page, steps: int) -> None:
    """A run of the quick preset that is this long."""
    button(page, "Start fresh").wait_for()
    page.get_by_role("radio", name="Steps").click()
    fill(page, "Steps", steps)
    page.get_by_text(f"{steps:,} steps on").wait_for()
    button(page, "Start fresh").click()
    button(page, "Pause").wait_for()


def heights(page: Page) -> list[float]:
    """Height of each point of the drawn training loss, in pixels above the bottom of the screen."""
    path = page.locator(CURVE).first.get_attribute("d") or ""
    return [-float(y) for _, y in re.findall(r"[ML]([-\d.e]+),([-\d.e]+)", path)]


def wait_for_points(page: Page, more_than: int) -> None:
    page.wait_for_function(
        "([curve, count]) => (document.querySelector(curve)?.getAttribute('d') ?? '').split('L').length > count",
        arg=[CURVE, more_than],
    )


@pytest.fixture(autouse=True)
def runs(folder: Path) -> Iterator[Path]:
    """The folder of the runs. All are stopped after the test, or the next run would be queued."""
    yield folder / "runs"
    for run in every_run(folder / "runs"):
        run.request("stop")
        until(lambda run=run: not run.status().active, "the run to stop")


def every_run(runs: Path) -> list[Run]:
    """Oldest first."""
    return [Run(path) for path in sorted(runs.glob("2*"))]


def test_the_loss_falls_on_the_chart_and_the_run_is_still_there_after_a_refresh_until_it_is_stopped(
    new_page: NewPage, runs: Path
) -> None:
    page = new_page("/train")
    start(page, steps=60_000)
    wait_for_points(page, 20)
    page.evaluate("chart => { window.chart = document.querySelector(chart) }", LOSS)
    seen = len(heights(page))
    wait_for_points(page, seen + 5)
    assert page.evaluate("document.contains(window.chart)"), "the chart was replaced instead of changed"
    curve = heights(page)
    assert curve[-1] < curve[0] - 50  # pixels

    page.reload()
    button(page, "Pause").wait_for()
    wait_for_points(page, seen)
    assert heights(page)[-1] < heights(page)[0] - 50

    button(page, "Stop").click()
    expect(page.get_by_text("Stopped at step")).to_be_visible()
    assert every_run(runs)[-1].status().state == "stopped"
    assert every_run(runs)[-1].model.exists()


def test_a_run_survives_a_page_switch_and_so_do_the_settings(new_page: NewPage) -> None:
    page = new_page("/train")
    start(page, steps=60_000)
    wait_for_points(page, 3)
    page.get_by_role("link", name="Draw").first.click()
    page.get_by_role("heading", name="Draw a digit").wait_for()
    page.get_by_role("link", name="Train").first.click()
    wait_for_points(page, 3)
    expect(page.get_by_role("spinbutton", name="Steps", exact=True)).to_have_value("60000")
    button(page, "Stop").click()
    expect(page.get_by_text("Stopped at step")).to_be_visible()


def test_a_double_click_starts_one_run(new_page: NewPage, runs: Path) -> None:
    page = new_page("/train")
    button(page, "Start fresh").wait_for()
    wait_until_idle(page)
    before = len(every_run(runs))
    button(page, "Start fresh").dblclick()
    page.get_by_text("Finished after").wait_for()
    page.wait_for_timeout(500)
    assert len(every_run(runs)) == before + 1


def test_a_learning_rate_set_by_hand_is_marked_on_the_curves(new_page: NewPage, runs: Path) -> None:
    page = new_page("/train")
    start(page, steps=60_000)
    button(page, "Change learning rate").click()
    page.get_by_role("spinbutton", name="Hold this learning rate").fill("0.002")
    button(page, "Set").click()  # without Enter: the number and the click arrive together
    expect(page.locator(LOSS).get_by_text("rate 0.002")).to_be_visible()
    step, rate = every_run(runs)[-1].status().changes[0]
    table = every_run(runs)[-1].history()
    assert rate == 0.002
    assert (table.loc[table["step"] > step, "learning_rate"] == 0.002).all()
    page.keyboard.press("Escape")
    button(page, "Stop").click()
    expect(page.get_by_text("Stopped at step")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_what_training_makes_of_the_digits_changes_as_a_slider_moves(
    new_page: NewPage, width: int, height: int
) -> None:
    page = new_page("/train", width=width, height=height)
    page.get_by_text("Against overfitting", exact=True).click()
    images = page.locator(".columns-sheet img")
    expect(images).to_have_count(16)
    original, variation = (images.nth(place).get_attribute("src") or "" for place in (0, 1))
    page.get_by_role("slider", name="Rotation").press("ArrowRight")
    expect(images.nth(1)).not_to_have_attribute("src", variation)
    expect(images.nth(0)).to_have_attribute("src", original)
    box = images.nth(15).bounding_box()
    assert box is not None
    assert 24 < box["width"] == pytest.approx(box["height"])
    assert box["x"] + box["width"] < width


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_image_layers_are_set_without_their_words_and_are_still_there_after_a_page_switch(
    new_page: NewPage, width: int, height: int
) -> None:
    page = new_page("/train", width=width, height=height)
    page.get_by_text("Network", exact=True).click()
    page.get_by_role("radio", name="Small").click()
    page.get_by_role("button", name="4 · Max pooling 2×2").click()
    page.get_by_role("combobox", name="Window").click()
    page.get_by_role("option", name="3×3", exact=True).click()
    wait_until_idle(page)  # on a phone the result of a choice closes the row that was opened since
    page.get_by_role("button", name="2 · Max pooling 2×2").click()
    page.get_by_role("combobox", name="Window").click()
    page.get_by_role("option", name="14×14", exact=True).click()
    expect(page.get_by_text("Image layer 4, max-pool 3x3: ")).to_have_count(2)
    expect(button(page, "Start fresh")).to_be_disabled()
    button(page, "Remove").click()
    expect(button(page, "Start fresh")).to_be_enabled()
    expect(page.locator(".layers")).to_contain_text("9 × 9 × 32")
    page.get_by_role("link", name="Draw").first.evaluate("link => link.click()")  # folded away on a phone
    page.get_by_role("heading", name="Draw a digit").wait_for()
    page.get_by_role("link", name="Train").first.evaluate("link => link.click()")
    expect(page.get_by_text("conv 16, conv 32, max-pool 3x3, 128, 64, 10")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_start_and_then_stop_are_visible_without_scrolling(new_page: NewPage, width: int, height: int) -> None:
    page = new_page("/train", width=width, height=height)
    button(page, "Start fresh").wait_for()
    expect(button(page, "Start fresh")).to_be_in_viewport(ratio=1)
    start(page, steps=60_000)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    expect(button(page, "Stop")).to_be_in_viewport(ratio=1)
    button(page, "Stop").click()
    expect(page.get_by_text("Stopped at step")).to_be_visible()
