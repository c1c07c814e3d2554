"""Seen: how many digits a model has learnt from, found by comparing the images themselves."""

from collections.abc import Iterator
from pathlib import Path

from dataset import DataError, Digits, available, load_digits, load_training, without
from experiments.runs import RunError, open_run
from experiments.worker import load_data
from model import Checkpoint, Classifier, load_checkpoint
from model.classifier import SHIPPED


def digits_seen(classifier: Classifier, digits: Digits) -> int | None:
    """How many of these digits taught this model, or one it continues from; None where that can no longer be told."""
    try:
        known = {hash(image.tobytes()) for part in _learnt_from(classifier) for image in part.images}
    except (RunError, DataError):
        return None
    return sum(hash(image.tobytes()) in known for image in digits.images)


def _learnt_from(model: Classifier | Checkpoint) -> Iterator[Digits]:
    config = model.config
    if model.fingerprint == _fingerprint(SHIPPED):
        yield _shipped_digits(config.validation_share)
    elif config.drawings_weight or config.start_from:
        run = open_run(str(model.about.get("run")))  # only its folder has those drawings, and what it started from
        yield load_data(run)[0]
        if config.start_from:
            yield from _learnt_from(load_checkpoint(run.start))
    else:
        yield _here(config.data, config.validation_share)


def _here(source: str, validation_share: float) -> Digits:
    if not available(source):
        raise DataError(f"{source} is not on this computer.")
    return load_training(source, validation_share)[0]


def _shipped_digits(validation_share: float) -> Digits:
    """What model/pretrained learnt from: MNIST without the test digits of the 5,000, or what is here of it."""
    if not available("mnist"):
        return _here("mnist-5k", 0)
    pool = without(_here("mnist", 0), load_digits("mnist-5k", "test"))
    return pool[: len(pool) - round(len(pool) * validation_share)]


def _fingerprint(path: Path) -> str:
    return load_checkpoint(path).fingerprint if path.exists() else ""
