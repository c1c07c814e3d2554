"""The Data page without a browser: what is shown, what is done to it, and a sentence wherever
something is wrong.
"""

import io
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.charts.digit_bars import missing_hint
from dashboard.data.drawings import local_time, stored_probabilities, surprises
from dashboard.data.exchange import FORMATS, LABELS, exported
from dashboard.data.filters import NEWEST, OLDEST, SURPRISE, DrawingFilter
from dataset import append_drawing, load_drawings
from dataset.corrections import (
    CORRECTIONS,
    RELABELLED,
    correct_label,
    export_corrections,
    load_corrections,
)
from dataset.drawings import NewDrawing, append_drawings, drawings_history, edit_drawings
from experiments.formats import percent
from model import load_classifier
from tests.digit_files import csv_lines, images_of, write_csv
from tests.made_drawings import append
from tests.page_without_browser import open_page, run


@pytest.fixture(autouse=True)
def drawings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    st.cache_resource.clear()
    monkeypatch.setenv("DIGITS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "drawings.csv"))
    return tmp_path / "drawings.csv"


def shown(app: AppTest) -> list[str]:
    """The ids of the thumbnails."""
    return list(app.session_state["DataState.sheet"].ids)


def choose(app: AppTest, *ids: str) -> AppTest:
    """As if the browser had said that these are chosen."""
    app.session_state["DataState.selected"] = ids
    return run(app)


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return run(app)


def says(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return "\n".join(element.value for kind in kinds for element in kind)


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def test_without_drawings_the_page_says_what_to_do_and_has_the_button():
    app = open_page("data")
    assert "no drawings yet" in says(app)
    assert [button.label for button in app.button] == ["Draw a digit", "Import a file"]
    assert press(app, "Import a file").file_uploader


def test_all_drawings_are_shown_newest_first_a_hundred_a_page():
    ids = append_drawings([NewDrawing(image=image, label=3) for image in images_of(130)])
    app = open_page("data")
    assert shown(app) == ids[:-101:-1]
    assert "1 to 100 of 130 drawings" in says(app)
    assert shown(open_page("data", page="2")) == ids[29::-1]


def test_the_address_says_which_are_shown_and_in_which_order():
    ids = append(30)
    app = open_page("data", digit="4", order="Oldest")
    assert shown(app) == [ids[4], ids[14], ids[24]]


@pytest.mark.parametrize("address", [{"page": "99"}, {"page": "none"}, {"digit": "eleven"}, {"order": "Best"}])
def test_an_address_that_says_nothing_sensible_shows_what_it_can(address: dict[str, str]):
    append(3)
    assert len(shown(open_page("data", **address))) == 3


def test_a_version_that_does_not_exist_is_named_and_the_way_back_is_a_button():
    append(2)
    app = open_page("data", version="7-0123abcd")
    assert "7-0123abcd" in says(app)
    assert len(shown(press(app, "Show the present drawings"))) == 2


def test_chosen_drawings_are_relabelled_and_that_is_undone():
    ids = append(12)
    app = press(choose(open_page("data"), ids[3], ids[5]), "7")
    assert load_drawings().digits.labels[[3, 5]].tolist() == [7, 7]
    assert "2 drawings relabelled as 7." in says(app)
    assert "0 selected" in says(app)
    app = press(app, "Undo")
    assert load_drawings().digits.labels[[3, 5]].tolist() == [3, 5]
    assert "Undone for 2 drawings." in says(app)


def test_what_is_set_aside_or_deleted_can_be_found_and_restored():
    ids = append(4)
    app = press(choose(open_page("data"), ids[0]), "Set aside")
    app = press(choose(app, ids[1]), "Delete")
    assert load_drawings(deleted=True).state.tolist() == ["set aside", "deleted", "kept", "kept"]
    assert shown(app) == [ids[3], ids[2], ids[0]]
    app = open_page("data", state="Deleted")
    assert shown(app) == [ids[1]]
    press(choose(app, ids[1]), "Restore")
    assert load_drawings().state.tolist() == ["set aside", "kept", "kept", "kept"]


def test_without_a_choice_nothing_can_be_done():
    append(3)
    doing = {"Set aside", "Restore", "Delete", "None", *"0123456789"}
    assert all(button.disabled for button in open_page("data").button if button.label in doing)


def test_relabelling_as_what_they_are_changes_nothing_and_says_so():
    ids = append(3)
    app = press(choose(open_page("data"), ids[1]), "1")
    assert "nothing to change" in says(app)
    assert len(drawings_history()) == 3


def test_drawings_that_wait_are_accepted():
    ids = append(2, state="waiting")
    press(choose(open_page("data"), *ids), "Accept")
    assert load_drawings().state.tolist() == ["kept", "kept"]


def test_the_counts_leave_out_what_does_not_count_and_name_the_missing_digit():
    ids = append(10)
    edit_drawings([ids[4]], state="set aside")
    app = open_page("data")
    assert "9 drawings in use" in html(app)
    assert "You have no 4 yet" in says(app)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([0] * 10, ""),
        ([5] * 10, ""),
        ([5, 5, 5, 5, 0, 5, 0, 5, 5, 5], "no 4 or 6 yet"),
        ([50, 50, 50, 50, 1, 50, 50, 50, 50, 50], "few of 4"),
    ],
)
def test_a_hint_names_missing_and_rare_digits(counts: list[int], words: str):
    hint = missing_hint(counts)
    assert words in hint
    assert bool(hint) == bool(words)


