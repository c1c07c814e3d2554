"""The charts of robustness say what was counted."""

import pytest

from dashboard.charts.robustness import key_to_curves, robustness_figure, robustness_points
from dashboard.theme import LIGHT
from experiments.disturbances import DISTURBANCES
from model.metrics import wilson_interval

COUNTS = [(0, 0, 95), (0, 2, 80), (1, 0, 60)]  # curve, strength, right


def points():
    return robustness_points(COUNTS, DISTURBANCES["shift"], total=100)


def figure(*, counts=COUNTS, picked=None, palette=LIGHT):
    return robustness_figure(counts, DISTURBANCES["shift"], palette, total=100, picked=picked)


def test_a_point_is_the_accuracy_in_percent_with_its_wilson_interval():
    rows = points()
    assert rows["accuracy"].tolist() == [95, 80, 60]
    low, high = wilson_interval(80, 100)
    assert rows.loc[1, ["low", "high"]].tolist() == pytest.approx([100 * low, 100 * high])
    band, line = figure().data[:2]
    assert list(line.y) == [95, 80]
    assert max(band.y) == pytest.approx(rows["high"].max())


def test_the_undisturbed_accuracy_and_the_picked_strength_are_marked_by_lines():
    level, place = figure(picked=2).layout.shapes
    assert (level.y0, level.y1, level.line.dash) == (95, 95, "dot")
    assert (place.x0, place.x1) == (2, 2)
    assert not figure(counts=[]).layout.shapes


def test_axes_are_those_of_the_disturbance_for_any_measurement():
    for chart in (figure(), figure(counts=[])):
        x, y = chart.layout.xaxis, chart.layout.yaxis
        assert (x.title.text, x.tickvals[0], x.tickvals[-1]) == ("Moved by (pixels)", 0, 8)
        assert x.range[0] < 0
        assert x.range[1] > 8
        assert (y.title.text, y.tickvals[0], y.tickvals[-1]) == ("Read correctly (%)", 0, 100)
        assert chart.layout.title.text == "Accuracy by shift"


def test_a_click_on_a_point_returns_its_strength_and_its_hover_says_what_was_counted():
    line = figure().data[1]
    assert list(line.customdata) == [0, 2]
    assert line.hovertext[0].startswith("Moved by (pixels): 0<br>Read correctly: 95.0 %")


def test_two_curves_differ_by_more_than_colour():
    first, second = (figure().data[number] for number in (1, 3))
    assert first.line.dash != second.line.dash
    assert first.marker.symbol != second.marker.symbol


def test_the_key_tells_two_curves_apart_by_more_than_colour_and_takes_no_name_for_html():
    key = key_to_curves(["Shipped model", "<b>"], LIGHT, undisturbed="99.2")
    assert "solid" in key.split("Shipped model")[0]
    assert "dashed" in key.split("&lt;b&gt;")[0].split("Shipped model")[1]
    assert "Undisturbed: 99.2 %" in key
    assert "<b>" not in key
