"""Guides: each experiment runs in time, and what its text claims is what its numbers show."""

import os

import numpy as np
import pandas as pd
import pytest

from experiments.guides import GUIDES, SEEDS, Curves, Guide, read_curves
from experiments.runs.config import RunConfig
from experiments.sweeps import Trial, create_sweep, list_sweeps
from experiments.sweeps.driver import run_sweep

EACH = pytest.mark.parametrize("guide", GUIDES.values(), ids=GUIDES)


def processor_seconds() -> float:
    """Of this process and its ended children: other work on the machine does not count."""
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
        assert sentence.endswith(".")
        assert sentence.count(". ") <= 1
    for chart in guide.charts:
        assert set(chart.settings) <= set(guide.settings)


@EACH
def test_an_experiment_needs_no_download_and_is_expected_to_take_less_than_20_seconds(guide: Guide) -> None:
    assert guide.base.data == "mnist-5k"
    assert guide.spec.expected_seconds(4000) < 20
    assert guide.spec.most_trials == len(guide.settings)


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
    curves = read_curves(sweep.trials())
    assert [len(one.histories) for one in curves.values()] == [SEEDS] * len(guide.settings)
    assert [sentence for sentence, holds in guide.findings(curves).items() if not holds] == []
    assert guide.sweep() == sweep
    assert seconds < 20


def test_results_come_as_one_value_a_seed() -> None:
    curves = Curves((history(0.5, 0.9, 0.8), history(0.6, 0.7, 0.9)))
    assert curves.end().tolist() == [0.8, 0.9]
    assert curves.after(2).tolist() == [0.9, 0.7]
    assert curves.highest().tolist() == [0.9, 0.9]
    assert curves.lowest() == pytest.approx([0.1, 0.1])
    assert curves.best_epoch().tolist() == [2.0, 3.0]
    assert curves.first_steps(20) == pytest.approx([1.5, 1.5])


def test_a_claim_about_a_run_that_diverged_at_once_does_not_fail() -> None:
    curves = Curves((history(),))
    assert np.isnan(curves.end()).all()
    assert np.isnan(curves.lowest()).all()


def test_a_run_that_is_gone_is_left_out() -> None:
    curves = read_curves([Trial(0, {"variant": "a"}, runs=("gone",))])
    assert [one.histories for one in curves.values()] == [()]


def test_an_experiment_finds_its_own_sweep_and_takes_another_name_where_that_is_taken() -> None:
    momentum, overfitting = GUIDES["momentum"], GUIDES["overfitting"]
    assert momentum.sweep() is None
    sweep = create_sweep(momentum.spec)
    assert momentum.sweep() == sweep
    assert overfitting.sweep() is None
    assert list_sweeps() == [sweep]
