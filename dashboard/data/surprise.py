"""Surprise: how unlikely the model in use finds the label of each drawing."""

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dataset import Drawings
from model import Classifier

SMALLEST = 1e-12  # a probability of nought would be an endless surprise
AT_ONCE = 250  # images between two looks at the progress


class Answers:
    """What one model says about drawings. An image never changes, so it is asked about each only once."""

    def __init__(self) -> None:
        self.by_id: dict[str, NDArray[np.float32]] = {}
        self.latest = "", np.empty((0, 10), np.float32)  # the version that was asked for last, and of all its drawings


@st.cache_resource(max_entries=4, show_spinner=False)
def answers_of(fingerprint: str) -> Answers:
    return Answers()


def probabilities(classifier: Classifier, drawings: Drawings) -> NDArray[np.float32]:
    """Of each drawing (n, 10); shows its progress where that takes a while."""
    answers = answers_of(classifier.fingerprint)
    version, found = answers.latest
    if version == drawings.version:
        return found
    by_id, ids = answers.by_id, drawings.id.tolist()
    new = np.flatnonzero([identity not in by_id for identity in ids])
    with st.empty():
        for start in range(0, len(new), AT_ONCE):
            if start:
                st.progress(start / len(new), f"The model has read {start:,} of {len(new):,} drawings")
            rows = new[start : start + AT_ONCE]
            by_id.update(
                zip([ids[r] for r in rows], classifier.predict_proba(drawings.digits.images[rows]), strict=True)
            )
    found = np.stack([by_id[identity] for identity in ids]) if ids else np.empty((0, 10), np.float32)
    answers.latest = drawings.version, found
    return found


def surprises(classifier: Classifier, drawings: Drawings) -> NDArray[np.float64]:
    """-ln p(label) of each drawing, in nats."""
    found = probabilities(classifier, drawings)
    return surprise_of(found[np.arange(len(found)), drawings.digits.labels])


def surprise_of(probability: NDArray[np.float32] | np.float32) -> NDArray[np.float64]:
    return -np.log(np.maximum(np.asarray(probability, np.float64), SMALLEST))
