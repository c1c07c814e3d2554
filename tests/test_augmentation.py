"""Augmentation: each strength does what it says and nothing else, and all comes from the generator
alone.
"""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from dataset import load_digits
from model import StepDone, TrainConfig, Trainer, build_trainer
from model.augmentation import Augmenter, affine_sources, change_strokes, elastic_fields, warp
from model.preprocessing import CENTRE, SIDE

IDENTITY = np.eye(2)
ALL = {"shift": 1.0, "rotation": 10.0, "scale": 0.1, "shear": 0.1, "elastic": 1.0, "stroke_width": 1.0}


def blob(y: float, x: float, spread: float = 2.0) -> np.ndarray:
    rows, columns = np.indices((SIDE, SIDE))
    return np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * spread**2)).astype(np.float32).ravel()


def centre(image: np.ndarray) -> tuple[float, float]:
    return ndimage.center_of_mass(image.reshape(SIDE, SIDE))


def moved(image: np.ndarray, linear: np.ndarray, shift: tuple[float, float]) -> np.ndarray:
    """The image under one affine map."""
    x = image.reshape(1, -1).astype(np.float32)
    warp(x, affine_sources(linear[None].astype(np.float32), np.array([shift], np.float32)))
    return x[0]


def changed(x: np.ndarray, augmenter: Augmenter, seed: int = 0) -> np.ndarray:
    return augmenter.augment(x, np.random.default_rng(seed), out=np.empty(x.shape, np.float32))


def with_strokes(images: np.ndarray, pixels: float) -> np.ndarray:
    out = images.reshape(-1, SIDE, SIDE).astype(np.float32)
    change_strokes(out, np.full(len(out), pixels, np.float32))
    return out


def bar(width: int) -> np.ndarray:
    """A vertical stroke of this width in pixels."""
    image = np.zeros((SIDE, SIDE), np.float32)
    image[4:24, 12 : 12 + width] = 200
    return image


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (37, SIDE * SIDE), dtype=np.uint8)


@pytest.fixture(scope="module")
def digits() -> np.ndarray:
    return load_digits("mnist-5k", "train").images[::4].reshape(-1, SIDE * SIDE)


def test_no_strength_changes_nothing(images):
    assert not Augmenter().active
    np.testing.assert_array_equal(changed(images, Augmenter()), images)


@pytest.mark.parametrize("strength", ALL)
def test_each_strength_alone_changes_the_images(images, strength):
    augmenter = Augmenter(**{strength: ALL[strength]})
    assert augmenter.active
    assert not np.array_equal(changed(images, augmenter), images)


def test_every_strength_is_a_setting_of_a_run():
    assert {field.name for field in fields(Augmenter)} <= {field.name for field in fields(TrainConfig)}


def test_a_shift_by_whole_pixels_moves_the_pixels_and_brings_in_paper():
    image = np.random.default_rng(0).random((SIDE, SIDE), dtype=np.float32)
    shifted = moved(image, IDENTITY, (2, -3)).reshape(SIDE, SIDE)
    np.testing.assert_array_equal(shifted[2:, :-3], image[:-2, 3:])
    assert not shifted[:2].any()
    assert not shifted[:, -3:].any()


def test_what_is_shifted_out_of_the_image_is_gone():
    assert not moved(blob(14, 14), IDENTITY, (40, -40)).any()


def test_a_shift_by_part_of_a_pixel_keeps_the_ink_and_moves_its_centre():
    shifted = moved(blob(14, 14), IDENTITY, (0.3, -0.6))
    assert shifted.sum() == pytest.approx(blob(14, 14).sum(), rel=1e-4)
    assert centre(shifted) == pytest.approx((14.3, 13.4), abs=1e-3)


def test_a_turn_keeps_the_ink_and_turns_about_the_centre_of_mass():
    quarter = np.array([[0.0, -1.0], [1.0, 0.0]])
    assert centre(moved(blob(14, 18), quarter, (0, 0))) == pytest.approx((10, CENTRE), abs=0.02)
    tenth = np.deg2rad(10)
    turn = np.array([[np.cos(tenth), -np.sin(tenth)], [np.sin(tenth), np.cos(tenth)]])
    turned = moved(blob(14, 18), turn, (0, 0))
    assert turned.sum() == pytest.approx(blob(14, 18).sum(), rel=1e-3)
    assert centre(turned) == pytest.approx((14 - 4 * np.sin(tenth), 14 + 4 * np.cos(tenth)), abs=0.02)


