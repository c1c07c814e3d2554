"""The Sweeps view in a real browser: start, watch, filter and stop a sweep, and open a run."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard.components.plain_text import WORD_JOINER
from experiments.sweeps import Sweep
from tests.browser.chromium import point_of_chart, wait_until_idle
from tests.browser.conftest import NewPage
from tests.browser.test_train import button
from tests.small_runs import until

pytestmark = pytest.mark.browser
PARALLEL = ".stVegaLiteChart[aria-label^='Parallel'] svg.marks"
ROWS = "[data-testid=stDataFrame] table[role=grid] tbody tr"


@pytest.fixture(autouse=True)
def sweeps(folder: Path) -> Iterator[Path]:
    """The folder of the sweeps. None of them outlives its test."""
    yield folder / "runs" / ".sweeps"
    for path in (folder / "runs" / ".sweeps").glob("*/sweep.json"):
        sweep = Sweep(path.parent)
        sweep.request_stop()
        until(lambda sweep=sweep: not sweep.status().active, "the sweep to stop")


def opened(new_page: NewPage, address: str = "", **options: int) -> Page:
    return new_page(f"/explore?view=Sweeps{address}", **options)


def start(page: Page) -> None:
    button(page, "Start sweep").wait_for()
    wait_until_idle(page)
    button(page, "Start sweep").click()
    button(page, "Stop").wait_for()


def finished(page: Page) -> None:
    page.get_by_text("Finished after").wait_for()
    page.get_by_role("heading", name="Trials").wait_for()


def brush(page: Page, axis: str, low: float, high: float) -> None:
    """Drag down one axis of the parallel coordinates, from `high` to `low` (0 bottom, 1 top)."""
    chart = page.locator(PARALLEL)
    chart.scroll_into_view_if_needed()
    title = chart.get_by_text(axis, exact=True).bounding_box()
    rule = chart.locator(".mark-rule line").first.bounding_box()
    assert title is not None
    assert rule is not None
    x = title["x"] + title["width"] / 2
    places = [rule["y"] + (1 - place) * rule["height"] for place in (high, low)]
    page.mouse.move(x - 12, places[0])
    page.mouse.down()
    page.mouse.move(x + 12, places[1], steps=8)
    page.mouse.up()


def chip(page: Page, text: str) -> Locator:
    return page.locator(".st-key-sweep-filters").get_by_role("button", name=text)


def test_twelve_trials_from_one_click_are_watched_brushed_opened_and_found_again_by_their_link(
    new_page: NewPage, sweeps: Path
) -> None:
    page = opened(new_page, height=1400)
    start(page)
    page.locator(PARALLEL).wait_for()
    page.evaluate("chart => { window.chart = document.querySelector(chart) }", PARALLEL)
    finished(page)
    assert page.evaluate("document.contains(window.chart)"), "the chart was replaced instead of changed"
    expect(page.locator(ROWS)).to_have_count(12)
    sweep = Sweep(sweeps / parse_qs(urlsplit(page.url).query)["sweep"][0])
    assert sweep.status().ended == 12

    brush(page, "Width", 0.75, 1.04)
    expect(chip(page, "Width: 256")).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(4)
    brush(page, "Learning rate", 0.2, 0.8)
    expect(chip(page, "Learning rate: 0.003 to 0.03")).to_be_visible()
    expect(page.locator(ROWS)).to_have_count(2)
    chip(page, "Width: 256").click()
    expect(page.locator(ROWS)).to_have_count(6)
    chip(page, "Learning rate: 0.003 to 0.03").click()
    expect(page.locator(ROWS)).to_have_count(12)

    page.mouse.click(*point_of_chart(page, "Map", "0.0003", "16"))
    expect(page.get_by_text(f"Learning rate {WORD_JOINER}0.0003 · Width 16")).to_be_visible()
    trial = next(t for t in sweep.trials() if t.params == {"learning_rate": 0.0003, "width": 16})
    link = page.url
    page.get_by_role("link", name="Open in Train").click()
    page.get_by_role("heading", name="Train a network").wait_for()
    assert f"run={trial.runs[0]}" in page.url
    expect(page.get_by_text(f"{sweep.spec.name}, trial {trial.number}").first).to_be_visible()

    other = new_page(link[link.index("/explore") :], height=1400)
    finished(other)
    expect(other.locator(ROWS)).to_have_count(12)


def test_a_sweep_is_stopped_and_goes_on_from_where_it_was(new_page: NewPage, sweeps: Path) -> None:
    page = opened(new_page)
    page.get_by_role("spinbutton", name="Epochs per training").fill("20")
    page.get_by_role("spinbutton", name="Epochs per training").press("Enter")
    start(page)
    page.locator(PARALLEL).wait_for()
    expect(button(page, "Stop")).to_be_in_viewport(ratio=1)
    button(page, "Stop").click()
    expect(button(page, "Resume")).to_be_visible()
    sweep = max((Sweep(path.parent) for path in sweeps.glob("*/sweep.json")), key=lambda sweep: sweep.created)
    before = {trial.number: trial.runs for trial in sweep.trials() if trial.over}
    button(page, "Resume").click()
    button(page, "Stop").wait_for()
    until(lambda: sum(trial.over for trial in sweep.trials()) > len(before), "another trial")
    assert before.items() <= {trial.number: trial.runs for trial in sweep.trials()}.items()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_start_is_visible_without_scrolling_and_nothing_is_wider_than_the_screen(
    new_page: NewPage, width: int, height: int
) -> None:
    page = opened(new_page, width=width, height=height)
    button(page, "Start sweep").wait_for()
    expect(button(page, "Start sweep")).to_be_in_viewport(ratio=1)
    main = page.locator("[data-testid=stMain]")
    assert main.evaluate("main => main.scrollWidth <= main.clientWidth")
