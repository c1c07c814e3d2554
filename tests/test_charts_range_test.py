"""The chart of a range test: what it shows, and that a growing test changes its data only."""

import numpy as np

from dashboard.charts.range_test import range_test_figure, range_test_points
from dashboard.theme import LIGHT
from experiments.range_test import RangeTest

RATES = np.logspace(-5, 0, 6)
LOSSES = np.array([2.0, 1.5, 0.5, 1.0, 9.0, 1.0])
WHOLE = RangeTest(RATES, LOSSES, LOSSES, 0.001, 0.01, 0.005, 0.1)


def test_a_growing_test_changes_the_data_and_not_the_specification() -> None:
    first, last = (range_test_figure(found, LIGHT, loss="cross-entropy") for found in (RangeTest(), WHOLE))
    assert first.pop("data").empty
    assert not last.pop("data").empty
    assert first == last


def test_the_curve_ends_where_it_leaves_the_chart() -> None:
    curve = range_test_points(WHOLE).query("kind == 'curve'")
    assert curve["rate"].tolist() == RATES[:5].tolist()
    assert curve["value"].max() < 1.2 * LOSSES[0]


def test_what_is_suggested_and_where_training_diverges_is_marked_only_if_it_is_known() -> None:
    points = range_test_points(WHOLE).set_index("kind")
    assert points.loc["range", ["low", "high"]].tolist() == [0.001, 0.01]
    assert points.loc["suggested", "note"] == "suggested 0.005"
    assert points.loc["diverges", "rate"] == 0.1
    assert set(range_test_points(RangeTest(RATES, LOSSES, LOSSES))["kind"]) == {"curve"}
