"""Evaluation: the answers of a model to labelled digits, computed once for all sessions."""

from dataclasses import dataclass
from functools import cached_property
from random import Random
from time import perf_counter

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dataset import Digits
from experiments.training import data as training_data
from model import Classifier
from model.arrays import Bytes, Floats, Integers
from model.metrics import confusion_matrix, log_losses, wilson_interval

STORED = 16  # evaluations in memory
CHUNK = 2_500  # images in one call of the model: about 0.05 s for the largest network that ships
SILENT_SECONDS = 0.2  # before progress is shown


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Answers to n images in their order: labels uint8 (n,), probabilities float32 (n, classes)."""

    labels: Bytes
    probabilities: Floats

    @cached_property
    def predictions(self) -> Integers:
        """The class with the highest probability for each image (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def losses(self) -> Floats:
        """-ln of the probability that the true class got, for each image (n,)."""
        return log_losses(self.probabilities, self.labels)

    @cached_property
    def confusion(self) -> Integers:
        """Counts (classes, classes): true classes in rows, predicted classes in columns."""
        return confusion_matrix(self.labels, self.predictions, self.probabilities.shape[1])

    @property
    def total(self) -> int:
        """The number of images."""
        return len(self.labels)

    @property
    def correct(self) -> int:
        """The number of correct answers."""
        return int(np.trace(self.confusion))

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % Wilson interval of the accuracy, as two shares."""
        return wilson_interval(self.correct, self.total)

    def worst_first(self, rows: Integers) -> Integers:
        """The rows by falling loss; rows with the same loss stay in their order."""
        return rows[np.argsort(-self.losses[rows], kind="stable")]

    @cached_property
    def mistakes(self) -> Integers:
        """The rows with a wrong answer, the highest loss first."""
        return self.worst_first(np.flatnonzero(self.predictions != self.labels))

    def cell(self, true: int, predicted: int) -> Integers:
        """The rows in one cell of the confusion matrix, the highest loss first."""
        return self.worst_first(np.flatnonzero((self.labels == true) & (self.predictions == predicted)))

    @cached_property
    def most_frequent_mistake(self) -> tuple[int, int] | None:
        """(true, predicted) of the largest cell off the diagonal; None if all are correct."""
        if not len(self.mistakes):
            return None
        off_diagonal = self.confusion - np.diag(np.diag(self.confusion))
        true, predicted = np.unravel_index(off_diagonal.argmax(), off_diagonal.shape)
        return int(true), int(predicted)

    def sample(self, count: int, seed: int) -> Integers:
        """`count` rows drawn at random; the same seed draws the same rows."""
        return np.array(Random(seed).sample(range(self.total), min(count, self.total)), dtype=np.intp)


@st.cache_resource(show_spinner=False)
def _evaluations() -> dict[tuple[object, ...], Evaluation]:
    return {}


def evaluation(classifier: Classifier, digits: Digits) -> Evaluation:
    """The answers of this model to these digits, with a progress bar if that takes long."""
    # The config belongs to the key: with another activation function the same weights answer
    # differently.
    key = (classifier.fingerprint, classifier.config, digits.fingerprint)
    stored = _evaluations()
    space = st.empty()  # always present, so that the elements below do not move
    if (found := stored.get(key)) is None:
        found = stored[key] = Evaluation(digits.labels, predict_with_progress(classifier, digits.images, space))
        for oldest in list(stored)[:-STORED]:
            stored.pop(oldest, None)
    return found


def predict_with_progress(classifier: Classifier, images: Bytes, space: DeltaGenerator) -> Floats:
    """Probabilities (n, classes); `space` shows the progress meanwhile if that takes long."""
    began, parts = perf_counter(), [np.empty((0, len(classifier.classes)), np.float32)]
    for start in range(0, len(images), CHUNK):
        parts.append(classifier.predict_proba(images[start : start + CHUNK]))
        if perf_counter() - began > SILENT_SECONDS:
            done = min(start + CHUNK, len(images))
            space.progress(done / len(images), f"{done:,} of {len(images):,} images evaluated")
    space.empty()
    return np.concatenate(parts)


def training_overlap(classifier: Classifier, digits: Digits) -> int | None:
    """How many of these digits the model was trained on; None if its training data are gone."""
    return _training_overlap(classifier.fingerprint, digits.fingerprint, classifier, digits)


@st.cache_data(max_entries=64, show_spinner="Comparing with the training digits of this model")
def _training_overlap(weights: str, shown: str, _classifier: Classifier, _digits: Digits) -> int | None:
    return training_data.training_overlap(_classifier, _digits)