def test_the_details_say_where_a_drawing_came_from_and_escape_what_is_not_ours():
    image = images_of(1)[0]
    identity = append_drawing(image, 3, predicted=8, confidence=0.75, model="<b>m</b>", session="visitor-1")
    found = html(choose(open_page("data"), identity))
    assert f"8, {percent(0.75)} sure" in found
    assert "&lt;b&gt;m" in found
    assert "<b>m" not in found
    assert "a visitor" in found
    assert "visitor-1" not in found  # a session stays on the server
    assert "in use: for training" in found


def test_a_drawing_that_doubles_another_says_so():
    image = images_of(1)[0]
    first, again = (append_drawing(image, 3, predicted=3, confidence=0.9, model="m", session="s") for _ in range(2))
    assert f"{first[:8]}" in html(choose(open_page("data"), again))
    assert shown(open_page("data", doubles="true")) == [again]


def test_choices_narrow_each_other():
    ids = np.array(append(20))
    edit_drawings([ids[7]], state="set aside")
    now = load_drawings(deleted=True)

    def rows(**wishes: object) -> list[int]:
        return DrawingFilter(**wishes).rows(now, None).tolist()

    assert rows(order=OLDEST, answers=("Right",)) == [7, 17]  # the network always said 7
    assert rows(order=OLDEST, answers=("Right",), states=("In use",)) == [17]
    assert rows(digits=(2, 3), order=NEWEST) == [13, 12, 3, 2]
    assert rows(sources=("Imported",)) == []
    assert rows(first=date(2099, 1, 1)) == []
    assert len(rows(last=date(2099, 1, 1))) == 20


def test_a_day_begins_where_the_person_is():
    append_drawings([NewDrawing(image=images_of(1)[0], label=0, time="2026-03-01T23:30:00Z")])
    now = load_drawings()
    day = date(2026, 3, 2)
    assert DrawingFilter(first=day, zone="Europe/Berlin").rows(now, None).tolist() == [0]
    assert DrawingFilter(first=day, zone="UTC").rows(now, None).tolist() == []
    assert local_time("2026-03-01T23:30:00Z", "Europe/Berlin") == "2026-03-02 00:30"
    assert local_time("yesterday", "Mars/Olympus") == "yesterday"


def test_the_most_surprising_come_first_and_each_is_asked_about_only_once(monkeypatch: pytest.MonkeyPatch):
    ids, classifier = append(12), load_classifier()
    now = load_drawings(deleted=True)
    found = surprises(classifier, now)
    given = classifier.predict_proba(now.digits.images)[np.arange(12), now.digits.labels]
    np.testing.assert_allclose(found, -np.log(given), rtol=1e-4)
    assert DrawingFilter(order=SURPRISE).rows(now, found).tolist() == np.argsort(-found, kind="stable").tolist()
    asked = []
    monkeypatch.setattr(type(classifier), "predict_proba", lambda self, images: asked.append(len(images)))
    edit_drawings(ids[:2], label=9)
    again = surprises(classifier, load_drawings(deleted=True))
    assert not asked
    assert again[5] == found[5]
    assert again[0] != found[0]
    assert len(stored_probabilities(classifier.fingerprint)) == 12


def test_history_says_what_was_done_and_any_version_can_be_looked_at_and_returned_to():
    ids = append(3)
    edit_drawings([ids[0]], label=9)
    edit_drawings([ids[1]], state="deleted")
    app = open_page("data", part="History")
    assert list(app.dataframe[0].value["what"]) == ["deleted", "relabelled as 9", "stored", "stored", "stored"]
    app = open_page("data", version=drawings_history()[2].version)
    assert len(shown(app)) == 3
    assert "Delete" not in [button.label for button in app.button]  # what was is not changed
    press(app, "Return to this version")
    assert load_drawings().digits.labels.tolist() == [0, 1, 2]
    assert len(drawings_history()) == 6


