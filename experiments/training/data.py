"""Run data: the digits that a run learns from and is validated on."""

from __future__ import annotations

import numpy as np

from dataset import DataError, Digits, load_digits, load_drawings, load_training, without
from dataset.corrections import load_corrections
from dataset.files import written_whole
from experiments.runs.run import Run
from model.augmentation import Augmenter
from model.rng import Purpose, rng

JITTER = Augmenter(shift=1.0, rotation=10.0, scale=0.1, shear=0.1, elastic=0.5, stroke_width=0.4)
"""Of people's drawings: as strong as the distortions that the shipped weights were trained with."""


def load_data(run: Run) -> tuple[Digits, Digits]:
    """The training and validation digits of a run; its own drawings as they were when it first began."""
    config = run.config
    train, validation = load_training(config.data, config.validation_share, config.training_images)
    if config.label_corrections:  # validation keeps the labels as they came, so that runs can be compared
        corrections = load_corrections(config.label_corrections)
        train = corrections.apply(train)
        if config.label_corrections != corrections.version:
            config = config.replace(label_corrections=corrections.version)
            run.settle(config)
    if not config.drawings_weight:
        return train, validation
    snapshot = run.folder / "drawings.npz"
    if not snapshot.exists():
        # An upload may be a digit of the data itself: one that tests or validates must not teach.
        # Every fifth drawing is never trained on, so that there is something to see the use of them by.
        found = load_drawings(config.drawings_version or None)
        drawings = without(found.training, validation, load_digits(config.data, "test"))
        if not len(drawings):
            raise DataError("There are no drawings of your own yet: draw some first, or set drawings_weight to 0.")
        if drawings.classes != train.classes:
            raise DataError(f"Your drawings are digits and {config.data} is not: set drawings_weight to 0.")
        # First the version: a run that is killed in between takes the same drawings again.
        run.settle(config.replace(drawings_version=found.version))
        with written_whole(snapshot) as file:
            np.savez(file, images=drawings.images, labels=drawings.labels)
    with np.load(snapshot, allow_pickle=False) as own:
        drawings = Digits(own["images"], own["labels"])
    copies = jittered(drawings, config.drawings_weight - 1, config.seed)
    return (
        Digits(
            np.concatenate([train.images, drawings.images, copies.images]),
            np.concatenate([train.labels, drawings.labels, copies.labels]),
            f"{train.source} and drawings",
            train.classes,
        ),
        validation,
    )


def jittered(drawings: Digits, times: int, seed: int) -> Digits:
    """So many copies of each drawing, each a little different, as the same hand would draw it another time."""
    copies = drawings[np.repeat(np.arange(len(drawings)), times)]
    ink = copies.images.reshape(-1, 28 * 28) * np.float32(1 / 255)
    if len(ink):
        JITTER.augment(ink, rng(seed, Purpose.DRAWINGS), out=ink)
    return Digits(np.rint(255 * ink.clip(0, 1)).astype(np.uint8).reshape(copies.images.shape), copies.labels)
