"""Augmentation: warps do what they say, keep the ink, and come only from their generator."""

import numpy as np
import pytest
from scipy import ndimage

from model.augmentation import Augmenter, warp_matrix
from model.preprocessing import CENTRE, SIDE

IDENTITY = np.eye(2)


def blob(y: float, x: float, spread: float = 2.0) -> np.ndarray:
    rows, columns = np.indices((SIDE, SIDE))
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * spread**2)).astype(np.float32).ravel()


def centre(image: np.ndarray) -> tuple[float, float]:
    return ndimage.center_of_mass(image.reshape(SIDE, SIDE))


def warped(x: np.ndarray, augmenter: Augmenter, seed: int = 0) -> np.ndarray:
    out = np.empty(x.shape, np.float32)
    pool = augmenter.pool(np.random.default_rng(seed))
    return augmenter.augment(x, pool, np.random.default_rng(seed + 1), out=out)


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (37, SIDE * SIDE), dtype=np.uint8)


def test_no_strength_changes_nothing(images):
    assert not Augmenter().active
    np.testing.assert_array_equal(warped(images, Augmenter()), images)


def test_each_strength_changes_the_images(images):
    for augmenter in (Augmenter(shift=1), Augmenter(rotation=5), Augmenter(scale=0.1), Augmenter(shear=0.1)):
        assert augmenter.active
        assert not np.array_equal(warped(images, augmenter), images)


def test_a_shift_by_whole_pixels_moves_the_pixels_and_brings_in_paper():
    image = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    moved = (warp_matrix(IDENTITY, (2, -3)) @ image.ravel()).reshape(SIDE, SIDE)
    np.testing.assert_array_equal(moved[2:, :-3], image[:-2, 3:])
    assert not moved[:2].any()
    assert not moved[:, -3:].any()


def test_a_shift_by_part_of_a_pixel_keeps_the_ink_and_moves_its_centre():
    moved = warp_matrix(IDENTITY, (0.3, -0.6)) @ blob(14, 14)
    assert moved.sum() == pytest.approx(blob(14, 14).sum(), rel=1e-4)
    assert centre(moved) == pytest.approx((14.3, 13.4), abs=1e-3)


def test_a_turn_keeps_the_ink_and_turns_about_the_centre_of_mass():
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert centre(warp_matrix(quarter, (0, 0)) @ blob(14, 18)) == pytest.approx((10, CENTRE), abs=0.02)
    tenth = np.deg2rad(10)
    turn = np.array([[np.cos(tenth), -np.sin(tenth)], [np.sin(tenth), np.cos(tenth)]])
    turned = warp_matrix(turn, (0, 0)) @ blob(14, 18)
    assert turned.sum() == pytest.approx(blob(14, 18).sum(), rel=1e-3)
    assert centre(turned) == pytest.approx((14 - 4 * np.sin(tenth), 14 + 4 * np.cos(tenth)), abs=0.02)


def test_a_stretch_lets_the_ink_grow_with_the_area():
    stretched = warp_matrix(np.diag([1.2, 0.9]), (0, 0)) @ blob(14, 14)
    assert stretched.sum() == pytest.approx(1.2 * 0.9 * blob(14, 14).sum(), rel=0.02)


def test_a_warp_agrees_with_scipy_away_from_the_edge():
    image = np.random.default_rng(1).random((SIDE, SIDE), dtype=np.float32)
    linear = np.array([[1.05, 0.1], [-0.2, 0.93]])
    back = np.linalg.inv(linear)
    middle = np.full(2, CENTRE)
    expected = ndimage.affine_transform(image, back, middle - back @ (middle + np.array([0.5, -0.4])), order=1)
    ours = (warp_matrix(linear, (0.5, -0.4)) @ image.ravel()).reshape(SIDE, SIDE)
    np.testing.assert_allclose(ours[5:-5, 5:-5], expected[5:-5, 5:-5], atol=1e-5)


def test_the_same_generators_give_the_same_images_and_others_do_not(images):
    augmenter = Augmenter(shift=1, rotation=10, scale=0.1, shear=0.1)
    np.testing.assert_array_equal(warped(images, augmenter), warped(images, augmenter))
    assert not np.array_equal(warped(images, augmenter), warped(images, augmenter, seed=5))


def test_one_strength_does_not_change_what_another_draws():
    quiet = Augmenter(shift=2).pool(np.random.default_rng(0))
    turned = Augmenter(shift=2, rotation=10).pool(np.random.default_rng(0))
    for plain, both in zip(quiet, turned, strict=True):
        assert np.hypot(*np.subtract(centre(plain @ blob(14, 14)), centre(both @ blob(14, 14)))) < 0.02


@pytest.mark.parametrize("count", [1, 8, 37, 400])
def test_any_batch_size_is_warped_whole_and_in_place(count):
    x = np.tile(blob(14, 14), (count, 1))
    augmenter = Augmenter(shift=1)
    pool = augmenter.pool(np.random.default_rng(0))
    result = augmenter.augment(x, pool, np.random.default_rng(1), out=x)
    assert result is x
    assert x.dtype == np.float32
    assert not np.any(np.all(x == blob(14, 14), axis=1))


def test_a_batch_meets_as_many_warps_as_it_has_runs():
    x = np.tile(blob(14, 14), (128, 1))
    assert len(np.unique(warped(x, Augmenter(shift=1)), axis=0)) == 16


def test_warped_ink_stays_between_paper_and_full(images):
    result = warped(images, Augmenter(shift=2, rotation=15, scale=0.2, shear=0.2))
    assert result.min() >= 0
    assert result.max() <= 255.001
