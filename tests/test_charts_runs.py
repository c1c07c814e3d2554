"""The charts of runs side by side say what the numbers say."""

import numpy as np
import pandas as pd
import pytest

from dashboard.charts.run_curves import (
    QUANTITIES,
    Line,
    curve_points,
    curves_figure,
    log_by_itself,
    loss_axis,
    sign,
    smoothed,
    spans_decades,
)
from dashboard.charts.run_results import Outcome, accuracy_bars, loss_bars
from dashboard.theme import DARK, LIGHT

OPTIONS = {"against": "step", "log": False, "log_x": False, "faint": False}


def history(losses: list[float], *, every: int = 1, rate: float = 0.1) -> pd.DataFrame:
    steps = every * np.arange(1, len(losses) + 1)
    table = pd.DataFrame({"step": steps, "epoch": steps / 10, "seconds": steps / 100, "learning_rate": rate})
    table["train_loss"] = table["validation_loss"] = losses
    table["train_accuracy"] = table["validation_accuracy"] = 1 - np.array(losses) / 3
    return table.assign(gradient_norm=1.0)


def points(*lines: Line, quantity: str = "loss", smoothing: float = 0.0, against: str = "step") -> pd.DataFrame:
    options = {"parts": ("validation",), "against": against, "smoothing": smoothing, "palette": LIGHT}
    return curve_points(lines, quantity, **options)


def line(*losses: list[float], place: int = 0, **options: float) -> Line:
    return Line("mine", place, tuple(history(some, **options) for some in losses))


def test_a_run_has_the_same_colour_and_dashes_in_every_chart_and_in_the_key() -> None:
    for quantity in QUANTITIES:
        rows = points(line([3, 2, 1], place=3), quantity=quantity)
        assert set(rows["color"]) == {LIGHT.digits[3]}
        assert set(rows["dash"]) == {3}
    assert LIGHT.digits[3] in sign(3, LIGHT)
    assert 'stroke-dasharray="9 2 2 2"' in sign(3, LIGHT)


def test_smoothing_starts_at_the_first_value_and_leaves_a_constant_alone() -> None:
    assert smoothed(np.array([4.0, 0.0]), 0.5) == pytest.approx([4, 4 / 3])
    assert smoothed(np.full(9, 7.0), 0.9) == pytest.approx(np.full(9, 7.0))


def test_smoothing_keeps_what_was_measured_beside_it() -> None:
    rows = points(line([4, 0.1, 4, 0.1]), smoothing=0.8)
    assert list(rows["raw"]) == [4, 0.1, 4, 0.1]
    assert rows["value"].std() < rows["raw"].std()


def test_a_learning_rate_is_never_smoothed() -> None:
    rates = Line("mine", 0, (history([1, 1]).assign(learning_rate=[0.1, 0.9]),))
    rows = points(rates, quantity="learning_rate", smoothing=0.9)
    assert list(rows["value"]) == [0.1, 0.9]


def test_runs_of_several_seeds_are_their_mean_in_a_band_from_lowest_to_highest() -> None:
    rows = points(line([4, 1], [2, 2], [3, 3]))
    assert list(rows["value"]) == [3, 2]
    assert list(rows["low"]) == [2, 1]
    assert list(rows["high"]) == [4, 3]


def test_what_a_run_does_not_have_yet_is_no_point() -> None:
    new = Line("new", 0, (history([]),))
    assert points(new).empty
    assert len(points(new, line([2, 1]))) == 2
    assert curve_points([], "loss", against="step", parts=("train",), smoothing=0, palette=LIGHT).empty


def test_a_chart_holds_so_many_points_that_ten_long_runs_stay_fluent() -> None:
    many = [line(list(np.linspace(3, 1, 4000)), place=place) for place in range(10)]
    assert len(points(*many)) < 3000


@pytest.mark.parametrize(("values", "log"), [([1, 2, 20], False), ([0.001, 1], True), ([0, 1], False), ([], False)])
def test_values_that_span_decades_get_a_logarithmic_axis(values: list[float], log: bool) -> None:
    assert spans_decades(values) is log


def test_accuracies_are_drawn_by_what_is_wrong_where_that_spans_decades() -> None:
    rows = points(line([3, 0.003]), quantity="accuracy")
    assert log_by_itself(rows, "accuracy")
    figure = curves_figure(rows, "accuracy", LIGHT, **OPTIONS | {"log": True})
    assert figure["title"] == "Error rate"
    assert figure["data"]["value"].tolist() == pytest.approx([1, 0.001])


def test_a_perfect_accuracy_still_has_a_place_on_a_logarithmic_axis() -> None:
    rows = points(line([3, 0.3, 0]), quantity="accuracy")
    assert curves_figure(rows, "accuracy", LIGHT, **OPTIONS | {"log": True})["data"]["value"].min() > 0


def test_learning_rates_are_logarithmic_where_runs_differ_and_not_because_a_schedule_ends_low() -> None:
    falling = Line("falling", 0, (history([1, 1]).assign(learning_rate=[0.1, 1e-9]),))
    assert not log_by_itself(points(falling, quantity="learning_rate"), "learning_rate")
    low = line([1, 1], place=1, rate=1e-4)
    both = points(falling, low, quantity="learning_rate")
    assert log_by_itself(both, "learning_rate")
    layer = curves_figure(both, "learning_rate", LIGHT, **OPTIONS | {"log": True})["layer"][2]
    assert layer["encoding"]["y"]["scale"]["domainMin"] == pytest.approx(1e-5)


def test_other_runs_change_the_data_only_so_that_the_chart_stays() -> None:
    one = curves_figure(points(line([3, 2])), "loss", DARK, **OPTIONS)
    other = curves_figure(points(line([2, 1]), line([1, 2], [3, 4], place=7)), "loss", DARK, **OPTIONS)
    assert not one.pop("data").equals(other.pop("data"))
    assert one == other


def test_losses_of_several_kinds_are_not_called_by_the_name_of_one() -> None:
    assert loss_axis(["cross-entropy"] * 2) == "Cross-entropy (nats)"
    assert loss_axis(["cross-entropy", "squared-error"]) == "Loss, each of its own kind"


def test_the_best_run_is_the_first_bar_and_one_without_a_result_is_none() -> None:
    outcomes = [Outcome("a", 0, 0.9, 0.3, 100), Outcome("new", 1, None, None, 0), Outcome("b", 2, 0.95, 0.2, 100)]
    figure = accuracy_bars(outcomes, LIGHT)
    (bars,) = figure.data
    assert [name.strip("\u200b") for name in bars.y] == ["b", "a"]
    assert (bars.x - bars.error_x.arrayminus).round(1).tolist() == [88.8, 82.6]
    assert "axis starts at 80 %" in figure.layout.xaxis.title.text
    assert [name.strip("\u200b") for name in loss_bars(outcomes, LIGHT).data[0].y] == ["b", "a"]
    assert not len(accuracy_bars([], LIGHT).data[0].x)


def test_two_runs_of_one_name_are_two_bars() -> None:
    (bars,) = loss_bars([Outcome("same", place, 0.9, 0.3, 100) for place in (0, 1)], LIGHT).data
    assert len(set(bars.y)) == 2
    assert list(bars.marker.color) == list(LIGHT.digits[:2])
