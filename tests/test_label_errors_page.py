"""The Label errors view without a browser: what it offers, shows and puts down, and the switch on
Train.
"""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.data import label_errors as view
from dataset import Digits, load_digits
from dataset.corrections import corrections_file, image_hashes, load_corrections
from experiments import label_errors
from experiments.label_errors import LabelErrors, SearchStatus, create_search, run_search, search_for
from experiments.runs.run import RunError
from experiments.runs.table import list_runs
from model import TrainConfig
from tests.digit_files import csv_lines, write_csv
from tests.made_label_errors import make_label_errors
from tests.page_without_browser import open_page, run

VIEW = {"part": "Label errors"}


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search is short, and goes on in this process."""

    def search(source: str, part: label_errors.Part, digits: Digits) -> label_errors.Search:
        made = create_search(source, part, digits)
        for _ in run_search(made):
            pass
        return made

    st.cache_resource.clear()
    monkeypatch.setattr(label_errors, "RECIPE", TrainConfig(hidden=(16,)))
    monkeypatch.setattr(label_errors, "EPOCHS", 1)
    monkeypatch.setattr(label_errors, "LEAST_STEPS", 1)
    monkeypatch.setattr(view, "start_search", search)
    monkeypatch.setattr(view, "DOUBLE_CLICK", 0.0)


@pytest.fixture
def found() -> LabelErrors:
    return make_label_errors()


def click(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return run(app)


def text(app: AppTest) -> str:
    return "\n".join(element.value for kind in (app.markdown, app.caption, app.info) for element in kind)


def test_where_nothing_is_known_the_page_says_how_long_it_takes_and_a_click_searches() -> None:
    app = open_page("data", **VIEW)
    assert "These 5,000 labels have not been searched yet. That takes about" in text(app)
    app = click(app, "Search for label errors")
    assert search_for("mnist-5k", "all").status().state == "finished"
    assert "of 5,000 digits differently from their label" in text(run(app))


def test_the_likeliest_error_is_shown_first_with_digits_of_both_labels(found: LabelErrors) -> None:
    app = open_page("data", **VIEW)
    assert "#### Labelled 0, read as 1" in text(app)
    assert "**10** of 5,000 digits differently from their label. You have reviewed 0 of the 1,000" in text(app)
    html = "".join(element.proto.body for element in app.get("html"))
    assert html.count("<img") == 1 + 2 * label_errors.NEIGHBOURS
    assert "Most similar digits labelled 0" in html
    assert "Most similar digits labelled 1" in html


def test_each_verdict_is_stored_and_the_next_label_error_is_shown(found: LabelErrors) -> None:
    digits = load_digits("mnist-5k", "all")
    images = image_hashes(digits.images[found.order[:4]])
    app = click(open_page("data", **VIEW), "Relabel as 1")
    assert "Row 0 is now labelled 1 instead of 0." in text(app)
    assert "#### Labelled 1, read as 2" in text(app)
    app = click(app, "Label is correct")
    app = click(app, "Set aside")
    app = click(app, "7")
    said = [(load_corrections().by_image[image].verdict, load_corrections().by_image[image].label) for image in images]
    assert said == [("relabelled", 1), ("right", 1), ("set aside", 2), ("relabelled", 7)]
    assert "#### Labelled 4, read as 5" in text(app)
    assert "reviewed 4 of the 1,000 most likely label errors" in text(app)
    assert "3 labels corrected or set aside in all" in text(app)


def test_the_second_click_of_a_double_click_judges_nothing(found: LabelErrors, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page("data", **VIEW)
    monkeypatch.setattr(view, "DOUBLE_CLICK", 60.0)
    app = click(click(app, "Relabel as 1"), "Relabel as 2")
    assert len(load_corrections().by_image) == 1
    assert "#### Labelled 1, read as 2" in text(app)


def test_undo_takes_back_one_after_the_other_and_shows_the_digit_again(found: LabelErrors) -> None:
    app = click(open_page("data", **VIEW), "Relabel as 1")
    app = click(app, "Set aside")
    app = click(app, "Undo")
    assert "#### Labelled 1, read as 2" in text(app)
    app = click(app, "Undo")
    assert "#### Labelled 0, read as 1" in text(app)
    assert load_corrections().by_image == {}
    assert "Undo" not in [button.label for button in app.button]


def test_what_was_judged_by_others_is_passed_over_and_said_where_it_is_opened(found: LabelErrors) -> None:
    click(open_page("data", **VIEW), "Relabel as 1")
    app = open_page("data", **VIEW)  # another session
    assert "#### Labelled 1, read as 2" in text(app)
    app.session_state["DataState.review_row"] = 0
    assert "Reviewed before: now 1." in text(run(app))


def test_where_the_disk_forgets_that_is_said_of_judgements_too(
    found: LabelErrors, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert "forgets" not in text(click(open_page("data", **VIEW), "Relabel as 1"))
    monkeypatch.setenv("DIGITS_DISK", "forgets")
    assert "This server forgets them when it restarts" in text(open_page("data", **VIEW))


def test_a_database_that_cannot_be_reached_is_one_sentence(found: LabelErrors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_DATABASE", "sqlite:////nowhere/at/all.db")
    app = open_page("data", **VIEW)
    assert [error.value for error in app.error] == [
        "sqlite:\N{WORD JOINER}////nowhere/at/all.db cannot be reached: "
        "unable to open database file. See DIGITS_DATABASE."
    ]
    assert not open_page("train").exception


def test_a_search_that_was_stopped_can_go_on() -> None:
    search = create_search("mnist-5k", "all")
    search.write_status(SearchStatus("stopped"))
    app = open_page("data", **VIEW)
    assert "The search was stopped before its end." in text(app)
    click(app, "Continue")
    assert search.status().state == "finished"


def test_a_result_that_is_damaged_is_said_and_found_anew(found: LabelErrors) -> None:
    search = search_for("mnist-5k", "all")
    search.result_file.write_bytes(b"PK\x03\x04 no more")
    app = open_page("data", **VIEW)
    assert "has not come to its end. Start it again." in app.error[0].value
    click(app, "Search for label errors")
    assert search.is_done()


def test_a_search_that_failed_says_why() -> None:
    create_search("mnist-5k", "all").write_status(SearchStatus("failed", "The disk is full."))
    app = open_page("data", **VIEW)
    assert app.error[0].value == "The disk is full."


def test_what_cannot_be_started_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RunError("There is no room.")

    monkeypatch.setattr(view, "start_search", refuse)
    app = click(open_page("data", **VIEW), "Search for label errors")
    assert "could not be started: There is no room." in app.error[0].value


def test_digits_that_are_not_here_are_offered_for_download() -> None:
    app = open_page("data", **VIEW, labels="MNIST, test digits")
    assert not app.exception
    assert "Search for label errors" not in [button.label for button in app.button]


def test_a_file_that_is_not_there_or_has_no_labels_is_one_sentence(tmp_path: Path) -> None:
    unlabelled = write_csv(tmp_path / "some.csv", [line.partition(",")[2] for line in csv_lines(60)])
    app = open_page("data", **VIEW, labels="A file of your own")
    for path, sentence in ((str(tmp_path / "no.csv"), "There is no file"), (str(unlabelled), "has no labels")):
        app.text_input(key="label-errors-path").set_value(path)
        app = run(app)
        assert [sentence in error.value for error in app.error] == [True]


def test_train_uses_corrected_labels_only_if_switched_on(found: LabelErrors) -> None:
    app = open_page("train")
    assert app.toggle(key="train-corrected").disabled
    click(open_page("data", **VIEW), "Relabel as 1")
    app = open_page("train")
    toggle = app.toggle(key="train-corrected")
    assert (toggle.label, toggle.value, toggle.disabled) == ("Use 1 corrected label", False, False)
    toggle.set_value(True)
    run(app)
    assert app.session_state["State.planned"].label_corrections == load_corrections().version
    assert corrections_file().is_file()
    assert list_runs() == []