def test_the_history_can_leave_out_what_was_stored_one_by_one():
    ids = append(3)
    edit_drawings([ids[0]], label=9)
    app = open_page("data", part="History")
    app.toggle[0].set_value(True)
    assert list(run(app).dataframe[0].value["what"]) == ["relabelled as 9"]


def imports(tmp_path: Path, **files: bytes) -> AppTest:
    return imports_all(list(files.items()))


def imports_all(files: list[tuple[str, bytes]]) -> AppTest:
    app = open_page("data", part="Import and export")
    app.file_uploader[0].set_value([(name, data, "application/octet-stream") for name, data in files])
    return press(run(app), "Import")


def test_a_csv_file_is_imported_once_and_that_can_be_undone(tmp_path: Path):
    data = write_csv(tmp_path / "some.csv", csv_lines(5)).read_bytes()
    app = imports(tmp_path, **{"some.csv": data})
    assert "5 drawings imported." in says(app)
    assert load_drawings().source.tolist() == ["imported"] * 5
    assert "here already" in says(imports(tmp_path, **{"some.csv": data}))
    press(app, "Undo")
    assert len(load_drawings().digits) == 0


def test_two_files_of_one_name_are_both_imported(tmp_path: Path):
    lines = csv_lines(5)
    files = [write_csv(tmp_path / "some.csv", some).read_bytes() for some in (lines[:3], [lines[0], *lines[3:]])]
    assert "5 drawings imported." in says(imports_all([("some.csv", file) for file in files]))


def test_imported_doubles_are_counted():
    append(4)
    said = says(imports_all([("drawings.zip", exported("drawings.zip"))]))
    assert "4 drawings imported. 4 of them are near-duplicates of drawings that were here" in said


def archive(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name in names:
            packed.writestr(name, b"no picture")
    return file.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("some.zip", b"no zip at all", "damaged (File is not a zip file)"),
        ("some.zip", archive("seven/1.png"), "a folder named 0 to 9"),
        ("some.zip", archive("7/1.png"), "7/1.png"),
        ("some.csv", b"label,pixel0\n1,2\n", "some.csv"),
        ("some.csv", b"", "some.csv"),
        ("some-images-idx3-ubyte", b"\0\0\x08\x03", "some-"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_a_sentence_and_nothing_is_stored(
    tmp_path: Path, name: str, data: bytes, words: str
):
    app = imports(tmp_path, **{name: data})
    assert words in app.error[0].value
    assert "Traceback" not in says(app)
    assert len(load_drawings().digits) == 0


@pytest.mark.slow
def test_every_export_is_a_file_that_the_import_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    append(4)
    before = load_drawings().digits
    files = {name: exported(name) for name in FORMATS}
    pair = {name: data for name, data in files.items() if "idx" in name}
    for number, some in enumerate(
        ({"drawings.csv": files["drawings.csv"]}, {"drawings.zip": files["drawings.zip"]}, pair)
    ):
        monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / f"{number}" / "drawings.csv"))
        assert "4 drawings imported." in says(imports(tmp_path, **some))
        after = load_drawings().digits
        np.testing.assert_array_equal(np.sort(after.labels), np.sort(before.labels))
        np.testing.assert_array_equal(after.images[np.argsort(after.labels)], before.images)


def test_corrected_labels_are_exported_and_imported_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def export() -> bool:
        return not open_page("data", part="Import and export").get("download_button")[-1].disabled

    assert not export()
    correct_label("a" * 32, RELABELLED, given=1, label=7)
    assert export()
    files = {"some.csv": write_csv(tmp_path / "some.csv", csv_lines(5)).read_bytes(), CORRECTIONS: export_corrections()}
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "elsewhere" / "drawings.csv"))
    assert "5 drawings and 1 correction imported." in says(imports(tmp_path, **files))
    assert (load_corrections().changed, len(load_drawings().digits)) == (1, 5)
    assert "here already" in says(imports(tmp_path, **files))
    bad = files[CORRECTIONS].replace(b",7,", b",seven,")
    assert "line 2: expected a label from 0 to 9 (label), got 'seven'" in imports(tmp_path, some=bad).error[0].value


def test_labels_without_their_images_are_refused(tmp_path: Path):
    append(2)
    assert imports(tmp_path, **{LABELS: exported(LABELS)}).error


def test_damaged_rows_are_said_and_offered(drawings: Path):
    append(2)
    with drawings.open("a") as file:
        file.write("3,half a row\n")
    app = open_page("data")
    assert "1 damaged row was" in says(app)
    assert [button.proto.label for button in app.get("download_button")] == ["Download these rows"]
    assert len(shown(app)) == 2


def test_drawings_that_cannot_be_read_are_a_sentence_and_no_traceback(drawings: Path):
    drawings.mkdir()
    app = open_page("data")
    assert app.error
