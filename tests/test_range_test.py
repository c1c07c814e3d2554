"""The range test: the rate that it suggests is a good one, and it says where training diverges."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from dataset import load_training
from experiments.cli.main import main
from experiments.range_test import (
    CHANCE,
    HIGHEST,
    RangeTest,
    config_tested,
    create_range_test,
    open_range_test,
    range_test_config,
    read_range_test,
)
from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.run import Run, RunError
from experiments.runs.table import list_runs
from model import Diverged, EpochDone, build_trainer
from model.schedules import LOWEST
from tests.small_runs import SMALL, to_end


def read(run: Run) -> RangeTest:
    return read_range_test(run.history(), run.config, diverged=run.status().state == "diverged")


def curve(*losses: float, highest: float = 1.0) -> pd.DataFrame:
    """A history of these losses at rates from a millionth of the highest up to it."""
    rates = highest * LOWEST ** (1 - np.arange(len(losses)) / len(losses))
    return pd.DataFrame({"learning_rate": rates, "train_loss": losses})


def loss_after(config: RunConfig) -> float:
    """Validation loss at the end of a training, infinite where it diverged."""
    last = math.inf
    try:
        for event in build_trainer(config, *load_training(config.data, config.validation_share)).train():
            if isinstance(event, EpochDone):
                last = event.validation_loss
    except Diverged:
        return math.inf
    return last


@pytest.mark.parametrize(
    ("preset", "length"),
    [
        ("quick", {"epochs": 3}),
        ("relu-256-128", {"epochs": 3}),
        ("relu-64-64", {"epochs": 4}),
        ("sigmoid-mse", {"epochs": 5}),
        pytest.param("relu-128-128-decay", {"epochs": 4}, marks=pytest.mark.slow),
        pytest.param("full-batch-64", {"steps": 100}, marks=pytest.mark.slow),
        pytest.param("cnn", {"epochs": 2}, marks=pytest.mark.slow),
    ],
)
def test_training_with_the_suggested_rate_beats_a_tenth_of_it_and_ten_times_it(
    preset: str, length: dict[str, int]
) -> None:
    config = PRESETS[preset]
    run = create_range_test(config)
    to_end(run)
    found = read(run)
    assert found.suggested_low < found.suggested < found.suggested_high < found.diverges_at
    tenth, as_is, tenfold = (
        loss_after(config.replace(learning_rate=factor * found.suggested, **length)) for factor in (0.1, 1, 10)
    )
    assert as_is < tenth
    assert as_is < tenfold


def test_a_test_is_short_and_keeps_what_the_rate_depends_on() -> None:
    for config in PRESETS.values():
        tested = range_test_config(config)
        assert 100 <= tested.steps <= 400
        assert tested.replace(**{name: getattr(config, name) for name in CHANGED}) == config
        rates = [tested.scheduled_rate(step, 4000) for step in range(tested.steps)]
        assert rates[0] == pytest.approx(HIGHEST * LOWEST)
        assert rates[-1] == pytest.approx(HIGHEST, rel=0.2)


CHANGED = ("learning_rate", "schedule", "steps", "validation_share", "patience", "drawings_weight", "training_images")


def test_a_large_network_gets_fewer_steps_and_a_full_batch_fewer_images() -> None:
    assert range_test_config(PRESETS["cnn"]).steps < range_test_config(PRESETS["quick"]).steps
    assert range_test_config(PRESETS["full-batch-64"]).training_images == 5000
    few = PRESETS["full-batch-64"].replace(training_images=500)
    assert range_test_config(few).training_images == 500


def test_what_the_curve_says_lies_where_it_is_lowest_and_where_it_has_lost_half() -> None:
    falls, rises = np.linspace(2.4, 0.3, 120), np.linspace(0.3, 2.3, 60)
    history = curve(*falls, *rises, *[2.3] * 60)
    found = read_range_test(history, SMALL, diverged=False)
    lowest = history["learning_rate"][120]
    assert found.suggested_high == pytest.approx(lowest, rel=0.5)  # the mean runs a little behind the loss
    assert found.suggested_low == pytest.approx(found.suggested_high / 10, rel=0.05)
    assert found.suggested == pytest.approx(found.suggested_high / 2, rel=0.05)
    half = history["learning_rate"][120 + 30]
    assert half < found.diverges_at < 3 * half


def test_a_run_that_the_guard_ended_diverges_at_its_last_rate() -> None:
    history = curve(*np.linspace(2.4, 0.3, 100))
    assert read_range_test(history, SMALL, diverged=False).diverges_at is None
    found = read_range_test(history, SMALL, diverged=True)
    assert found.diverges_at == pytest.approx(history["learning_rate"].iloc[-1], rel=0.05)


def test_a_network_that_does_not_learn_gets_no_suggestion() -> None:
    found = read_range_test(curve(*[CHANCE[True]] * 100), SMALL, diverged=False)
    assert (found.suggested_low, found.suggested, found.suggested_high, found.diverges_at) == (None,) * 4


@pytest.mark.parametrize("points", [0, 1, 2])
def test_a_test_that_has_just_begun_can_be_read(points: int) -> None:
    found = read_range_test(curve(*[2.3] * points), SMALL, diverged=False)
    assert len(found.rates) == len(found.smoothed) == points
    assert found.suggested is None


def test_the_first_smoothed_loss_is_the_first_loss() -> None:
    found = read_range_test(curve(2.0, 2.0, 2.0, 5.0), SMALL, diverged=False)
    assert found.smoothed[:3] == pytest.approx([2.0, 2.0, 2.0])


def test_a_test_stands_in_no_list_of_runs_and_is_found_by_its_id_with_the_config_it_was_for() -> None:
    config = SMALL.replace(learning_rate=0.02, patience=3)
    run = create_range_test(config)
    assert list_runs() == []
    assert open_range_test(run.id) == run
    assert config_tested(run) == config
    assert run.status().group == "range-test"


@pytest.mark.parametrize("which", ["", "..", "../x", "no-such-test"])
def test_a_test_that_is_not_there_gives_a_sentence(which: str) -> None:
    with pytest.raises(RunError, match="range test"):
        open_range_test(which)


def test_a_damaged_test_gives_a_sentence() -> None:
    run = create_range_test(SMALL)
    (run.folder / "tested.json").write_text(json.dumps({"learning_rate": "high"}))
    with pytest.raises(RunError, match="damaged"):
        config_tested(run)


def test_the_command_line_says_the_rate_and_the_command_to_train_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["range", "--data", "mnist-5k", "--set", "hidden=16"]) == 0
    said = capsys.readouterr().out
    rate = said.split("Suggested learning rate ")[1].split(",")[0]
    assert f"digits train --preset quick --learning-rate {rate}" in said
    assert main(["range", "--data", "mnist-5k", "--set", "hidden=16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert f"{found['suggested']:g}" == rate
    assert len(found["rates"]) == len(found["smoothed"]) > 100


def test_the_command_line_says_where_nothing_is_learned(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["range", "--data", "mnist-5k", "--set", "hidden=16", "--set", "initializer=zeros"]) == 1
    assert "hardly fell" in capsys.readouterr().out
    assert main(["range", "--preset", "no-such"]) == 2
    assert "no preset 'no-such'" in capsys.readouterr().err
