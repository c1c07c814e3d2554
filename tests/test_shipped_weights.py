"""The shipped weights: small, and right about MNIST, about writers they have never met, and about
what is no digit.
"""

import numpy as np
import pytest

from dataset import load_digits
from model import load_classifier
from model.classifier import SHIPPED, entropy
from model.metrics import accuracy, auroc, calibration_error
from pretraining.out_of_distribution import draw_images, families_for_tests
from pretraining.pens import HELD_OUT, MANNERS, load_pens, pen_images

FILE = "pen-drawings/pendigits_orig_train.npz"
LEAST, LEAST_SMALL = 0.985, 0.96  # of the digits by writers never met; the small ones are drawn with thick strokes


def test_the_file_is_below_two_megabytes():
    assert SHIPPED.stat().st_size < 2_000_000


def test_they_read_test_digits_that_they_were_not_trained_on():
    digits = load_digits("mnist-5k", "test")
    probabilities = load_classifier().predict_proba(digits.images)
    assert accuracy(digits.labels, probabilities.argmax(axis=1)) >= 0.99


@pytest.mark.slow
def test_they_read_mnist_and_are_as_sure_as_they_are_right(reference_data, monkeypatch):
    monkeypatch.setenv("DIGITS_DATA", str(reference_data / "mnist"))
    digits = load_digits("mnist", "test")
    probabilities = load_classifier().predict_proba(digits.images)
    assert accuracy(digits.labels, probabilities.argmax(axis=1)) >= 0.9955
    assert calibration_error(probabilities, digits.labels) <= 0.01


@pytest.mark.slow
@pytest.mark.parametrize("manner", MANNERS)
def test_they_read_real_pens_by_writers_never_met(manner, reference_data):
    pens = load_pens(reference_data / FILE).of_writers(HELD_OUT)
    probabilities = load_classifier().predict_proba(pen_images(pens, MANNERS[manner]))
    least = LEAST_SMALL if manner.startswith("small") else LEAST
    assert accuracy(pens.labels, probabilities.argmax(axis=1)) >= least
    assert calibration_error(probabilities, pens.labels) <= 0.02


@pytest.mark.slow
def test_they_doubt_what_is_no_digit_and_hardly_a_digit(reference_data):
    classifier, pens = load_classifier(), load_pens(reference_data / FILE).of_writers(HELD_OUT)
    digits = classifier.predict_proba(pen_images(pens, MANNERS["whole canvas, 20 px"]))
    drawings = draw_images(families_for_tests(pens), each=50, seed=1)
    others = classifier.predict_proba(np.concatenate(list(drawings.values())))
    assert auroc(entropy(others), entropy(digits)) >= 0.95
    assert np.mean(~classifier.knows(digits)) <= 0.01
