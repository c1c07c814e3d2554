"""Guides: each experiment runs in time, and what its text claims is what its numbers show."""

import os

import numpy as np
import pandas as pd
import pytest

from experiments.guides import GUIDES, SEEDS, Guide, Results, read_results
from experiments.runs.config import RunConfig
from experiments.sweeps import Trial, create_sweep, list_sweeps, run_sweep

EACH = pytest.mark.parametrize("guide", GUIDES.values(), ids=GUIDES)


def processor_seconds() -> float:
    """Of this process and of those that it started and that have ended: other work on the machine does not count."""
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def history(*accuracies: float) -> pd.DataFrame:
    epochs = np.arange(1.0, len(accuracies) + 1)
    columns = {"step": 10 * epochs, "epoch": epochs, "train_loss": 2 / epochs, "validation_accuracy": accuracies}
    return pd.DataFrame(columns | {"validation_loss": 1 - np.array(accuracies)})


@EACH
def test_an_experiment_says_three_sentences_and_draws_settings_that_it_has(guide: Guide) -> None:
    assert len(guide.sentences) == 3
    for sentence in guide.sentences:
        assert sentence.text.endswith(".")
        assert sentence.text.count(". ") == 0
    for chart in guide.charts:
        assert set(chart.settings) <= set(guide.settings)


@EACH
def test_an_experiment_needs_no_download_and_is_expected_to_take_less_than_20_seconds(guide: Guide) -> None:
    assert guide.base.data == "mnist-5k"
    assert guide.spec.expected_seconds(4000) < 20
    assert guide.spec.grid_size() == len(guide.settings)


@EACH
def test_the_settings_of_an_experiment_differ_and_are_repeated_with_seeds(guide: Guide) -> None:
    configs = {guide.spec.config({"variant": name}, seed) for name in guide.settings for seed in range(SEEDS)}
    assert len(configs) == SEEDS * len(guide.settings)
    assert all(isinstance(config, RunConfig) for config in configs)


@pytest.mark.slow
@EACH
def test_what_an_experiment_claims_is_what_the_numbers_show(guide: Guide) -> None:
    sweep = create_sweep(guide.spec)
    before = processor_seconds()
    *_, status = run_sweep(sweep, workers=1)
    seconds = processor_seconds() - before
    assert status.state == "finished"
    results = read_results(sweep.trials())
    assert [len(tables) for tables in results.histories.values()] == [SEEDS] * len(guide.settings)
    assert [sentence.text for sentence in guide.sentences if not sentence.holds(results)] == []
    assert guide.sweep() == sweep
    assert seconds < 20


def test_results_come_as_one_value_a_seed() -> None:
    results = Results({"a": (history(0.5, 0.9, 0.8), history(0.6, 0.7, 0.9))})
    assert results.end("a").tolist() == [0.8, 0.9]
    assert results.after("a", 2).tolist() == [0.9, 0.7]
    assert results.highest("a").tolist() == [0.9, 0.9]
    assert results.lowest("a") == pytest.approx([0.1, 0.1])
    assert results.best_epoch("a").tolist() == [2.0, 3.0]
    assert results.first_steps("a", 20) == pytest.approx([1.5, 1.5])


def test_a_claim_about_a_run_that_diverged_at_once_does_not_fail() -> None:
    results = Results({"a": (history(),)})
    assert np.isnan(results.end("a")).all()
    assert np.isnan(results.lowest("a")).all()


def test_a_run_that_is_gone_is_left_out() -> None:
    results = read_results([Trial(0, {"variant": "a"}, runs=("gone",))])
    assert results.histories == {"a": ()}


def test_an_experiment_finds_its_own_sweep_and_takes_another_name_where_that_is_taken() -> None:
    momentum, overfitting = GUIDES["momentum"], GUIDES["overfitting"]
    assert momentum.sweep() is None
    sweep = create_sweep(momentum.spec)
    assert momentum.sweep() == sweep
    assert overfitting.sweep() is None
    assert list_sweeps() == [sweep]
