"""Results: evaluations, kept under the weights and the digits they are of, so that none is shown for others."""

from time import perf_counter

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.evaluate.evaluation import Evaluation
from dataset import Digits
from experiments.training import overlap as seen
from model import Classifier

KEPT = 16
CHUNK = 2_500  # images: about 0.05 s for the largest network that ships
PATIENCE = 0.2  # seconds that may pass without a sign of life


@st.cache_resource(show_spinner=False)
def _kept() -> dict[tuple, Evaluation]:
    return {}


def evaluation(classifier: Classifier, digits: Digits) -> Evaluation:
    """What these weights answer on these digits: computed once for all sessions, with progress if it takes long."""
    # the config belongs to the key: the same weights answer otherwise behind another activation
    key = (classifier.fingerprint, classifier.config, digits.fingerprint)
    kept = _kept()
    found = kept.get(key)
    place = st.empty()  # always: what comes below keeps its place
    if found is None:
        found = kept[key] = Evaluation(digits.labels, _probabilities(classifier, digits.images, place))
        for oldest in list(kept)[:-KEPT]:
            kept.pop(oldest, None)
    return found


def _probabilities(classifier: Classifier, images: np.ndarray, place: DeltaGenerator) -> np.ndarray:
    began, parts = perf_counter(), []
    for start in range(0, len(images), CHUNK):
        parts.append(classifier.predict_proba(images[start : start + CHUNK]))
        if perf_counter() - began > PATIENCE:
            done = min(start + CHUNK, len(images))
            place.progress(done / len(images), f"{done:,} of {len(images):,} images answered")
    place.empty()
    return np.concatenate(parts)


def digits_seen(classifier: Classifier, digits: Digits) -> int | None:
    """How many of these digits the model has learnt from; None where that can no longer be told."""
    return _digits_seen(classifier.fingerprint, digits.fingerprint, classifier, digits)


@st.cache_data(max_entries=64, show_spinner="Comparing with the digits this model learnt from")
def _digits_seen(weights: str, shown: str, _classifier: Classifier, _digits: Digits) -> int | None:
    return seen.digits_seen(_classifier, _digits)