def test_a_stretch_lets_the_ink_grow_with_the_area():
    stretched = moved(blob(14, 14), np.diag([1.2, 0.9]), (0, 0))
    assert stretched.sum() == pytest.approx(1.2 * 0.9 * blob(14, 14).sum(), rel=0.02)


def test_a_warp_agrees_with_scipy_away_from_the_edge():
    image = np.random.default_rng(1).random((SIDE, SIDE), dtype=np.float32)
    linear = np.array([[1.05, 0.1], [-0.2, 0.93]])
    back = np.linalg.inv(linear)
    middle = np.full(2, CENTRE)
    expected = ndimage.affine_transform(image, back, middle - back @ (middle + np.array([0.5, -0.4])), order=1)
    ours = moved(image, linear, (0.5, -0.4)).reshape(SIDE, SIDE)
    np.testing.assert_allclose(ours[5:-5, 5:-5], expected[5:-5, 5:-5], atol=1e-5)


def test_a_warp_along_an_elastic_field_agrees_with_scipy():
    image = np.random.default_rng(1).random((SIDE, SIDE), dtype=np.float32)
    sources = np.indices((SIDE, SIDE)).reshape(2, -1) + elastic_fields(np.random.default_rng(0), 1)
    expected = ndimage.map_coordinates(image, sources[0], order=1, mode="grid-constant")
    x = image.reshape(1, -1).copy()
    warp(x, sources.astype(np.float32))
    np.testing.assert_allclose(x[0], expected, atol=1e-5)


def test_an_elastic_field_has_the_same_spread_at_every_pixel_and_is_smooth():
    drawn = elastic_fields(np.random.default_rng(0), 4000).reshape(-1, SIDE, SIDE)
    np.testing.assert_allclose(drawn.mean(axis=0), 0, atol=0.06)
    np.testing.assert_allclose(drawn.std(axis=0), 1, atol=0.06)
    assert np.diff(drawn, axis=1).std() < 0.2
    assert np.abs(drawn).max() < 6


def test_elastic_distortion_moves_the_ink_by_its_strength_and_keeps_it(digits):
    points = np.tile(blob(14, 14, spread=1), (4000, 1))
    places = np.array([centre(image) for image in changed(points, Augmenter(elastic=1.5))])
    assert np.sqrt(np.mean((places - 14) ** 2)) == pytest.approx(1.5, rel=0.15)
    assert changed(digits, Augmenter(elastic=1)).mean() == pytest.approx(digits.mean(), rel=0.05)


@pytest.mark.parametrize("width", [3, 5])
def test_a_stroke_becomes_thicker_and_thinner_by_the_pixels_that_are_asked_for(width):
    for pixels in (-2, -1, 0.5, 2):
        across = with_strokes(bar(width), pixels)[0, 14]
        assert across.sum() / 200 == pytest.approx(width + pixels)
        assert across.max() == 200


@pytest.mark.parametrize("width", [1, 2])
def test_a_stroke_too_thin_to_be_thinner_stays_as_it_is(width):
    np.testing.assert_array_equal(with_strokes(bar(width), -2)[0], bar(width))


def test_thicker_has_more_ink_thinner_less_and_no_digit_vanishes(digits):
    ink = digits.sum(axis=1, dtype=np.float64)
    thicker, thinner = (with_strokes(digits, pixels).sum(axis=(1, 2)) / ink for pixels in (2, -2))
    assert thicker.min() > 1.2
    assert thinner.max() < 1
    assert thinner.min() > 0.3
    assert with_strokes(digits, -2).max(axis=(1, 2)).min() > 200


