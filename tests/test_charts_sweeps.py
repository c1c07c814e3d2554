"""The charts of a sweep say what its trials came to, and change in their data only."""

import math

import pytest

from dashboard.charts.parallel import BELOW, parallel_figure, parallel_rows
from dashboard.charts.sweep_map import by_cell, cell_text, map_cells, map_figure
from dashboard.charts.sweep_values import (
    Axis,
    Objective,
    SweepView,
    in_order,
    outcome_text,
    setting_axis,
    spread,
    values_of,
)
from dashboard.charts.sweeps import best_so_far, history_figure, importance_figure, points, slice_figure
from dashboard.explore import sweep_filters as filters
from dashboard.explore.sweep_filters import brushed, filter_text, filtered
from dashboard.theme import LIGHT
from experiments.sweeps.importance import Importance
from experiments.sweeps.space import Range
from tests.made_trials import GRID, grid_trials, trial

OBJECTIVE = Objective()
TRIALS = grid_trials()
ALL = {made.number for made in TRIALS}
RATE, WIDTH = (setting_axis(name, name, values, steps=values.values(name)) for name, values in GRID.items())
FREE = setting_axis("learning_rate", "Learning rate", Range(0.001, 0.1, log=True))
ACTIVATION = setting_axis("activation", "Activation", ("relu", "tanh"), named=str.upper)
OUTCOME = OBJECTIVE.axis(values_of(TRIALS))


# Axes.


@pytest.mark.parametrize(
    ("search", "log"),
    [(Range(1, 100), True), (Range(1, 9), False), (Range(0, 100), False), (Range(2, 4, log=True), True)],
)
def test_an_axis_is_logarithmic_by_itself_where_its_values_span_a_decade(search: Range, log: bool) -> None:
    assert setting_axis("x", "x", search).log == log


def test_equal_ratios_lie_equally_far_apart_on_a_logarithmic_axis() -> None:
    assert [round(FREE.place(rate), 6) for rate in (0.001, 0.01, 0.1)] == [0, 0.5, 1]
    assert FREE.at(FREE.place(0.03)) == pytest.approx(0.03)


def test_choices_lie_in_their_order_and_are_called_by_their_names() -> None:
    assert [(ACTIVATION.place(choice), ACTIVATION.text(choice)) for choice in ("relu", "tanh")] == [
        (0, "RELU"),
        (1, "TANH"),
    ]


@pytest.mark.parametrize(
    ("search", "written"),
    [
        (Range(0.001, 0.1, log=True), ["0.001", "0.003", "0.01", "0.03", "0.1"]),
        (Range(0.0, 0.4), ["0", "0.1", "0.2", "0.3", "0.4"]),
        ((8, 2, 4), ["2", "4", "8"]),
        (((64,), (128, 64), ()), ["64", "128-64", "none"]),
        ((False, True), ["off", "on"]),
    ],
)
def test_the_values_beside_an_axis_can_be_read(search: object, written: list[str]) -> None:
    axis = setting_axis("x", "x", search)
    assert [axis.text(tick) for tick in axis.ticks()] == written


def test_every_value_of_a_range_falls_into_one_cell_and_both_ends_are_inside() -> None:
    cells = FREE.cells()
    assert all(sum(cell.holds(FREE.at(place)) for cell in cells) == 1 for place in (0.05, 0.3, 0.55, 0.97))
    assert cells[0].holds(0.001)
    assert cells[-1].holds(0.1)


def test_better_lies_higher_for_accuracy_and_for_loss() -> None:
    accuracy = OBJECTIVE.axis([0.9, 0.99])
    assert accuracy.place(OBJECTIVE.error(0.99)) == 1
    loss = Objective("validation_loss")
    assert loss.axis([0.1, 2.0]).place(loss.error(0.1)) == 1


def test_results_that_are_all_alike_lie_in_the_middle() -> None:
    axis = OBJECTIVE.axis([0.9, 0.9])
    assert axis.place(OBJECTIVE.error(0.9)) == pytest.approx(0.5)


def test_the_axis_of_the_result_is_written_as_accuracy_with_both_ends() -> None:
    texts = [text for _, text in OBJECTIVE.ticks(OBJECTIVE.axis([0.5, 0.98]))]
    assert texts[0] == "50.0\N{NO-BREAK SPACE}%"
    assert texts[-1] == "98.0\N{NO-BREAK SPACE}%"
    assert "90\N{NO-BREAK SPACE}%" in texts


# What trials came to.


def test_a_trial_that_diverged_has_no_result_even_if_it_had_one_before() -> None:
    assert outcome_text(TRIALS[4], OBJECTIVE) == "diverged"
    assert cell_text(TRIALS[4], OBJECTIVE) == "× diverged"
    assert 0.5 not in values_of(TRIALS)


def test_several_seeds_are_a_mean_and_its_standard_deviation() -> None:
    made = trial(0, 0.9, 0.92, 0.94)
    assert outcome_text(made, OBJECTIVE).replace("\N{NO-BREAK SPACE}", "") == "92.0% ± 2.0%"
    assert spread((0.9,)) is None


