"""Robustness: disturbances do what they say, and no disturbance is none."""

import numpy as np
import pytest

from dataset import Digits, load_digits
from experiments.robustness import DISTURBANCES, NOTHING, SAMPLE, count_right, disturb, read, sample
from model import Classifier, load_classifier
from tests.made_digits import made_digits
from tests.small_runs import SMALL, finish

BOX = np.s_[:, 10:18, 10:18]


@pytest.fixture(scope="module")
def digits() -> Digits:
    made = made_digits(40)
    return Digits(made.images, made.labels)


@pytest.fixture(scope="module")
def ink() -> np.ndarray:
    """Noise within a frame of ten pixels of paper."""
    images = np.zeros((4, 28, 28), np.uint8)
    images[BOX] = np.random.default_rng(0).integers(0, 256, (4, 8, 8))
    return images


@pytest.mark.parametrize("name", DISTURBANCES)
def test_no_disturbance_changes_no_pixel(name: str, digits: Digits) -> None:
    assert np.array_equal(disturb(digits.images, name, DISTURBANCES[name].none), digits.images)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_strengths_rise_and_hold_the_one_that_changes_nothing(name: str) -> None:
    strengths = DISTURBANCES[name].strengths
    assert list(strengths) == sorted(set(strengths))
    assert DISTURBANCES[name].none in strengths


@pytest.mark.parametrize("pixels", [1, 3, 8])
def test_a_shift_by_whole_pixels_rolls_each_image_in_its_direction(pixels: int, ink: np.ndarray) -> None:
    right, down, left, up = disturb(ink, "shift", pixels)
    assert np.array_equal(right, np.roll(ink[0], pixels, axis=1))
    assert np.array_equal(down, np.roll(ink[1], pixels, axis=0))
    assert np.array_equal(left, np.roll(ink[2], -pixels, axis=1))
    assert np.array_equal(up, np.roll(ink[3], -pixels, axis=0))


def test_a_shift_loses_what_leaves_the_image(ink: np.ndarray) -> None:
    assert not disturb(ink, "shift", 18).any()


def test_a_turn_is_clockwise_about_the_centre_of_mass(ink: np.ndarray) -> None:
    point = np.zeros((1, 28, 28), np.uint8)
    point[0, 14, 20] = 255
    assert np.argwhere(disturb(point, "rotation", 90)).tolist() == [[0, 20, 14]]


def test_twice_the_size_is_four_times_the_ink(ink: np.ndarray) -> None:
    assert disturb(ink, "scale", 200).sum() == pytest.approx(4 * ink.sum(dtype=float), rel=0.01)


def test_strokes_become_thicker_by_as_many_pixels_on_any_number_of_rounds() -> None:
    bar = np.zeros((1, 28, 28), np.uint8)
    bar[:, :, 13:16] = 255
    widths = {pixels: disturb(bar, "stroke", pixels)[0, 14].sum() / 255 for pixels in (-2, 1, 3, 4)}
    assert widths == pytest.approx({-2: 1, 1: 4, 3: 6, 4: 7}, abs=0.01)


def test_noise_is_the_same_each_time_and_as_strong_as_it_says() -> None:
    grey = np.full((10, 28, 28), 128, np.uint8)
    once, again = disturb(grey, "noise", 10), disturb(grey, "noise", 10)
    assert np.array_equal(once, again)
    assert once.std() == pytest.approx(25.5, rel=0.05)
    assert once.mean() == pytest.approx(128, abs=2)


def test_a_sample_is_spread_evenly_and_small_data_are_taken_whole(digits: Digits) -> None:
    assert sample(digits) is digits
    many = Digits(np.zeros((3 * SAMPLE, 28, 28), np.uint8), np.repeat(np.arange(3, dtype=np.uint8), SAMPLE))
    assert np.abs(np.bincount(sample(many).labels) - SAMPLE / 3).max() < 1


@pytest.fixture
def trained() -> Classifier:
    return load_classifier(finish(SMALL).model)


def test_undisturbed_digits_have_the_plain_accuracy_and_strong_disturbances_lower_it(trained: Classifier) -> None:
    digits = load_digits("mnist-5k", "test")
    plain = int((trained.predict_proba(digits.images).argmax(axis=1) == digits.labels).sum())
    for name, disturbance in DISTURBANCES.items():
        assert count_right(trained, digits, name, disturbance.none) == plain
        assert count_right(trained, digits, name, disturbance.strengths[-1]) < 0.7 * plain


def test_preparing_as_on_draw_undoes_a_shift(trained: Classifier) -> None:
    digits = load_digits("mnist-5k", "test")[:40]
    moved = disturb(digits.images, "shift", 3)
    whole = moved.sum(axis=(1, 2)) == digits.images.sum(axis=(1, 2))
    before, after = (read(trained, images, prepare=True) for images in (digits.images, moved))
    assert whole.sum() > 30
    assert np.array_equal(before.images[whole], after.images[whole])


def test_an_image_without_ink_is_read_as_nothing_when_it_is_prepared(trained: Classifier, ink: np.ndarray) -> None:
    blank = np.zeros((1, 28, 28), np.uint8)
    assert read(trained, blank, prepare=True).predictions.tolist() == [NOTHING]
    assert read(trained, blank).predictions[0] != NOTHING
