"""Seen: how many of the shown digits a model was trained on, found by comparing the images themselves."""

import streamlit as st

from dashboard import resources
from dataset import DataError, Digits, available, load_digits, load_training, without
from experiments.runs import Run, RunError, open_run
from experiments.worker import load_data
from model import CheckpointError, Classifier


def digits_seen(classifier: Classifier, digits: Digits) -> int | None:
    """How many of these digits trained this model, or one it continues from; None where that cannot be told."""
    try:
        return _digits_seen(classifier.fingerprint, digits.fingerprint, classifier, digits)
    except (RunError, DataError, CheckpointError):  # the run or its data are no longer here
        return None


@st.cache_data(max_entries=64, show_spinner="Comparing with the digits this model was trained on")
def _digits_seen(weights: str, shown: str, _classifier: Classifier, _digits: Digits) -> int:
    trained_on = {hash(image.tobytes()) for part in _trained_on(_classifier) for image in part.images}
    return sum(hash(image.tobytes()) in trained_on for image in _digits.images)


def _trained_on(classifier: Classifier) -> list[Digits]:
    if resources.is_shipped(classifier):
        return [_shipped_digits()]
    run = open_run(classifier.about.get("run", ""))
    if not available(run.config.data):
        raise DataError(f"{run.config.data} is not on this computer.")
    return [load_data(run)[0], *_started_from(run)]


def _started_from(run: Run) -> list[Digits]:
    return _trained_on(resources.classifier_file(run.start)) if run.config.start_from else []


def _shipped_digits() -> Digits:
    """All of MNIST that is for training, but for the test digits of the 5,000; as much of it as is on this computer."""
    pool, _ = load_training("mnist" if available("mnist") else "mnist-5k", 0)
    return without(pool, load_digits("mnist-5k", "test"))
