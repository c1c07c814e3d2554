"""Cost: how long a run will take, and how that is said."""

from dataclasses import replace

import pytest

from experiments.runs.config import PRESETS, RunConfig
from experiments.runs.run import create_run
from experiments.training.cost import START, expected_seconds, slowness
from model.build import count_products

CONFIG = RunConfig()


def test_twice_the_epochs_take_twice_as_long() -> None:
    once = expected_seconds(CONFIG, 4000, 1.0) - START
    assert expected_seconds(CONFIG.replace(epochs=10), 4000, 1.0) - START == pytest.approx(2 * once)


def test_changing_the_images_takes_its_time_for_each_of_them() -> None:
    plain, warped, both = (
        expected_seconds(CONFIG.replace(**strengths), 60_000, 1.0) / CONFIG.epochs
        for strengths in ({}, {"elastic": 1.0, "shift": 1.0}, {"elastic": 1.0, "stroke_width": 1.0})
    )
    assert plain + 0.1 < warped < both - 0.1 < plain + 0.5


def test_the_numbers_of_images_between_layers_take_their_time_beside_the_products() -> None:
    dense, convolutional = PRESETS["quick"], PRESETS["cnn"]
    seconds = [(expected_seconds(config, 55_000, 1.0) - START) / config.epochs for config in (dense, convolutional)]
    products = count_products(convolutional) / count_products(dense)
    assert 1.5 * products < seconds[1] / seconds[0]  # 23 times, as measured
    assert seconds[1] / seconds[0] < 4 * products


def test_a_slow_machine_is_known_by_its_latest_runs() -> None:
    run = create_run(CONFIG)
    assert slowness([run]) == 1.0  # it has not trained yet
    seconds = expected_seconds(CONFIG, 3667, 1.0) - START
    seen = 5 * 3667
    run.write_status(replace(run.status(), images=3667, images_per_second=seen / seconds / 3, seconds=9.0))
    assert slowness([run]) == pytest.approx(3.0, rel=0.02)  # the short last batch is reckoned as a full one
