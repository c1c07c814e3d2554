"""Calibration: more threads only where they pay, by what a real training measures."""

import pytest

from dataset import load_training
from experiments.training.cost import choose_threads, measure_speeds, thread_choices
from tests.small_runs import SMALL


@pytest.mark.parametrize(
    ("speeds", "threads", "why"),
    [
        (
            {1: 31_500.0, 2: 41_000.0, 4: 39_000.0},
            2,
            "2 threads: 41,000 images/s, 1.3 times one thread.",
        ),
        (
            {1: 40_000.0, 2: 30_000.0, 4: 9_000.0},
            1,
            "1 thread is fastest here: 40,000 images/s, 30,000 with 2, 9,000 with 4.",
        ),
        (
            {1: 40_000.0, 2: 42_000.0},
            1,
            "1 thread: 40,000 images/s; 2 threads are only 1.05 times as fast.",
        ),
        ({1: 40_000.0}, 1, "1 thread: there is one core here."),
    ],
)
def test_the_fastest_number_is_chosen_if_it_gains_a_tenth(speeds, threads, why):
    assert choose_threads(speeds) == (threads, why)


@pytest.mark.parametrize("batch_size", [32, 0])
def test_a_measurement_tries_every_number_on_the_very_network_and_ends(batch_size):
    train, _ = load_training("mnist-5k", 0.0)
    # so high a rate would end any training: only its speed is of interest
    config = SMALL.replace(batch_size=batch_size, learning_rate=100.0, patience=3)
    speeds = measure_speeds(config, train, seconds=0.2)
    assert list(speeds) == thread_choices()
    assert all(speed > 0 for speed in speeds.values())


def test_choices_double_from_one_up_to_the_cores(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(6), raising=False)
    assert thread_choices() == [1, 2, 4]
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(1), raising=False)
    assert thread_choices() == [1]
