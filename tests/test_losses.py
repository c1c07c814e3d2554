"""Losses: right by hand, finite at the extremes."""

import numpy as np
import pytest

from model.losses import CrossEntropy, SquaredError


def test_cross_entropy_of_a_hand_worked_pair():
    logits = np.log([[1.0, 3.0], [3.0, 1.0]])
    losses = CrossEntropy().forward(logits, np.array([1, 1]))
    np.testing.assert_allclose(losses, [-np.log(0.75), -np.log(0.25)], rtol=1e-14)
    np.testing.assert_allclose(logits, [[0.25, 0.75], [0.75, 0.25]], rtol=1e-14)


def test_label_smoothing_spreads_the_target():
    logits = np.log([[1.0, 3.0]])
    loss = CrossEntropy(0.2).forward(logits, np.array([1]))
    np.testing.assert_allclose(loss, [-0.9 * np.log(0.75) - 0.1 * np.log(0.25)], rtol=1e-14)


def test_a_label_that_is_no_class_wants_all_classes_alike():
    logits = np.log([[1.0, 3.0], [1.0, 3.0]])
    losses = CrossEntropy(0.2).forward(logits.copy(), np.array([255, 2]))
    np.testing.assert_allclose(losses, -0.5 * np.log(0.25) - 0.5 * np.log(0.75), rtol=1e-14)
    errors = SquaredError().forward(logits - np.log(3.0), np.array([255, 2]))
    np.testing.assert_allclose(errors, 0.25**2 + 0.0**2, rtol=1e-14)


@pytest.mark.parametrize("loss", [CrossEntropy(), CrossEntropy(0.2), SquaredError()])
def test_the_gradient_of_labels_that_are_no_class_is_the_numeric_one(loss):
    labels, h = np.array([2, 255, 3]), 1e-6
    logits = np.random.default_rng(0).normal(0, 2, (3, 3))
    outputs = logits.copy()
    loss.forward(outputs, labels)
    gradient = loss.backward(outputs, labels, 3)
    for index in np.ndindex(logits.shape):
        nudge = np.zeros_like(logits)
        nudge[index] = h
        rise = loss.forward(logits + nudge, labels).mean() - loss.forward(logits - nudge, labels).mean()
        assert gradient[index] == pytest.approx(rise / (2 * h), abs=1e-9)


def test_squared_error_of_a_hand_worked_pair():
    logits = np.array([[0.0, np.log(3.0)]])
    np.testing.assert_allclose(SquaredError().forward(logits, np.array([1])), [0.5**2 + 0.25**2], rtol=1e-14)


@pytest.mark.parametrize("loss", [CrossEntropy(), CrossEntropy(0.1), SquaredError()])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_ten_thousand_give_finite_losses_and_gradients(loss, dtype):
    logits = np.array([[1e4, -1e4, 0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4]], dtype)
    labels = np.array([1, 0, 2])
    losses = loss.forward(logits, labels)
    assert np.isfinite(losses).all()
    assert np.isfinite(loss.backward(logits, labels, 3)).all()


@pytest.mark.parametrize("loss", [CrossEntropy(), SquaredError()])
def test_probabilities_sum_to_one_even_where_every_output_is_zero(loss):
    logits = np.array([[-1e4, -1e4], [3, -2], [1e4, 0]], np.float32)
    probabilities = loss.probabilities(logits)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert (probabilities >= 0).all()
