"""The drawn-digit benchmark: what the shipped network makes of real pens, at the stroke widths of the canvas."""

import numpy as np
import pytest

from experiments.pretraining.pens import CANVAS, WIDTHS, load_pens, pen_images, render
from model import load_classifier


def test_a_pen_leaves_a_round_dot_and_a_stroke_with_round_ends():
    dot = render([np.array([[5.0, 5.0]])], 20) / 255
    assert dot.sum() == pytest.approx(np.pi * 10**2, rel=0.03)
    stroke = render([np.array([[0.0, 0.0], [100.0, 0.0]])], 20, longer_side=100) / 255
    assert stroke.sum() == pytest.approx(100 * 20 + np.pi * 10**2, rel=0.03)


def test_a_lifted_pen_leaves_no_ink_on_the_way():
    apart = render([np.array([[0.0, 0.0], [0.0, 10.0]]), np.array([[10.0, 0.0], [10.0, 10.0]])], 12)
    assert not apart[:, CANVAS // 2 - 50 : CANVAS // 2 + 50].any()


def test_the_top_of_a_digit_is_drawn_at_the_top():
    seven = render([np.array([[0.0, 0.0], [6.0, 0.0], [2.0, 10.0]])], 12)
    assert seven[: CANVAS // 2].sum() > 1.3 * seven[CANVAS // 2 :].sum()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_shipped_network_reads_at_least_93_percent_of_real_pens(width, reference_data):
    pens = load_pens(reference_data / "pen-drawings" / "pendigits_orig_train.npz")
    probabilities = load_classifier().predict_proba(pen_images(pens, width))
    assert np.mean(probabilities.argmax(axis=1) == pens.labels) >= 0.93
