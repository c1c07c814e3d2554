"""Training charts: what they show, and that a growing run changes their data only."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dashboard.charts.training import MAX_POINTS, accuracy_figure, loss_figure, rate_figure, schedule, thinned
from dashboard.theme import LIGHT
from experiments.runs.history import HISTORY_COLUMNS


def history(rows: int, epoch: int = 10) -> pd.DataFrame:
    """A run that learns, with a validation every `epoch` rows; its validation loss is lowest at row
    4 * epoch.
    """
    step = np.arange(1, rows + 1)
    table = pd.DataFrame(dict.fromkeys(HISTORY_COLUMNS, np.nan), index=range(rows))
    table["step"], table["epoch"] = step, step / epoch
    table["train_loss"], table["train_accuracy"] = 2.3 / step, 1 - 1 / (step + 1)
    table["learning_rate"] = 0.1
    checked = step % epoch == 0
    table.loc[checked, "validation_loss"] = np.abs(step[checked] - 4 * epoch) / 100 + 0.1
    table.loc[checked, "validation_accuracy"] = 0.9
    return table


def loss(table: pd.DataFrame, **options: Any) -> dict[str, Any]:
    common = {"total_steps": 500, "loss": "cross-entropy", "log": False, "changes": (), "palette": LIGHT}
    return loss_figure(table, **(common | options))


def accuracy(table: pd.DataFrame, **options: Any) -> dict[str, Any]:
    return accuracy_figure(table, **({"total_steps": 500, "log": False, "changes": (), "palette": LIGHT} | options))


def points(figure: dict[str, Any], kind: str) -> pd.DataFrame:
    return figure["data"][figure["data"]["kind"] == kind]


def specification(figure: dict[str, Any]) -> str:
    return json.dumps({part: value for part, value in figure.items() if part != "data"})


@pytest.mark.parametrize("rows", [0, 1, 2, 399, 400, 401, 1000, 12345])
def test_a_curve_has_at_most_400_points_and_ends_with_the_last(rows: int) -> None:
    steps = thinned(history(rows))["step"].tolist()
    assert len(steps) <= MAX_POINTS
    assert len(steps) >= min(rows, MAX_POINTS // 2)
    assert steps == sorted(set(steps))
    assert steps[-1:] == ([rows] if rows else [])


def test_points_stay_where_they_are_while_a_curve_grows() -> None:
    before, after = thinned(history(900)), thinned(history(1100))
    assert set(before["step"][:-1]) <= set(after["step"])


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("figure", [loss, accuracy])
def test_a_growing_run_changes_the_data_and_never_the_specification(figure: Any, log: bool) -> None:
    late = figure(history(300), log=log, changes=[(20, 0.5), (40, None)])
    assert specification(figure(history(0), log=log)) == specification(late)


def test_the_axis_of_steps_spans_the_whole_run_from_the_start() -> None:
    assert loss(history(3))["encoding"]["x"]["scale"] == {"domain": [0, 500], "nice": False}


def test_the_best_epoch_is_that_of_the_lowest_validation_loss_on_both_charts() -> None:
    for figure in (loss(history(100)), accuracy(history(100))):
        assert points(figure, "Best")["step"].tolist() == [40]


def test_a_run_without_validation_has_no_best_epoch() -> None:
    figure = loss(history(9))
    assert points(figure, "Best").empty
    assert points(figure, "Validation").empty


def test_learning_rates_set_by_hand_are_marked_with_what_was_set() -> None:
    marks = points(loss(history(100), changes=[(20, 0.005), (60, None)]), "Rate")
    assert marks[["step", "note"]].values.tolist() == [[20, "rate 0.005"], [60, "schedule"]]


def test_a_logarithmic_axis_gets_no_zero() -> None:
    perfect = history(50).assign(train_loss=0.0, train_accuracy=1.0)
    for figure in (loss(perfect, log=True), accuracy(perfect, log=True)):
        assert (points(figure, "Training")["value"] > 0).all()


def test_accuracy_on_a_logarithmic_axis_becomes_the_error_rate() -> None:
    figure = accuracy(history(50), log=True)
    assert figure["title"] == "Error rate"
    assert points(figure, "Validation")["value"].to_numpy() == pytest.approx(0.1)


def test_the_loss_is_named_with_its_unit() -> None:
    axis = loss(history(5), loss="squared-error")["layer"][2]["encoding"]["y"]
    assert axis["title"] == "Mean squared error"


def test_every_step_of_a_short_run_is_in_its_schedule_and_a_long_one_is_thinned() -> None:
    assert schedule(lambda step: 10.0 * step, 3).values.tolist() == [[1, 0], [2, 10], [3, 20]]
    long = schedule(float, 100_000)
    assert len(long) == 200
    assert long["step"].tolist()[-1] == 100_000


def test_the_rate_chart_shows_the_plan_alone_or_with_what_was_used() -> None:
    plan = schedule(lambda step: 0.1, 500)
    assert set(rate_figure(plan, None, total_steps=500, palette=LIGHT)["data"]["kind"]) == {"Schedule"}
    assert set(rate_figure(plan, history(9), total_steps=500, palette=LIGHT)["data"]["kind"]) == {"Schedule", "Used"}


def test_colour_is_never_the_only_sign() -> None:
    signs = loss(history(9))["layer"][2]["encoding"]
    dashes = signs["strokeDash"]["scale"]["range"]
    assert len(dashes) == len({tuple(dash) for dash in dashes}) == len(signs["color"]["scale"]["range"])
