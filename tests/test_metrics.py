"""Metrics: scikit-learn and the hand agree."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from model import metrics


@pytest.fixture
def answers():
    random = np.random.default_rng(0)
    labels = random.integers(0, 9, 500)  # class 9 never occurs
    predictions = np.where(random.random(500) < 0.7, labels, random.integers(0, 10, 500))
    predictions[predictions == 4] = 5  # class 4 is never predicted
    return labels, predictions


def test_the_metrics_are_those_of_scikit_learn(answers):
    labels, predictions = answers
    confusion = metrics.confusion_matrix(labels, predictions)
    np.testing.assert_array_equal(
        confusion, sklearn_metrics.confusion_matrix(labels, predictions, labels=np.arange(10))
    )
    ours = metrics.precision_recall_f1(confusion)
    theirs = sklearn_metrics.precision_recall_fscore_support(labels, predictions, labels=np.arange(10), zero_division=0)
    for a, b in zip(ours, theirs[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert metrics.accuracy(labels, predictions) == pytest.approx(
        sklearn_metrics.accuracy_score(labels, predictions), abs=1e-12
    )


def test_the_mean_surprise_is_the_log_loss_of_scikit_learn():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(10), 200)
    labels = random.integers(0, 10, 200)
    expected = sklearn_metrics.log_loss(labels, probabilities, labels=np.arange(10))
    assert metrics.log_losses(probabilities, labels).mean() == pytest.approx(expected, abs=1e-12)
    assert math.isfinite(metrics.log_losses(np.eye(10)[:1], np.array([3]))[0])


def test_the_wilson_interval_is_that_of_the_textbook():
    low, high = metrics.wilson_interval(8, 10)
    assert (low, high) == (pytest.approx(0.490162, abs=1e-6), pytest.approx(0.943318, abs=1e-6))
    assert metrics.wilson_interval(0, 10)[0] == 0
    assert metrics.wilson_interval(10, 10)[1] == 1
    assert metrics.wilson_interval(0, 0) == (0, 1)


def test_the_accuracy_of_nothing_is_no_number():
    assert math.isnan(metrics.accuracy(np.empty(0, int), np.empty(0, int)))


def test_the_area_under_the_roc_curve_is_that_of_scikit_learn_ties_and_all():
    random = np.random.default_rng(3)
    positive, negative = random.integers(3, 12, 300) / 10, random.integers(0, 9, 200) / 10
    labels = np.repeat([1, 0], [300, 200])
    expected = sklearn_metrics.roc_auc_score(labels, np.concatenate([positive, negative]))
    assert metrics.auroc(positive, negative) == pytest.approx(expected, abs=1e-12)


def test_the_calibration_error_is_that_worked_out_by_hand():
    # confidences 0.6 (right), 0.7 (wrong) in one bin of two; 0.4 (right) in the other: |1.3 - 1| /
    # 3 + |0.4 - 1| / 3
    probabilities = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]])
    labels = np.array([0, 0, 2])
    assert metrics.calibration_error(probabilities, labels, bins=2) == pytest.approx(0.3, abs=1e-12)
    # with ten bins each stands alone: (0.4 + 0.7 + 0.6) / 3
    assert metrics.calibration_error(probabilities, labels, bins=10) == pytest.approx(1.7 / 3, abs=1e-12)
    assert metrics.calibration_error(np.eye(3), np.arange(3)) == 0
    assert math.isnan(metrics.calibration_error(np.empty((0, 3)), np.empty(0, int)))


def test_answers_as_often_right_as_they_are_confident_are_calibrated():
    probabilities = np.tile([0.75, 0.25], (400, 1))
    labels = np.repeat([0, 1], [300, 100])
    assert metrics.calibration_error(probabilities, labels) == pytest.approx(0, abs=1e-12)
