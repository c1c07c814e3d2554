"""Training data: the digits of a run, and which digits a model was trained on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dataset import DataError, Digits, available, load_digits, load_drawings, load_training, without
from dataset.corrections import load_corrections
from dataset.download import SHIPPED
from dataset.files import atomic_write, read_digits
from experiments.runs.config import RunConfig
from experiments.runs.run import Run, RunError, open_run
from model import Checkpoint, Classifier, load_checkpoint
from model.augmentation import Augmenter
from model.copies import Copies
from model.reading import DamagedError
from model.rng import Purpose, rng

JITTER = Augmenter(shift=1.0, rotation=10.0, scale=0.1, shear=0.1, elastic=0.5, stroke_width=0.4)
"""Distortions of drawings: as strong as the distortions that the shipped weights were trained with.
"""


def load_data(run: Run) -> tuple[Digits, Digits]:
    """The training and validation digits of a run, each drawing once.

    Its drawings and label corrections are those of when it first began.

    Raises DataError where there are none.
    """
    config = run.config
    train, validation = load_training(config.data, config.validation_share, config.training_images)
    if config.label_corrections:  # validation digits stay uncorrected, so that runs can be compared
        corrections = load_corrections(config.label_corrections)
        train = corrections.apply(train)
        if config.label_corrections != corrections.version:
            run.set_config(config.replace(label_corrections=corrections.version))
    if not run.config.drawings_weight:
        return train, validation
    drawings = _load_run_drawings(run, validation, train.classes)
    return _joined(train, drawings), validation


def _joined(train: Digits, drawings: Digits) -> Digits:
    images = np.concatenate([train.images, drawings.images])
    labels = np.concatenate([train.labels, drawings.labels])
    return Digits(images, labels, f"{train.source} and drawings", train.classes)


def load_copied_data(run: Run) -> tuple[Digits, Digits, Copies | None]:
    """The training and validation digits of a run, and which training digits count several times.

    An earlier version made all copies when a run began. A run that it began continues with those.
    """
    train, validation = load_data(run)
    config = run.config
    times = config.drawings_weight - 1
    if times < 1:
        return train, validation, None
    drawings = trained_drawings(run)
    if run.last.exists() and load_checkpoint(run.last).about.get("data_fingerprint") != train.fingerprint:
        return _joined(train, jittered(drawings, times, config.seed)), validation, None
    return train, validation, Copies(len(drawings), times, JITTER)


def _load_run_drawings(run: Run, validation: Digits, classes: tuple[str, ...]) -> Digits:
    """The run's own copy of the drawings, made when it first began."""
    config, snapshot = run.config, run.folder / "drawings.npz"
    if not snapshot.exists():
        # Held-out drawings are left out, and uploads that are test or validation digits of the
        # data.
        stored = load_drawings(config.drawings_version or None)
        drawings = without(stored.training, validation, load_digits(config.data, "test"))
        if not len(drawings):
            raise DataError("There are no drawings of your own yet: draw some first, or set drawings_weight to 0.")
        if drawings.classes != classes:
            raise DataError(f"Your drawings are digits and {config.data} is not: set drawings_weight to 0.")
        # The version is saved first: a run that is killed in between loads the same drawings again.
        run.set_config(config.replace(drawings_version=stored.version))
        with atomic_write(snapshot) as file:
            np.savez(file, images=drawings.images, labels=drawings.labels)
    return trained_drawings(run)


def trained_drawings(run: Run) -> Digits:
    """The drawings that a run was trained on, each once. Raises RunError."""
    try:
        return Digits(*read_digits(run.folder / "drawings.npz"), "drawings")
    except (OSError, DamagedError) as error:
        raise run.damaged(error) from error


def jittered(drawings: Digits, times: int, seed: int) -> Digits:
    """This many copies of each drawing, each distorted a little, all at once.

    Only for runs that an earlier version began.
    """
    copies = drawings[np.repeat(np.arange(len(drawings)), times)]
    ink = copies.images.reshape(-1, 28 * 28) * np.float32(1 / 255)
    if len(ink):
        JITTER.augment(ink, rng(seed, Purpose.DRAWINGS), out=ink)
    return Digits(np.rint(255 * ink.clip(0, 1)).astype(np.uint8).reshape(copies.images.shape), copies.labels)


def training_overlap(classifier: Classifier, digits: Digits) -> int | None:
    """How many of these digits the model, or one it continues from, was trained on.

    None where that is unknown.

    The images themselves are compared.
    """
    try:
        known = {hash(image.tobytes()) for part in _trained_on(classifier) for image in part.images}
    except (RunError, DataError):
        return None
    return sum(hash(image.tobytes()) in known for image in digits.images)


def _trained_on(model: Classifier | Checkpoint) -> Iterator[Digits]:
    config = RunConfig.from_dict(model.settings)
    if not available(config.data):
        if config.data != SHIPPED:
            raise DataError(f"{config.data} is not on this computer.")
        yield load_training("mnist-5k", 0)[0]  # without MNIST, the part of it that is on every computer
    elif config.drawings_weight or config.start_from:
        run = open_run(str(model.about.get("run")))  # only its folder has those drawings, and what it started from
        yield load_data(run)[0]
        if config.start_from:
            yield from _trained_on(load_checkpoint(run.start))
    else:
        train, _ = load_training(config.data, config.validation_share, config.training_images)
        yield load_corrections(config.label_corrections).apply(train)  # without what was set aside
