"""Whether a model has already learnt from the digits it is scored on."""

import shutil

import numpy as np
import pytest

from dataset import append_drawing, load_digits, load_drawings
from experiments.runs.run import create_run
from experiments.training.data import training_overlap
from experiments.training.worker import train_run
from model import load_classifier
from tests.small_runs import SMALL, finish


def test_a_run_has_seen_its_training_digits_and_no_others():
    classifier = load_classifier(finish(SMALL.replace(validation_share=0.05)).model)
    train, validation, test = (load_digits("mnist-5k", split) for split in ("train", "validation", "test"))
    assert training_overlap(classifier, train) == len(train)
    assert (
        training_overlap(classifier, validation) == len(validation) - 200
    )  # it kept 5 % of 4,000 for itself, not a twelfth
    assert training_overlap(classifier, test) == 0


def test_the_shipped_model_has_seen_no_test_digit_of_the_5000():
    assert training_overlap(load_classifier(), load_digits("mnist-5k", "test")) == 0
    assert training_overlap(load_classifier(), load_digits("mnist-5k", "train")) == 3667


def test_drawings_that_were_learnt_are_seen():
    ink = np.zeros((28, 28), np.uint8)
    for height in (10, 20):
        ink[4 : 4 + height, 14] = 255
        append_drawing(ink, 1, predicted=1, confidence=0.9, model="", session="")
    run = finish(SMALL.replace(drawings_weight=3))
    assert training_overlap(load_classifier(run.model), load_drawings().digits) == 2


@pytest.fixture
def continued():
    run = create_run(SMALL.replace(validation_share=0.5), start=finish(SMALL).model)
    for _ in train_run(run):
        pass
    return run


def test_a_continued_model_has_seen_what_its_forerunner_saw(continued):
    assert training_overlap(load_classifier(continued.model), load_digits("mnist-5k", "train")) == 3667


def test_a_model_whose_run_is_gone_cannot_tell(continued):
    classifier = load_classifier(continued.model)
    shutil.rmtree(continued.folder)
    assert training_overlap(classifier, load_digits("mnist-5k", "test")) is None
