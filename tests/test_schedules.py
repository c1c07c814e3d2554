"""Schedules: the learning rate starts, turns and ends where the field says."""

import math

import pytest

from model.config import TrainConfig
from model.schedules import SCHEDULES


@pytest.mark.parametrize(
    ("name", "progress", "epochs", "factor"),
    [
        ("constant", 0.7, 3, 1.0),
        ("step", 0.49, 3, 1.0),
        ("step", 0.5, 3, 0.1),
        ("step", 0.75, 3, 0.01),
        ("inverse-time", 0.5, 4, 1 / 1.4),
        ("cosine", 0.0, 0, 1.0),
        ("cosine", 0.5, 5, 0.5),
        ("one-cycle", 0.0, 0, 0.04),
        ("one-cycle", 0.3, 3, 1.0),
        ("one-cycle", 0.65, 3, 0.5),
        ("warm-up", 0.0, 0, 0.01),
        ("warm-up", 0.05, 0, 0.505),
        ("warm-up", 0.4, 4, 1.0),
        ("range-test", 0.0, 0, 1e-6),
        ("range-test", 0.5, 4, 1e-3),
    ],
)
def test_a_schedule_has_its_known_points(name, progress, epochs, factor):
    assert SCHEDULES[name](progress, epochs, 0.1) == pytest.approx(factor)


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_rate_of_a_run_is_above_zero_and_at_most_the_rate_asked_for(name):
    config = TrainConfig(schedule=name, learning_rate=0.2)
    steps, rates = config.learning_rates(1000, points=500)
    assert len(steps) == len(rates) == config.total_steps(1000)
    assert all(0 < rate <= 0.2 * (1 + 1e-12) for rate in rates)
    assert not any(math.isnan(rate) for rate in rates)