def test_stroke_width_varies_from_image_to_image_and_within_its_bounds(digits):
    ratios = changed(digits, Augmenter(stroke_width=1)).sum(axis=1) / digits.sum(axis=1)
    lower, upper = (with_strokes(digits, pixels).sum(axis=(1, 2)) / digits.sum(axis=1) for pixels in (-1, 1))
    assert np.all((lower - 1e-4 <= ratios) & (ratios <= upper + 1e-4))
    assert len(np.unique(ratios)) > 0.9 * len(digits)
    assert np.mean(ratios > 1) == pytest.approx(0.5, abs=0.06)


def test_the_same_generator_gives_the_same_images_and_another_does_not(images):
    augmenter = Augmenter(**ALL)
    np.testing.assert_array_equal(changed(images, augmenter), changed(images, augmenter))
    assert not np.array_equal(changed(images, augmenter), changed(images, augmenter, seed=5))


def test_one_strength_does_not_change_what_another_draws():
    x = np.tile(blob(14, 14), (64, 1))
    shifted, turned_too = changed(x, Augmenter(shift=2)), changed(x, Augmenter(shift=2, rotation=10))
    for plain, both in zip(shifted, turned_too, strict=True):
        assert centre(plain) == pytest.approx(centre(both), abs=0.02)
    # the same strokes and the same shifts, so that only what is asked for differs
    wider = changed(x, Augmenter(stroke_width=1)).sum(axis=1)
    assert changed(x, Augmenter(stroke_width=1, shift=1)).sum(axis=1) == pytest.approx(wider, rel=1e-4)
    elastic = changed(x, Augmenter(elastic=1))
    faintly = changed(x, Augmenter(elastic=1, shift=1e-6, rotation=1e-6, stroke_width=1e-6))
    np.testing.assert_allclose(elastic, faintly, atol=1e-4)
    np.testing.assert_allclose(changed(x, Augmenter(shift=2, elastic=1e-6)), shifted, atol=1e-4)


@pytest.mark.parametrize("count", [1, 8, 37, 400])
def test_any_batch_size_is_changed_whole_and_in_place(count):
    x = np.tile(blob(14, 14), (count, 1))
    result = Augmenter(**ALL).augment(x, np.random.default_rng(1), out=x)
    assert result is x
    assert x.dtype == np.float32
    assert not np.any(np.all(x == blob(14, 14), axis=1))


def test_a_batch_meets_as_many_warps_as_it_has_runs():
    x = np.tile(blob(14, 14), (128, 1))
    assert len(np.unique(changed(x, Augmenter(shift=1)), axis=0)) == 16


def test_changed_ink_stays_between_paper_and_full(images):
    result = changed(images, Augmenter(shift=2, rotation=15, scale=0.2, shear=0.2, elastic=2, stroke_width=2))
    assert result.min() >= 0
    assert result.max() <= 255.001


def trained(config: TrainConfig, *, until: int, start: Path | None = None, save: Path | None = None) -> np.ndarray:
    """The parameters after this number of steps on a few digits, from the start or from where
    another trainer was saved.
    """
    train, validation = (load_digits("mnist-5k", "train")[rows] for rows in (slice(0, 200), slice(200, 250)))
    trainer: Trainer = build_trainer(config, train, validation)
    if start:
        trainer.load(start)
    for event in trainer.train():
        if isinstance(event, StepDone) and event.step == until:
            break
    if save:
        trainer.save(save)
    return trainer.network.parameters.copy()


def test_resuming_mid_epoch_with_all_strengths_equals_never_stopping(tmp_path):
    config = TrainConfig(**ALL, hidden=(16,), batch_size=32, epochs=3)
    trained(config, until=11, save=tmp_path / "last.npz")
    resumed = trained(config, until=21, start=tmp_path / "last.npz")
    np.testing.assert_array_equal(resumed, trained(config, until=21))


@pytest.mark.parametrize("strength", ["elastic", "stroke_width"])
def test_a_run_is_trained_with_its_strengths_and_its_seed(strength):
    plain = TrainConfig(hidden=(16,), batch_size=32, epochs=1)
    first = trained(plain.replace(**{strength: 1.0}), until=7)
    np.testing.assert_array_equal(first, trained(plain.replace(**{strength: 1.0}), until=7))
    assert not np.array_equal(first, trained(plain, until=7))
    assert not np.array_equal(first, trained(plain.replace(**{strength: 1.0}, seed=1), until=7))
