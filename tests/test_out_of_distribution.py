"""Out-of-distribution drawings: the same for the same seed, and rejected by a classifier with a
threshold.
"""

import numpy as np
import pytest
from scipy import stats

from model import Checkpoint, Classifier, TrainConfig
from model.build import build_network
from model.classifier import entropy
from model.rng import Purpose, rng
from pretraining.out_of_distribution import (
    TEST_LETTERS,
    TRAINING_LETTERS,
    dashes,
    draw_images,
    families_for_tests,
    families_for_training,
)
from pretraining.pens import CANVAS, Pens

BARS = np.zeros((2, 28, 28), np.uint8)
BARS[0, 4:24, 13:16], BARS[1, 4:24, 12:17] = 255, 255
ONE, SEVEN = [np.array([[0.0, 0], [0, 90]])], [np.array([[0.0, 0], [60, 0], [20, 80]])]
PENS = Pens([ONE, SEVEN], np.array([1, 7], np.uint8), np.array([1, 1], np.int16))
FAMILIES = families_for_training(BARS) | {f"unseen {name}": draw for name, draw in families_for_tests(PENS).items()}


@pytest.mark.parametrize("name", FAMILIES)
def test_each_family_draws_ink_on_a_canvas_and_never_the_same_twice(name: str):
    drawings = [FAMILIES[name](rng(0, Purpose.DRAWINGS, 0, attempt)) for attempt in range(3)]
    for drawing in drawings:
        assert drawing.dtype == np.uint8
        assert drawing.shape == (CANVAS, CANVAS)
        assert 100 < np.count_nonzero(drawing > 127) < drawing.size / 2
    assert not np.array_equal(drawings[0], drawings[1])


def test_the_same_seed_draws_the_same_images_and_another_seed_others():
    families = {name: FAMILIES[name] for name in ("letters", "unseen ticks")}
    first, again, other = (draw_images(families, 3, seed) for seed in (0, 0, 1))
    for name in families:
        assert first[name].shape == (3, 28, 28)
        np.testing.assert_array_equal(first[name], again[name])
        assert not np.array_equal(first[name], other[name])


def test_training_and_test_letters_differ_and_none_looks_like_a_digit():
    shown, unseen = set(TRAINING_LETTERS), set(TEST_LETTERS)
    assert not shown & unseen
    for letter in "ckmpuvwx":  # drawn alike large and small
        assert not ({letter, letter.upper()} & shown and {letter, letter.upper()} & unseen)
    assert not (shown | unseen) & set("BbDGgIijlOoQqSsyZz")


def test_a_dash_is_flatter_than_any_1():
    for attempt in range(20):
        rows, columns = np.nonzero(dashes(rng(0, Purpose.DRAWINGS, attempt)))
        assert np.ptp(rows) < np.ptp(columns)


def test_a_classifier_rejects_images_above_the_threshold_of_its_checkpoint():
    config = TrainConfig(hidden=())
    weights = build_network(config).weights
    probabilities = np.array([[0.5, 0.5, 0, 0], [0.55, 0.15, 0.15, 0.15]])
    np.testing.assert_allclose(entropy(probabilities), [stats.entropy(row) for row in probabilities])
    told = Classifier(Checkpoint(config.to_dict(), weights, about={"rejects_above": 0.7}))
    assert told.knows(probabilities).tolist() == [True, False]
    untold = Classifier(Checkpoint(config.to_dict(), weights))
    assert untold.knows(np.full((1, 10), 0.1)).tolist() == [True]
