"""Comparison: settings in words, McNemar's test, two models on the same digits, the mean of several
curves.
"""

from fractions import Fraction
from math import comb

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from dataset import Digits, load_training
from experiments.comparison import (
    GRID,
    ComparisonError,
    compare,
    frequency_text,
    mcnemar,
    mean_and_band,
    of_probabilities,
    shared_validation,
)
from experiments.runs.config import PRESETS, SETTINGS, RunConfig, differing, setting_text
from model import load_classifier
from tests.small_runs import SMALL, finish

SPACE = "\N{NO-BREAK SPACE}"


def answers(*sure):
    """Probabilities (n, 10) of answers given as (class, probability); the rest is spread evenly."""
    found = np.empty((len(sure), 10), np.float32)
    for row, (answer, probability) in zip(found, sure, strict=True):
        row[:] = (1 - probability) / 9
        row[answer] = probability
    return found


# Settings.


def difference(*configs):
    return [(name, *(setting_text(config, name) for config in configs)) for name in differing(configs)]


def test_the_difference_of_two_configs_names_both_values_in_words():
    first = RunConfig(hidden=(), batch_size=0, dropout=0.25, learning_rate=0.003, seed=7)
    second = RunConfig(hidden=(128, 64), batch_size=10_000, dropout=0.0, learning_rate=1e-5, shift=1.5, rotation=10.0)
    assert difference(first, second) == [
        ("hidden", "none", "128, 64"),
        ("learning_rate", "0.003", "1e-05"),
        ("batch_size", "all images", "10,000"),
        ("shift", f"0{SPACE}px", f"1.5{SPACE}px"),
        ("rotation", "0°", "10°"),
        ("seed", "7", "0"),
    ]
    assert difference(first, first) == []