def test_the_best_come_first_and_what_has_no_result_last() -> None:
    assert [made.number for made in in_order(TRIALS, OBJECTIVE)] == [3, 2, 1, 0, 4, 5]


def test_the_best_so_far_only_rises() -> None:
    made = [trial(0, 0.9), trial(1, 0.8), trial(2, 0.95), trial(3, 0.7), trial(4, 0.99, state="pruned")]
    assert [(turn, round(badness, 2)) for turn, badness in best_so_far(made, OBJECTIVE)] == [
        (0, 0.1),
        (2, 0.05),
        (3, 0.05),
    ]


# The charts.


def view(trials=TRIALS, axes=(RATE, WIDTH), *, kept=ALL, picked=None) -> SweepView:
    return SweepView(trials, axes, OBJECTIVE, kept, picked)


def test_a_line_crosses_each_axis_at_its_setting_and_ends_at_its_result() -> None:
    rows = parallel_rows(view(picked=3), {})
    line = rows[(rows["kind"] == "line") & (rows["trial"] == 3)]
    assert list(line["place"]) == pytest.approx([0.5, 1, 1])
    assert set(line["look"]) == {"picked"}
    diverged = rows[(rows["kind"] == "line") & (rows["trial"] == 4)]
    assert diverged["place"].iloc[-1] == BELOW
    running = rows[(rows["kind"] == "line") & (rows["trial"] == 5)]
    assert len(running) == 2  # no result yet


def test_a_cell_of_the_map_has_its_best_result_and_an_empty_one_says_so() -> None:
    made = [*TRIALS, trial(6, 0.7, learning_rate=0.01, width=64)]
    cells = map_cells(view(made, kept={3, 4, 6}, picked=3), RATE, WIDTH).set_index(["column", "row"])
    assert cells.loc[("0.01", "64"), "text"] == "95.0"
    assert cells.loc[("0.01", "64"), "trials"] == 2
    assert cells.loc[("0.1", "16"), "text"] == "× diverged"
    assert cells.loc[("0.001", "16"), "result"] == "no trial"
    assert list(cells[cells["picked"]].index) == [("0.01", "64")]


def test_a_click_on_the_map_returns_the_best_trial_of_the_cell_and_nothing_where_there_is_none() -> None:
    figure = map_figure(view(kept={0, 3}, picked=3), RATE, WIDTH, LIGHT)
    squares = figure.data[1]
    by_cell = dict(zip(zip(squares.x, squares.y, strict=True), squares.customdata, strict=True))
    assert (by_cell["0.01", "64"], by_cell["0.1", "64"]) == (3, None)
    assert squares.y[0] == "64"  # high values are at the top
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.y0) == (0.5, -0.5)


def test_values_drawn_from_a_range_are_gathered_in_cells() -> None:
    made = [trial(n, 0.9, learning_rate=rate, width=16) for n, rate in enumerate((0.001, 0.0012, 0.09))]
    assert sorted(len(inside) for inside in by_cell(made, FREE, WIDTH).values()) == [1, 2]


def test_the_bar_of_a_point_reaches_from_its_worst_to_its_best_seed() -> None:
    (row,) = points(view([trial(0, 0.9, 0.94)], kept={0})).to_dict("records")
    assert (row["low"], row["error"], row["high"]) == pytest.approx((0.06, 0.08, 0.1))


@pytest.mark.parametrize(
    "figure",
    [lambda view: slice_figure(view, RATE, LIGHT), lambda view: history_figure(view, LIGHT, planned=6)],
)
def test_a_click_on_a_point_returns_its_trial_and_colour_is_not_the_only_sign(figure) -> None:
    *_, dots, crosses, ring = figure(view(kept={0, 1, 2, 3, 4}, picked=3)).data
    assert list(dots.customdata) == [0, 1, 2, 3]  # 4 diverged, 5 runs and has no result
    assert list(crosses.customdata) == [4]
    assert crosses.marker.symbol == "x"
    assert list(ring.y) == pytest.approx([0.05])
    assert list(dots.marker.color) == [LIGHT.accent] * 4
    faded = figure(view(kept={3})).data[-3].marker.color
    assert list(faded) == [LIGHT.line] * 3 + [LIGHT.accent]


def test_a_pruned_trial_has_another_symbol_than_a_finished_one() -> None:
    made = [trial(0, 0.9), trial(1, 0.8, state="pruned")]
    assert list(history_figure(view(made), LIGHT, planned=2).data[1].marker.symbol) == ["circle", "diamond"]


def test_better_results_lie_higher_and_their_axis_says_accuracies() -> None:
    y = slice_figure(view(), RATE, LIGHT).layout.yaxis
    assert y.type == "log"
    assert y.range[0] > y.range[1]  # of the error rate
    assert y.ticktext[-1] == "95.0\N{NO-BREAK SPACE}%"


def test_choices_are_a_slice_with_their_names() -> None:
    made = [trial(0, 0.9, activation="tanh"), trial(1, 0.8, activation="relu")]
    figure = slice_figure(view(made, (ACTIVATION,)), ACTIVATION, LIGHT)
    assert list(figure.layout.xaxis.categoryarray) == ["RELU", "TANH"]
    assert list(figure.data[0].x) == ["TANH", "RELU"]


