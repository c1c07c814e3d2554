"""Copies of training images: made when a batch needs them, each a little changed."""

import tracemalloc
from itertools import islice

import numpy as np

from dataset import Digits
from model import TrainConfig, build_trainer
from model.augmentation import Augmenter
from model.copies import BLOCK, Copies, CopyMaker
from tests import made_digits

JITTER = Augmenter(shift=1.0, rotation=10.0, elastic=0.5, stroke_width=0.4)
CONFIG = TrainConfig(hidden=(8,), epochs=2, batch_size=16)
COPIES = Copies(of=10, times=4, change=JITTER)  # of 30 images: an epoch has 70


def made(count):
    """Digits of random images."""
    digits = made_digits.made_digits(count)
    return Digits(digits.images, digits.labels)


def shown(maker, images, order, epoch, batch):
    """All images of an epoch, batch by batch, from 0 to 1."""
    x = images[COPIES.sources(order, len(images))] / np.float32(255)
    for first in range(0, len(order), batch):
        maker.fill(x[first : first + batch], order, epoch, first)
    return x


def test_each_image_is_shown_as_often_as_it_counts():
    rows = np.arange(30 + COPIES.count)
    sources = COPIES.sources(rows, 30)
    assert np.bincount(sources).tolist() == 20 * [1] + 10 * [5]


def test_copies_differ_a_little_and_anew_in_each_epoch_but_not_with_the_size_of_a_batch():
    images = made(30).images.reshape(30, 784)
    order = np.random.default_rng(0).permutation(70)
    first = shown(CopyMaker(COPIES, images, 0), images, order, 0, 16)
    np.testing.assert_array_equal(first, shown(CopyMaker(COPIES, images, 0), images, order, 0, 7))
    again = shown(CopyMaker(COPIES, images, 0), images, order, 1, 16)
    is_copy = order >= 30
    originals = images[order[~is_copy]] / np.float32(255)
    np.testing.assert_array_equal(first[~is_copy], originals)
    assert len(np.unique(first[is_copy], axis=0)) == 40
    assert (first[is_copy] != again[is_copy]).any(axis=1).all()
    sources = images[COPIES.sources(order[is_copy], 30)] / np.float32(255)
    assert np.abs(first[is_copy] - sources).mean() < 0.25  # unrelated images: 0.33


def test_an_epoch_of_many_blocks_is_shown_whole():
    images = made(30).images.reshape(30, 784)
    copies = Copies(of=30, times=2 * BLOCK // 30, change=JITTER)
    order = np.random.default_rng(0).permutation(30 + copies.count)
    x = np.full((len(order), 784), np.nan, np.float32)
    maker = CopyMaker(copies, images, 0)
    for first in range(0, len(order), 100):
        maker.fill(x[first : first + 100], order, 0, first)
    assert (np.isnan(x).all(axis=1) == (order < 30)).all()


def test_training_with_copies_resumes_exactly_in_the_middle_of_an_epoch(tmp_path):
    digits = made(30)
    whole = build_trainer(CONFIG, digits, digits[:5], copies=COPIES)
    assert (whole.images, whole.steps_per_epoch) == (70, 5)
    list(whole.train())
    for step in range(1, whole.total_steps):
        first = build_trainer(CONFIG, digits, digits[:5], copies=COPIES)
        events = first.train()
        while first.step < step:
            next(events)
        first.save(tmp_path / "last.npz")
        resumed = build_trainer(CONFIG, digits, digits[:5], copies=COPIES)
        resumed.load(tmp_path / "last.npz")
        list(resumed.train())
        assert resumed.network.parameters.tobytes() == whole.network.parameters.tobytes()


def test_copies_take_no_memory_before_they_are_shown():
    digits = made(500)
    copies = Copies(of=500, times=400, change=JITTER)  # 157 MB as bytes, 627 MB as numbers
    tracemalloc.start()
    try:
        trainer = build_trainer(CONFIG, digits, digits[:5], copies=copies)
        list(islice(trainer.train(), 20))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert trainer.images == 200_500
    assert peak < 30e6