def test_more_than_two_configs_have_a_value_each():
    assert difference(*(RunConfig(dropout=share) for share in (0, 0.125, 0.5))) == [
        ("dropout", f"0{SPACE}%", f"12.5{SPACE}%", f"50{SPACE}%")
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_setting_of_every_preset_has_words(preset):
    assert all(setting_text(PRESETS[preset], setting) for setting in SETTINGS)


def test_a_setting_that_takes_no_part_is_no_difference():
    assert differing([RunConfig(momentum=0.5), RunConfig(momentum=0.9)]) == []
    sgd, *others = (RunConfig(optimizer=name, momentum=0.5) for name in ("sgd", "momentum", "nesterov"))
    assert differing([sgd, *others]) == ["optimizer"]
    assert differing([sgd, others[0], others[1].replace(momentum=0.9)]) == ["optimizer", "momentum"]
    assert setting_text(sgd, "momentum") == "–"


def test_a_run_by_steps_and_one_by_epochs_differ_in_their_length():
    by_steps, by_epochs = RunConfig(steps=500, epochs=3), RunConfig(epochs=10)
    assert difference(by_steps, by_epochs) == [("steps", "500", "10 epochs")]
    assert difference(RunConfig(epochs=3), by_epochs) == [("epochs", "3", "10")]


# McNemar's test.


@pytest.mark.parametrize(
    ("only_first", "only_second", "chance"),
    [(0, 0, 1), (1, 0, 1), (0, 6, 2 / 64), (5, 1, 2 * (1 + 6) / 64), (3, 3, 1), (2, 10, 2 * (1 + 12 + 66) / 4096)],
)
def test_mcnemar_as_worked_by_hand(only_first, only_second, chance):
    assert mcnemar(only_first, only_second) == pytest.approx(chance)


@pytest.mark.parametrize("total", [1, 2, 7, 30, 211, 1500])
def test_mcnemar_is_exact_at_every_size(total):
    for fewer in {0, 1, total // 3, total // 2 - 1, total // 2} & {*range(total)}:
        exact = min(Fraction(1), Fraction(2 * sum(comb(total, k) for k in range(fewer + 1)), 2**total))
        assert mcnemar(fewer, total - fewer) == mcnemar(total - fewer, fewer) == pytest.approx(float(exact), rel=1e-9)


def test_mcnemar_agrees_with_scipys_test_of_fair_coins():
    for first, second in ((59, 121), (4, 11), (900, 1000), (12, 12)):
        assert mcnemar(first, second) == pytest.approx(binomtest(first, first + second, 0.5).pvalue)


def test_equally_good_models_are_called_different_in_at_most_five_percent():
    """Whatever the number of digits that only one reads right: the sum over all outcomes, each with
    its chance.
    """
    for total in (5, 8, 20, 101):
        wrongly = sum(comb(total, k) for k in range(total + 1) if mcnemar(k, total - k) < 0.05) / 2**total
        assert wrongly <= 0.05


@pytest.mark.parametrize(
    ("chance", "words"),
    [
        (0.0004, f"in fewer than 0.1{SPACE}% of cases"),
        (0.0012, f"in 0.12{SPACE}% of cases"),
        (0.0456, f"in 4.6{SPACE}% of cases"),
        (0.34, f"in 34{SPACE}% of cases"),
        (1.0, "in nearly all cases"),
    ],
)
def test_a_chance_in_words(chance, words):
    assert frequency_text(chance) == words


# Models.

LABELS = np.array([3, 3, 7, 7, 0, 1, 1], np.uint8)
FIRST = answers((3, 0.9), (5, 0.4), (7, 0.6), (1, 0.8), (0, 0.5), (2, 0.9), (1, 0.7))
SECOND = answers((3, 0.5), (3, 0.3), (1, 0.95), (2, 0.9), (0, 0.8), (4, 0.3), (1, 0.7))


def test_what_two_models_answered_is_counted():
    found = of_probabilities(LABELS, FIRST, SECOND)
    assert (found.total, found.correct, found.only_right) == (7, (4, 4), (1, 1))
    assert found.p_value == 1


def test_both_confusion_matrices_are_scikit_learns_and_their_difference_adds_up_to_nothing():
    found = of_probabilities(LABELS, FIRST, SECOND)
    for matrix, probabilities in zip(found.confusions, (FIRST, SECOND), strict=True):
        assert (matrix == confusion_matrix(LABELS, probabilities.argmax(axis=1), labels=range(10))).all()
    assert found.confusion_difference.sum() == 0
    assert found.confusion_difference[7].tolist() == [0, 0, 1, 0, 0, 0, 0, -1, 0, 0]


def test_disagreements_begin_with_those_that_one_reads_right_and_with_the_surest_answers():
    found = of_probabilities(LABELS, FIRST, SECOND)
    assert found.disagreements.tolist() == [2, 1, 3, 5]  # 2 and 1: one right; 3 and 5: wrong, but not alike
    rows = found.disagreements
    assert (found.predictions[0][rows] != found.predictions[1][rows]).all()


def test_a_model_agrees_with_itself():
    found = of_probabilities(LABELS, FIRST, FIRST)
    assert (len(found.disagreements), found.p_value) == (0, 1)
    assert found.verdict("one", "two") == "one and two are right and wrong on the same 7 digits."


def test_the_verdict_says_who_is_better_or_that_it_may_be_chance():
    labels = np.zeros(1000, np.uint8)
    right, wrong = (0, 0.9), (1, 0.9)
    base = [right] * 900
    worse = answers(*base, *[wrong] * 40, *[right] * 2, *[wrong] * 58)
    better = answers(*base, *[right] * 40, *[wrong] * 60)
    for order, names in (((worse, better), ("a", "b")), ((better, worse), ("b", "a"))):
        verdict = of_probabilities(labels, *order).verdict(*names)
        assert verdict.startswith("Of 1,000 digits, 40 are read correctly only by b and 2 only by a. b is better: ")
        assert verdict.endswith(f"in fewer than 0.1{SPACE}% of cases.")
    alike = of_probabilities(labels, answers(*base, *[wrong] * 100), answers(*base, right, *[wrong] * 99))
    assert "1 are read correctly only by b and 0 only by a. That may be chance" in alike.verdict("a", "b")


def test_two_trained_runs_are_compared_on_digits_that_neither_has_seen():
    runs = [finish(SMALL.replace(epochs=1, seed=seed, validation_share=share)) for seed, share in ((1, 0.1), (2, 0.2))]
    digits = shared_validation(*(run.config for run in runs))
    assert digits.fingerprint == load_training("mnist-5k", 0.1)[1].fingerprint
    found = compare(*(load_classifier(run.model) for run in runs), digits)
    assert found.total == 400
    assert found.correct[0] / found.total == pytest.approx(runs[0].status().best_validation_accuracy)
    only_first, only_second = found.only_right
    assert found.correct[0] - found.correct[1] == only_first - only_second
    assert only_first + only_second <= len(found.disagreements) <= found.total


def test_what_cannot_be_compared_is_a_sentence():
    with pytest.raises(ComparisonError, match="One run was trained on mnist-5k, the other on mnist"):
        shared_validation(SMALL, SMALL.replace(data="mnist"))
    with pytest.raises(ComparisonError, match="no validation digits"):
        shared_validation(SMALL, SMALL.replace(validation_share=0.0))
    classifier = load_classifier()
    images = np.zeros((2, 28, 28), np.uint8)
    for digits in (
        Digits(images[:0], LABELS[:0], "nothing"),
        Digits(images, np.array([255, 255], np.uint8), "a file"),
    ):
        with pytest.raises(ComparisonError, match="no labelled digits"):
            compare(classifier, classifier, digits)
    with pytest.raises(ComparisonError, match="same classes"):
        compare(classifier, classifier, Digits(images, LABELS[:2], "clothes", tuple("abcdefghij")))


# Curves.


def curve(steps, losses):
    return pd.DataFrame({"step": steps, "loss": losses, "other": 0.0})


def test_the_mean_of_curves_lies_in_the_band_of_all():
    found = mean_and_band([curve([1, 2, 3], [3, 2, 1]), curve([1, 2, 3], [1, 2, 5])], "step", "loss")
    assert found.to_dict("list") == {
        "step": [1, 2, 3],
        "mean": [2, 2, 3],
        "low": [1, 2, 1],
        "high": [3, 2, 5],
        "runs": [2, 2, 2],
    }


def test_a_curve_counts_between_its_points_and_not_beyond_them():
    found = mean_and_band([curve([1, 3], [4, 2]), curve([2, 3, 4], [1, np.nan, 7])], "step", "loss")
    assert found["step"].tolist() == [1, 2, 3, 4]
    assert found["runs"].tolist() == [1, 2, 2, 1]
    assert found["mean"].tolist() == [4, 2, 3, 7]
    assert found["low"].tolist() == [4, 1, 2, 7]


def test_a_mean_of_nothing_is_empty():
    for histories in ([], [curve([], [])], [curve([1, 2], [np.nan, np.nan])]):
        assert mean_and_band(histories, "step", "loss").empty


def test_a_mean_of_long_curves_has_as_many_points_as_a_chart_shows():
    steps = np.arange(10_000)
    found = mean_and_band([curve(steps, steps / 2), curve(steps, steps * 1.5)], "step", "loss")
    assert (len(found), found["step"].iloc[0], found["step"].iloc[-1]) == (GRID, 0, 9999)
    assert found["mean"].tolist() == pytest.approx(found["step"].tolist())
