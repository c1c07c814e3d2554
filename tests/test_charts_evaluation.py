"""The charts of the Evaluate page say what the numbers say."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from dashboard.charts.evaluation import (
    accuracy_figure,
    class_accuracies,
    confusion_cells,
    confusion_figure,
    measures_table,
    percent,
)
from dashboard.charts.sheet import Tile, ink_png, sheet
from dashboard.theme import DARK, LIGHT

CLASSES = ("cat", "dog", "eel")
CONFUSION = np.array([[8, 2, 0], [1, 3, 0], [0, 0, 0]])  # no eel was there, and none was seen


def cells(**choices):
    options = {"measure": "count", "mute_diagonal": False, "picked": None} | choices
    table = confusion_cells(CONFUSION, CLASSES, **options)
    return table.set_index(["true", "predicted"])


def test_a_cell_holds_its_count_and_its_share_of_row_and_column_and_says_so():
    cell = cells().loc[("cat", "dog")]
    assert cell["description"] == "2 of cat taken for dog"
    assert (cell["images"], cell["row"], cell["column"]) == (2, 0.2, 0.4)


@pytest.mark.parametrize(("measure", "number"), [("count", "2"), ("row", "20.0"), ("column", "40.0")])
def test_each_measure_is_written_into_the_cells(measure, number):
    assert cells(measure=measure).loc[("cat", "dog"), "number"] == number


def test_a_class_that_never_occurs_has_empty_cells_and_no_division_by_zero():
    assert (cells(measure="row").loc["eel", "number"] == "").all()


def test_a_muted_diagonal_leaves_the_colours_to_the_mistakes():
    assert cells().loc[("cat", "dog"), "shade"] == 2 / 8
    muted = cells(mute_diagonal=True)
    assert muted.loc[("cat", "dog"), "shade"] == 1
    assert muted.loc[("cat", "cat"), "muted"]
    assert muted.loc[("cat", "cat"), "number"] == "8"


def test_a_perfect_model_with_a_muted_diagonal_has_no_shades():
    table = confusion_cells(np.diag([4, 5, 6]), CLASSES, measure="count", mute_diagonal=True, picked=None)
    assert (table["shade"] == 0).all()


def test_the_picked_cell_is_the_only_one_outlined():
    table = cells(picked=(1, 0))
    assert list(table[table["picked"]].index) == [("dog", "cat")]


def test_a_click_on_the_confusion_figure_names_both_classes():
    (selection,) = confusion_figure(CONFUSION, CLASSES, LIGHT)["layer"][0]["params"]
    assert selection["name"] == "cell"
    assert selection["select"]["fields"] == ["true", "predicted"]


def test_a_pick_and_a_muted_diagonal_change_the_data_only_so_that_the_chart_stays():
    one = confusion_figure(CONFUSION, CLASSES, DARK)
    other = confusion_figure(CONFUSION, CLASSES, DARK, picked=(0, 1), mute_diagonal=True)
    assert not one.pop("data").equals(other.pop("data"))
    assert one == other


def test_accuracy_bars_end_at_the_accuracy_and_carry_the_wilson_interval():
    rows = class_accuracies(CONFUSION, CLASSES)
    assert list(rows["label"]) == ["cat: 80.0 %", "dog: 75.0 %"]
    assert [round(rows[end][0], 1) for end in ("low", "high")] == [49.0, 94.3]


def test_the_accuracy_axis_says_where_it_starts():
    nearly_perfect = np.array([[1000, 5, 0], [0, 1000, 5], [5, 0, 1000]])
    bars = accuracy_figure(nearly_perfect, CLASSES, LIGHT)["layer"][0]["encoding"]
    assert bars["x"]["scale"]["domain"] == [90, 100]
    assert bars["x2"] == {"datum": 90}
    assert "starts at 90 %" in bars["x"]["title"]


def test_measures_are_percent_and_undefined_ones_are_a_dash():
    rows = measures_table(CONFUSION, CLASSES).to_string(delimiter=";").splitlines()
    assert rows[1] == "cat;88.9 %;80.0 %;84.2 %;10"
    assert rows[3] == "eel;–;–;–;0"


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0"), (0.0001, "<0.1"), (0.98765, "98.8"), (0.99999, "99.9"), (1, "100")]
)
def test_only_all_is_100_percent_and_only_none_is_0(share, text):
    assert percent(share) == text


def test_an_image_keeps_its_pixels_in_the_colours_of_the_theme():
    image = np.zeros((28, 28), np.uint8)
    image[3, 4] = 255
    picture = np.array(Image.open(BytesIO(ink_png(image, LIGHT))).convert("RGB"))
    assert picture.shape == (28, 28, 3)
    assert tuple(picture[0, 0]) == (0xFF, 0xFF, 0xFF)
    assert tuple(picture[3, 4]) == (0x0B, 0x2A, 0x5B)


def test_a_wrong_tile_is_marked_by_more_than_colour_and_every_image_is_described():
    image = np.zeros((28, 28), np.uint8)
    html = sheet([Tile(image, "4", "4"), Tile(image, "4", "9", ("loss 2.30",))], LIGHT)
    assert html.count('alt="Image of 4"') == 2
    assert '<figure class="right">' in html
    assert "× Predicted 9" in html
    assert "loss 2.30" in html


def test_names_from_files_are_never_taken_for_html():
    html = sheet([Tile(np.zeros((28, 28), np.uint8), "<script>", '"><img>')], LIGHT)
    assert "<script>" not in html
    assert '"><img>' not in html
