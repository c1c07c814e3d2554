"""Surprise: how unlikely the model in use finds the label of each drawing."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dataset import Drawings
from model import Classifier

SMALLEST = 1e-12  # a probability of nought would be an endless surprise


@st.cache_resource(max_entries=4, show_spinner=False)
def answers(fingerprint: str) -> dict[str, NDArray[np.float32]]:
    """Id -> what this model says: an image never changes, so each is asked about only once."""
    return {}


@st.cache_resource(max_entries=4, show_spinner=False)
def probabilities(fingerprint: str, version: str, _classifier: Classifier, _drawings: Drawings) -> NDArray[np.float32]:
    known, ids = answers(fingerprint), _drawings.id.tolist()
    new = np.array([identity not in known for identity in ids], bool)
    if new.any():
        with st.spinner("Asking the model about all drawings"):
            said = _classifier.predict_proba(_drawings.digits.images[new])
        known.update(zip(_drawings.id[new].tolist(), said, strict=True))
    return np.stack([known[identity] for identity in ids]) if ids else np.empty((0, 10), np.float32)


def surprises(classifier: Classifier, drawings: Drawings) -> NDArray[np.float64]:
    """-ln p(label) of each drawing, in nats."""
    found = probabilities(classifier.fingerprint, drawings.version, classifier, drawings)
    given = found[np.arange(len(found)), drawings.digits.labels]
    return -np.log(np.maximum(given.astype(np.float64), SMALLEST))
