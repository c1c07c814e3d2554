"""The Draw page without a browser: what is answered, what is stored, and a sentence wherever
something is wrong.
"""

import struct
import tracemalloc
import zlib
from base64 import b64decode, b64encode
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from PIL import Image, ImageDraw
from streamlit.testing.v1 import AppTest

from dashboard.draw.answer import read_sheet
from dashboard.draw.received import MAX_URL, PNG_URL, SIDE, read_canvas
from dashboard.draw.state import Sheet
from dataset import append_drawing, load_drawings
from dataset.drawings import drawings_last
from experiments.formats import probability
from model import Checkpoint, center_ink, load_checkpoint, load_classifier, save_checkpoint
from tests.page_without_browser import open_page, run
from tests.small_runs import SMALL, finish

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


@pytest.fixture(autouse=True)
def drawings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    st.cache_resource.clear()
    monkeypatch.setenv("DIGITS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "drawings.csv"))
    return tmp_path / "drawings.csv"


def canvas(*points: tuple[int, int]) -> np.ndarray:
    """What the drawing widget sends: white ink on black, opaque."""
    picture = Image.new("RGBA", (280, 280), "black")
    if points:
        ImageDraw.Draw(picture).line(points, fill="white", width=20, joint="curve")
    return np.asarray(picture)


SEVEN = canvas((70, 60), (210, 60), (130, 235))


def opened(**address: str) -> AppTest:
    return open_page("draw", **address)


def draw(app: AppTest, pixels: np.ndarray) -> AppTest:
    """As if the canvas had sent these pixels."""
    sheets = app.session_state["DrawState.sheets"]
    sheets["Draw"] = replace(sheets.get("Draw", Sheet()), pixels=pixels, strokes={"objects": [{}]})
    return run(app)


def click(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click()
    return run(app)


def answer(app: AppTest) -> str:
    return next(text.value for text in app.markdown if 'class="answer' in text.value)


def said(app: AppTest) -> str:
    return " ".join(e.value for kind in (app.markdown, app.warning, app.error, app.caption) for e in kind)


def test_a_drawing_is_answered_with_the_shipped_model_and_its_next_guess():
    app = draw(opened(), SEVEN)
    shares = load_classifier().predict_proba(center_ink(SEVEN)[None])[0]
    first, second = np.argsort(-shares)[:2]
    assert f"<span>{first}</span>" in answer(app)
    assert f"Next guess: {second} ({probability(float(shares[second]))})" in answer(app)


@pytest.mark.parametrize("pixels", [canvas(), canvas((40, 40), (41, 40))])
def test_blank_paper_and_specks_are_not_read_and_say_so(pixels: np.ndarray):
    app = draw(opened(), pixels)
    assert "<span>?</span>" in answer(app)
    assert "Draw" in answer(app)
    assert all(button.disabled for button in app.button if button.label in ("Correct", "Incorrect"))


def test_of_a_picture_without_a_digit_another_one_is_asked_for():
    assert "Upload another one." in read_sheet(Sheet(pixels=canvas(), is_upload=True), load_classifier())


def test_correct_stores_exactly_what_was_shown_and_takes_a_new_sheet():
    app = click(draw(opened(), SEVEN), "Correct")
    stored, classifier = load_drawings(), load_classifier()
    np.testing.assert_array_equal(stored.digits.images[0], center_ink(SEVEN))
    row = stored.table.iloc[0]
    assert row["label"] == row["predicted"] == stored.digits.labels[0]
    assert row["model"] == classifier.fingerprint
    assert row["source"] == "drawn"
    assert list(stored.strokes) == ['{"objects":[{}]}']
    assert "<span>?</span>" in answer(app)
    assert f"Saved as {row['label']}." in said(app)


def test_incorrect_asks_which_digit_and_stores_that():
    app = click(click(draw(opened(), SEVEN), "Incorrect"), "4")
    assert load_drawings().table["label"].tolist() == [4]
    assert "Saved as 4." in said(app)


def test_a_click_that_comes_after_its_sheet_is_gone_stores_nothing():
    app = draw(opened(), SEVEN)
    correct = next(button for button in app.button if button.label == "Correct")
    sheets = app.session_state["DrawState.sheets"]
    sheets["Draw"] = Sheet(sheets["Draw"].number + 1)  # Clear has come first
    correct.click()
    run(app)
    assert len(load_drawings().digits) == 0


def test_undo_takes_the_last_row_back():
    app = click(click(draw(opened(), SEVEN), "Correct"), "Undo this")
    assert len(load_drawings().digits) == 0
    assert "was removed" in said(app)


def test_a_drawing_that_cannot_be_stored_stays_and_says_why(drawings: Path):
    drawings.mkdir()
    app = opened()
    app = click(draw(app, SEVEN), "Correct")
    assert "DIGITS_DRAWINGS" in said(app)
    assert "<span>?</span>" not in answer(app)


@pytest.mark.parametrize(("disk", "offered"), [("forgets", True), ("lasts", False)])
def test_where_the_disk_does_not_last_the_page_says_so_and_offers_the_drawings(
    disk: str, offered: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DIGITS_DISK", disk)
    assert "forgets drawings" not in said(opened())  # nothing to lose yet
    app = click(draw(opened(), SEVEN), "Correct")
    assert ("forgets drawings" in said(app)) == offered
    assert [button.label for button in app.get("download_button")] == ["Download a copy"] * offered
    monkeypatch.setenv("DIGITS_DATABASE", "postgresql://nobody@localhost/nothing")
    assert drawings_last()


def test_damaged_rows_are_set_aside_with_a_sentence(drawings: Path):
    append_drawing(center_ink(SEVEN), 7, predicted=7, confidence=0.9, model="m", session="s")
    drawings.write_text(drawings.read_text() + "7,1,2,3\n7,x\n")
    assert "2 damaged rows were moved to" in said(opened())
    assert len(load_drawings().digits) == 1


def test_a_chosen_model_comes_with_the_address_and_an_unknown_one_gives_a_sentence():
    trained = finish(SMALL)
    app = opened(model=trained.id)
    assert app.selectbox(key="model").value == trained.id
    app = opened(model="no-such-run")
    assert app.selectbox(key="model").value == "shipped"
    assert "The shipped model answers instead." in said(app)


def test_a_model_that_does_not_read_digits_names_its_classes_and_collects_nothing():
    trained = finish(SMALL)
    saved = load_checkpoint(trained.best)
    save_checkpoint(trained.best, Checkpoint(saved.settings, saved.weights, about={**saved.about, "classes": FASHION}))
    app = draw(opened(model=trained.id), SEVEN)
    assert any(name in answer(app) for name in FASHION)
    assert "not collected" in said(app)
    assert not any(button.label == "Correct" for button in app.button)


def test_what_looks_like_no_digit_is_said_to_be_none_and_a_person_may_insist():
    trained = finish(SMALL)
    saved = load_checkpoint(trained.best)
    save_checkpoint(
        trained.best, Checkpoint(saved.settings, saved.weights, about={**saved.about, "rejects_above": -1.0})
    )
    app = draw(opened(model=trained.id), SEVEN)
    nearest = load_classifier(trained.best).predict_proba(center_ink(SEVEN)[None])[0].argmax()
    assert "This does not look like a digit I know." in answer(app)
    assert f"The nearest is {nearest}" in answer(app)
    app = click(app, f"It is {nearest}")
    app = click(click(draw(app, SEVEN), "Another digit"), "4")
    assert load_drawings().table["label"].tolist() == [nearest, 4]


def png_url(picture: Image.Image, **options: object) -> str:
    file = BytesIO()
    picture.save(file, "PNG", **options)
    return PNG_URL + b64encode(file.getvalue()).decode()


STROKES = {"objects": [{"type": "path"}]}


def test_what_the_canvas_sends_is_read():
    strokes, pixels = read_canvas({"drawing": {"raw": STROKES, "data": png_url(Image.fromarray(SEVEN))}})
    assert strokes == STROKES
    np.testing.assert_array_equal(pixels, SEVEN)
    assert read_canvas(None) == read_canvas({}) == (None, None)


def header_of(picture: str, side: int) -> str:
    """The same data URL with another size in its header."""
    content = bytearray(b64decode(picture.removeprefix(PNG_URL)))
    content[16:24] = struct.pack(">II", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return PNG_URL + b64encode(content).decode()


def second_header(picture: str) -> str:
    """The same data URL with a header of a huge picture behind the right one."""
    content = b64decode(picture.removeprefix(PNG_URL))
    chunk = b"IHDR" + struct.pack(">IIBBBBB", 9000, 9000, 8, 6, 0, 0, 0)
    chunk = struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return PNG_URL + b64encode(content[:33] + chunk + content[33:]).decode()


BLANK = png_url(Image.new("RGBA", (SIDE, SIDE)))
FORGED = {
    "huge": png_url(Image.new("1", (9000, 9000))),
    "small": png_url(Image.new("RGBA", (28, 28))),
    "huge, by its header": header_of(BLANK, 9000),
    "huge, by a second header": second_header(BLANK),
    "cut off": BLANK[:200],
    "no base64": PNG_URL + "ä" * 40,
    "JPEG": BLANK.replace("png", "jpeg"),
    "too long": BLANK + "A" * MAX_URL,
    "a number": 5,
}


@pytest.mark.parametrize("picture", FORGED)
def test_a_forged_picture_is_refused_before_it_is_decoded(picture: str):
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="picture"):
            read_canvas({"drawing": {"raw": STROKES, "data": FORGED[picture]}})
        assert tracemalloc.get_traced_memory()[1] < 4e6
    finally:
        tracemalloc.stop()


def nested(depth: int) -> dict[str, object]:
    """Strokes with so many lists inside each other."""
    inner: list[object] = []
    for _ in range(depth):
        inner = [inner]
    return {"objects": [{"path": inner}]}


HUGE = {"objects": [{"type": "x" * 15_000_000}]}


@pytest.mark.parametrize(
    "strokes",
    [[1, 2], "x", None, 5, {}, {"objects": 5}, {"objects": ["x"]}, nested(20), nested(900), HUGE],
    ids=["list", "text", "none", "number", "empty", "no list", "no dict", "nested", "deep", "huge"],
)
def test_malformed_strokes_are_refused(strokes: object):
    with pytest.raises(ValueError, match="strokes"):
        read_canvas({"drawing": {"raw": strokes, "data": None}})


@pytest.mark.parametrize(
    "sent",
    [
        {"drawing": [1, 2]},
        {"drawing": "x"},
        {"drawing": {"raw": [1, 2]}},
        {"drawing": {"raw": nested(900)}},
        {"drawing": {"raw": HUGE}},
        {"drawing": {}, "backgroundFit": [1]},
    ],
    ids=["list", "text", "strokes", "nested", "huge", "background"],
)
def test_what_no_canvas_sends_becomes_a_blank_sheet(sent: dict[str, object]):
    app = opened()
    app.session_state["canvas-0"] = sent
    assert "<span>?</span>" in answer(run(app))
    assert app.session_state["DrawState.sheets"]["Draw"].number == 1
