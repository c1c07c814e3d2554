"""The charts of the Evaluate page say what the numbers say."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from dashboard.charts.confusion import (
    class_accuracies,
    class_accuracy_figure,
    confusion_cells,
    confusion_figure,
    difference_cells,
    measures_table,
    percent,
)
from dashboard.charts.images import Tile, image_png, image_sheet
from dashboard.theme import DARK, LIGHT
from model.metrics import wilson_interval

CLASSES = ("cat", "dog", "eel")
CONFUSION = np.array([[8, 2, 0], [1, 3, 0], [0, 0, 0]])  # no eel was there, and none was seen


def cells(**choices):
    options = {"measure": "count", "mute_diagonal": False} | choices
    table = confusion_cells(CONFUSION, CLASSES, **options)
    return table.set_index(["row", "column"])


def test_a_cell_holds_its_count_and_its_share_of_row_and_column():
    cell = cells().loc[("cat", "dog")]
    assert (cell["images"], cell["row_share"], cell["column_share"]) == (2, 0.2, 0.4)


@pytest.mark.parametrize(("measure", "text"), [("count", "2"), ("row", "20.0"), ("column", "40.0")])
def test_each_measure_is_written_into_the_cells(measure, text):
    assert cells(measure=measure).loc[("cat", "dog"), "text"] == text


def test_a_class_that_never_occurs_has_empty_cells_and_no_division_by_zero():
    assert (cells(measure="row").loc["eel", "text"] == "").all()


def test_a_muted_diagonal_leaves_the_colours_to_the_mistakes():
    assert cells().loc[("cat", "dog"), "shade"] == 2 / 8
    muted = cells(mute_diagonal=True)
    assert muted.loc[("cat", "dog"), "shade"] == 1
    assert muted.loc[("cat", "cat"), "shade"] == -1
    assert muted.loc[("cat", "cat"), "text"] == "8"


def test_a_perfect_model_with_a_muted_diagonal_has_no_shades():
    table = confusion_cells(np.diag([4, 5, 6]), CLASSES, measure="count", mute_diagonal=True)
    assert (table["shade"] <= 0).all()


def test_the_picked_cell_is_the_only_one_outlined():
    (frame,) = confusion_figure(CONFUSION, CLASSES, LIGHT, picked=(1, 0)).layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (-0.5, 0.5, 0.5, 1.5)  # first column, second row
    assert not confusion_figure(CONFUSION, CLASSES, LIGHT).layout.shapes


def test_a_click_on_a_cell_returns_both_classes_and_its_hover_names_them():
    heat, squares = confusion_figure(CONFUSION, CLASSES, LIGHT).data
    assert heat.z.tolist()[0] == [1, 0.25, 0]
    assert (squares.y[3], squares.x[3], squares.customdata[3]) == ("dog", "cat", [1, 0])
    assert squares.hovertext[3].split("<br>")[:3] == ["True class: dog", "Predicted class: cat", "Images: 1"]


def test_the_number_of_a_dark_cell_is_light_and_that_of_a_muted_one_is_grey():
    (_, squares), (_, muted) = (
        confusion_figure(CONFUSION, CLASSES, DARK, mute_diagonal=mute).data for mute in (False, True)
    )
    assert list(squares.textfont.color[:2]) == [DARK.background, DARK.text]
    assert list(muted.textfont.color[:2]) == [DARK.muted, DARK.background]


def test_a_cell_of_two_matrices_difference_says_which_model_does_better_there():
    table = difference_cells(np.array([[2, -4], [1, 0]]), ("cat", "dog")).set_index(["row", "column"])
    assert table.loc[("cat", "cat"), "shade"] == 0.5  # more of the right ones
    assert table.loc[("cat", "dog"), "shade"] == 1.0  # fewer mistakes
    assert table.loc[("dog", "cat"), "shade"] == -0.25
    assert table.loc[("cat", "dog"), "text"] == "−4"
    assert table.loc[("dog", "dog"), "text"] == ""


def test_accuracy_bars_end_at_the_accuracy_and_carry_the_wilson_interval():
    rows = class_accuracies(CONFUSION, CLASSES)
    assert list(rows["name"]) == ["cat: 80.0 %", "dog: 75.0 %"]
    assert [round(rows[end][0], 1) for end in ("low", "high")] == [49.0, 94.3]


def test_the_accuracy_axis_says_where_it_starts():
    nearly_perfect = np.array([[1000, 5, 0], [0, 1000, 5], [5, 0, 1000]])
    figure = class_accuracy_figure(nearly_perfect, CLASSES, LIGHT)
    assert figure.layout.xaxis.range[0] == 90
    assert "starts at 90 %" in figure.layout.xaxis.title.text
    (bars,) = figure.data
    assert bars.x[0] + bars.error_x.array[0] <= 100
    assert bars.x[0] - bars.error_x.arrayminus[0] == pytest.approx(100 * wilson_interval(1000, 1005)[0])


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
    picture = np.array(Image.open(BytesIO(image_png(image, LIGHT))).convert("RGB"))
    assert picture.shape == (28, 28, 3)
    assert tuple(picture[0, 0]) == (0xFF, 0xFF, 0xFF)
    assert tuple(picture[3, 4]) == (0x0B, 0x2A, 0x5B)


def test_a_wrong_tile_is_marked_by_more_than_colour_and_every_image_is_described():
    image = np.zeros((28, 28), np.uint8)
    html = image_sheet([Tile(image, "4", "4"), Tile(image, "4", "9", ("loss 2.30",))], LIGHT)
    assert html.count('alt="Image of 4"') == 2
    assert '<figure class="right">' in html
    assert "× Predicted 9" in html
    assert "loss 2.30" in html


def test_names_from_files_are_never_taken_for_html():
    html = image_sheet([Tile(np.zeros((28, 28), np.uint8), "<script>", '"><img>')], LIGHT)
    assert "<script>" not in html
    assert '"><img>' not in html
