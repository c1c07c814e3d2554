"""The charts of robustness say what was counted."""

import pytest

from dashboard.charts.robustness import POINT, key_to_curves, robustness_figure, robustness_points
from dashboard.theme import DARK, LIGHT
from experiments.robustness import DISTURBANCES
from model.metrics import wilson_interval

COUNTS = [(0, 0, 95), (0, 2, 80), (1, 0, 60)]  # curve, strength, right


def points(**options):
    return robustness_points(COUNTS, DISTURBANCES["shift"], **{"total": 100, "picked": None, "turn": 0} | options)


def figure(palette=LIGHT, **options):
    return robustness_figure(
        options.pop("counts", COUNTS),
        DISTURBANCES["shift"],
        palette,
        **{"total": 100, "picked": None, "turn": 0} | options,
    )


def test_a_point_is_the_accuracy_in_percent_with_its_wilson_interval():
    rows = points()
    assert rows["accuracy"].tolist() == [95, 80, 60]
    low, high = wilson_interval(80, 100)
    assert rows.loc[1, ["low", "high"]].tolist() == pytest.approx([100 * low, 100 * high])


def test_the_undisturbed_points_and_the_picked_ones_are_marked():
    rows = points(picked=2)
    assert rows["undisturbed"].tolist() == [True, False, True]
    assert rows["picked"].tolist() == [False, True, False]


def test_axes_are_those_of_the_disturbance_and_stay_whatever_was_measured():
    chart = figure()
    x, y = chart["encoding"]["x"], chart["encoding"]["y"]
    assert (x["title"], x["scale"]["domain"]) == ("Moved by (pixels)", [0, 8])
    assert (y["title"], y["scale"]["domain"]) == ("Read correctly (%)", [0, 100])
    assert chart["title"] == "Accuracy by shift"


def test_a_pick_and_a_measurement_change_the_data_only_so_that_the_chart_stays():
    one, other = figure(DARK, counts=[]), figure(DARK, picked=2, turn=7)
    assert not one.pop("data").equals(other.pop("data"))
    assert one == other


def test_a_click_selects_a_strength_and_is_news_after_any_other_pick():
    (params,) = [layer["params"] for layer in figure()["layer"] if "params" in layer]
    assert params[0]["name"] == POINT
    assert params[0]["select"]["fields"] == ["strength", "turn"]
    assert figure(turn=3)["data"]["turn"].tolist() == [3, 3, 3]


def test_the_key_tells_two_curves_apart_by_more_than_colour_and_takes_no_name_for_html():
    key = key_to_curves(["Shipped model", "<b>"], LIGHT, undisturbed="99.2")
    assert "solid" in key.split("Shipped model")[0]
    assert "dashed" in key.split("&lt;b&gt;")[0].split("Shipped model")[1]
    assert "Undisturbed: 99.2 %" in key
    assert "<b>" not in key
