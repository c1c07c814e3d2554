"""The Runs view in a real browser: select, compare, rename, delete and restore runs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from experiments.runs.config import RunConfig
from experiments.runs.run import Run, create_run
from experiments.runs.table import list_runs
from experiments.runs.trash import deleted_runs
from tests.browser.chromium import wait_until_idle
from tests.browser.conftest import NewPage
from tests.small_runs import SMALL, finish, to_end

pytestmark = pytest.mark.browser
HEAD, ROW = 36, 35  # pixels of the table
TICK, STAR, ACCURACY = 16, 95, 300  # where those columns are, from its left


@pytest.fixture(autouse=True)
def runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Run]]:
    """Three runs, newest first: that is how they are listed."""
    monkeypatch.setenv("DIGITS_RUNS", str(folder / "runs"))
    for name, rate in (("slow", 0.0003), ("fast", 0.03), ("usual", 0.003)):
        train(name, SMALL.replace(learning_rate=rate))
    yield list_runs()
    for run in [*list_runs(), *deleted_runs()]:
        run.folder.rename(folder / f"gone-{run.id}")


def train(name: str, config: RunConfig) -> Run:
    run = create_run(config, name=name)
    assert to_end(run).state == "finished"
    return run


def click(page: Page, row: int, at: int) -> None:
    """Click a cell by its position, because the table is one canvas. Row -1 is the heading."""
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + at, box["y"] + HEAD / 2 + (row + 1) * ROW)


def opened(new_page: NewPage, address: str = "/explore", **options: object) -> Page:
    page = new_page(address, **options)
    page.locator("[data-testid=stDataFrame] canvas tbody tr").first.wait_for(state="attached")
    wait_until_idle(page)  # the table takes no clicks before
    return page


def keys(page: Page) -> Locator:
    return page.locator(".run-key b")


def tick(page: Page, *rows: int) -> None:
    for row in rows:
        before = keys(page).count()
        click(page, row, TICK)
        expect(keys(page)).to_have_count(before + 1)


def lines(page: Page) -> Locator:
    """The curves of the chart of the loss, without the faint ones."""
    return page.locator("[aria-label^='Loss of'] .mark-line.layer_2_marks path")


def colors(page: Page) -> list[str]:
    return sorted(lines(page).evaluate_all("paths => paths.map(path => path.getAttribute('stroke'))"))


def button(page: Page, name: str) -> Locator:
    return page.locator("button:not([data-testid=stHeader] *)").filter(has_text=re.compile(rf"{name}$"))


def test_two_ticked_runs_are_compared_and_the_link_shows_the_same_in_another_browser(new_page: NewPage) -> None:
    page = opened(new_page)
    tick(page, 0, 2)
    expect(keys(page)).to_have_text(["usual", "slow"])
    expect(lines(page)).to_have_count(2)
    expect(page.get_by_text("are read correctly only by")).to_be_visible()
    page.get_by_role("radio", name="Epoch", exact=True).click()
    page.get_by_role("radio", name="Both", exact=True).click()
    expect(lines(page)).to_have_count(4)
    drawn = colors(page)
    verdict = page.get_by_text("are read correctly only by").inner_text()

    other = opened(new_page, page.url.removeprefix(re.match(r"http://[^/]+", page.url)[0]))
    expect(keys(other)).to_have_text(["usual", "slow"])
    expect(lines(other)).to_have_count(4)
    expect(other.get_by_role("radio", name="Epoch", exact=True)).to_be_checked()
    assert colors(other) == drawn
    expect(other.get_by_text("are read correctly only by")).to_have_text(verdict)


def test_a_sorted_table_ticks_the_run_that_is_seen_and_keeps_its_choice_over_a_page_switch(new_page: NewPage) -> None:
    page = opened(new_page)
    click(page, -1, ACCURACY)  # the worst first
    wait_until_idle(page)
    tick(page, 0)
    expect(keys(page)).to_have_text(["slow"])
    page.get_by_role("link", name="Draw").first.click()
    page.get_by_role("heading", name="Draw a digit").wait_for()
    page.get_by_role("link", name="Explore").first.click()
    expect(keys(page)).to_have_text(["slow"])
    assert "slow" in page.url


def test_a_run_made_elsewhere_appears_and_the_choice_stays_with_its_runs(new_page: NewPage) -> None:
    page = opened(new_page)
    tick(page, 0)
    expect(keys(page)).to_have_text(["usual"])
    finish(SMALL.replace(epochs=1))
    expect(page.get_by_text("4 runs.")).to_be_visible()
    page.wait_for_timeout(500)
    expect(keys(page)).to_have_text(["usual"])
    click(page, 1, TICK)  # it is one row further down now, and still ticked: this unticks it
    expect(keys(page)).to_have_count(0)


def test_a_run_is_starred_and_renamed(new_page: NewPage, runs: list[Run]) -> None:
    page = opened(new_page)
    click(page, 1, STAR)
    expect(page.locator("[data-testid=stDataFrame] canvas td", has_text="★")).to_have_count(1)
    assert runs[1].label().starred
    tick(page, 0)
    page.locator("[class*=st-key-run-menu] button").click()
    field = page.get_by_role("textbox", name="Name", exact=True)
    field.fill("the usual one")
    field.press("Enter")
    expect(keys(page)).to_have_text(["the usual one"])
    expect(page.locator("[data-testid=stDataFrame] canvas td", has_text="the usual one")).to_have_count(1)
    assert runs[0].label().name == "the usual one"


def test_a_deleted_run_comes_back_with_undo(new_page: NewPage) -> None:
    page = opened(new_page)
    tick(page, 0, 1)
    button(page, "Delete 2 runs").click()
    expect(page.get_by_text("1 run.")).to_be_visible()
    expect(keys(page)).to_have_count(0)
    assert len(list_runs()) == 1
    button(page, "Undo").click()
    expect(keys(page)).to_have_text(["usual", "fast"])
    assert len(list_runs()) == 3


def test_a_run_opens_in_train_with_its_settings_and_seed(new_page: NewPage) -> None:
    run = finish(SMALL.replace(seed=7, learning_rate=0.02))
    page = opened(new_page, f"/explore?runs={run.id}")
    page.locator("[class*=st-key-run-menu] button").click()
    button(page, "Open in Train").click()
    page.get_by_role("heading", name="Train a network").wait_for()
    expect(page.get_by_role("spinbutton", name="Learning rate, exactly")).to_have_value("0.02")
    expect(page.get_by_text("Finished after")).to_be_visible()
    page.get_by_text("Data and repetition", exact=True).click()
    expect(page.get_by_role("spinbutton", name="Seed")).to_have_value("7")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_table_is_usable_on_a_phone(new_page: NewPage, scheme: str) -> None:
    page = opened(new_page, width=390, height=844, color_scheme=scheme, has_touch=True, is_mobile=True)
    expect(page.locator("[data-testid=stDataFrame]")).to_be_in_viewport(ratio=1)
    tick(page, 0, 1)
    expect(keys(page)).to_have_text(["usual", "fast"])
    expect(lines(page)).to_have_count(2)
    width, room = page.locator("[data-testid=stMain]").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert width <= room == 390