def test_a_sweep_without_results_has_all_its_charts() -> None:
    made = [trial(0, state="running", learning_rate=0.1, width=16)]
    assert history_figure(view(made), LIGHT, planned=3).layout.title.text
    assert slice_figure(view(made), RATE, LIGHT).layout.title.text
    assert map_figure(view(made), RATE, WIDTH, LIGHT).layout.title.text


def test_an_importance_that_may_be_chance_is_grey_and_hatched() -> None:
    shares = [Importance("width", 0.1, 0.0, 0.3, p=0.5), Importance("rate", 0.8, 0.6, 0.9, p=0.001)]
    (bars,) = importance_figure(shares, {"rate": "Learning rate"}, LIGHT).data
    assert list(bars.y) == ["Learning rate", "width"]
    assert list(bars.marker.color) == [LIGHT.accent, LIGHT.muted]
    assert list(bars.marker.pattern.shape) == ["", "/"]
    assert bars.error_x.array.tolist() == pytest.approx([10, 20])


def test_what_finishes_is_picked_or_filtered_changes_the_data_only_so_that_the_brushed_chart_stays() -> None:
    one = parallel_figure(view(TRIALS[:2], kept={0}, picked=0), LIGHT, brushes={})
    other = parallel_figure(view(picked=3), LIGHT, brushes={"width": (0.0, 0.5)})
    assert not one.pop("data").equals(other.pop("data"))
    assert one == other


# Filters.


def brush(low: float, high: float, axis: float, axes: list[Axis]) -> dict[str, tuple]:
    return brushed({"axis": [axis - 0.05, axis + 0.05], "place": [low, high]}, axes, OUTCOME)


def test_a_brush_on_steps_takes_the_steps_in_it() -> None:
    assert brush(0.4, 1.1, 0, [RATE, WIDTH]) == {"learning_rate": (0.01, 0.1)}
    assert brush(0.6, 0.9, 0, [RATE, WIDTH]) == {}


def test_a_brush_on_a_range_takes_the_values_between_and_the_whole_end_where_it_nearly_reaches_it() -> None:
    assert brush(0.5, 0.97, 0, [FREE]) == {"learning_rate": (0.01, 0.1)}


def test_a_brush_on_choices_takes_those_it_covers() -> None:
    assert brush(0.8, 1.2, 0, [ACTIVATION]) == {"activation": ("tanh",)}


def test_a_brush_between_two_axes_means_the_nearer_one_and_a_wide_one_all_that_it_crosses() -> None:
    between = {"axis": [0.6, 0.8], "place": [0.9, 1.1]}
    assert brushed(between, [RATE, WIDTH], OUTCOME) == {"width": (64, 64)}
    wide = {"axis": [-0.1, 1.1], "place": [0.9, 1.1]}
    assert set(brushed(wide, [RATE, WIDTH], OUTCOME)) == {"learning_rate", "width"}


def test_the_result_is_filtered_by_a_brush_on_its_axis_and_diverged_trials_are_kept_by_one_that_reaches_them() -> None:
    best = brush(0.5, 1.08, 2, [RATE, WIDTH])
    assert [made.number for made in filtered(best, TRIALS, [RATE, WIDTH], OBJECTIVE)] == [2, 3]
    worst = brush(-0.12, 0.1, 2, [RATE, WIDTH])
    assert [made.number for made in filtered(worst, TRIALS, [RATE, WIDTH], OBJECTIVE)] == [0, 4]


def test_filters_on_two_settings_keep_what_passes_both() -> None:
    both = {"learning_rate": (0.01, 0.1), "width": (64, 64)}
    assert [made.number for made in filtered(both, TRIALS, [RATE, WIDTH], OBJECTIVE)] == [3, 5]


@pytest.mark.parametrize(
    ("name", "wanted", "said"),
    [
        ("learning_rate", (0.003, 0.1), "learning_rate: 0.003 to 0.1"),
        ("width", (64, 64), "width: 64"),
        ("activation", ("tanh",), "Activation: TANH"),
        ("result", (0.1, 0.0), "Validation accuracy: 90.0 % and better"),
        ("result", (math.inf, 0.2), "Validation accuracy: up to 80.0 %"),
        ("result", (0.2, 0.1), "Validation accuracy: 80.0 % to 90.0 %"),
    ],
)
def test_a_filter_is_said_in_filter_text(name: str, wanted: tuple, said: str) -> None:
    assert filter_text(name, wanted, [RATE, WIDTH, ACTIVATION], OBJECTIVE).replace("\N{NO-BREAK SPACE}", " ") == said


def test_what_a_filter_keeps_lies_between_the_ends_of_its_brush() -> None:
    places = filters.brushes({"width": (16, 64), "result": (math.inf, 0.0)}, [RATE, WIDTH], OUTCOME)
    assert places == {"width": (0, 1), "result": (BELOW, 1)}
