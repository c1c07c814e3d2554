"""Seen: how many digits a model has learnt from, found by comparing the images themselves."""

from collections.abc import Iterator

from dataset import DataError, Digits, available, load_training
from dataset.corrections import load_corrections
from dataset.download import SHIPPED
from experiments.runs.config import RunConfig
from experiments.runs.run import RunError, open_run
from experiments.training.data import load_data
from model import Checkpoint, Classifier, load_checkpoint


def digits_seen(classifier: Classifier, digits: Digits) -> int | None:
    """How many of these digits taught this model, or one it continues from; None where that can no longer be told."""
    try:
        known = {hash(image.tobytes()) for part in _learnt_from(classifier) for image in part.images}
    except (RunError, DataError):
        return None
    return sum(hash(image.tobytes()) in known for image in digits.images)


def _learnt_from(model: Classifier | Checkpoint) -> Iterator[Digits]:
    config = RunConfig.from_dict(model.settings)
    if not available(config.data):
        if config.data != SHIPPED:
            raise DataError(f"{config.data} is not on this computer.")
        yield load_training("mnist-5k", 0)[0]  # without MNIST, the part of it that is on every computer
    elif config.drawings_weight or config.start_from:
        run = open_run(str(model.about.get("run")))  # only its folder has those drawings, and what it started from
        yield load_data(run)[0]
        if config.start_from:
            yield from _learnt_from(load_checkpoint(run.start))
    else:
        train, _ = load_training(config.data, config.validation_share, config.training_images)
        yield load_corrections(config.label_corrections).apply(train)  # without what was set aside
