"""Choosing digits: the source and the split that Evaluate looks at, and a cure where they cannot be had."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import streamlit as st

from dashboard.components import resources
from dashboard.components.downloads import offer_download
from dashboard.navigation import place
from dashboard.session import state
from dataset import SOURCES, UNLABELLED, DataError, Digits, available, default_source, load_digits
from model import Classifier

DRAWINGS, UPLOAD = "drawings", "upload"
SPLITS = {"test": "Test", "validation": "Validation", "train": "Training", "all": "All of them"}
ADVICE = {
    "test": "The test set is for the final look: choose between models by their validation score, not by this one.",
    "validation": "Validation digits are for choosing between models; the chosen one's score is a little too good.",
    "train": "A score on training digits says how much a model remembers, not how well it reads new ones.",
    DRAWINGS: "Your drawings have a score of their own and are never part of an MNIST score.",
    UPLOAD: "One line per digit, as on Kaggle: its label, then 784 pixels from 0 to 255.",
}


def choose_digits(classifier: Classifier) -> Digits | None:
    """The labelled digits that a person chose; None where there are none, after saying why and what to do."""
    titles = {name: source.title for name, source in SOURCES.items()}
    if classifier.config.data not in titles and available(classifier.config.data):
        titles[classifier.config.data] = Path(classifier.config.data).name
    titles |= {DRAWINGS: "Your drawings", UPLOAD: "A CSV file"}
    data, split = chosen(classifier, titles)
    left, right = st.columns([3, 2])
    state.set_widget("evaluate-data", data)
    left.selectbox("Digits", list(titles), format_func=titles.get, key="evaluate-data", on_change=remember_data)
    state.set_widget("evaluate-split", split)
    right.selectbox(
        "Split",
        ["all"] if split == "all" else ["test", "validation", "train"],
        format_func=SPLITS.get,
        key="evaluate-split",
        on_change=remember_split,
        disabled=split == "all",
        help="The fixed part of these digits that is looked at. Training, validation and test digits never overlap.",
    )
    st.caption(ADVICE.get(data) or ADVICE[split])
    try:
        digits = load(data, split, classifier)
    except DataError as error:
        st.error(str(error))
        return None
    return None if digits is None else labelled(digits)


def chosen(classifier: Classifier, titles: dict[str, str]) -> tuple[str, str]:
    """The source and split that were picked or came with the address; else those that suit the model."""
    shipped, own = resources.is_shipped(classifier), classifier.config.data
    data = state.data if state.data in titles else own if available(own) and not shipped else default_source()
    if data in (DRAWINGS, UPLOAD):
        return data, "all"
    # The shipped model is finished: its final look is due. One that is still being improved has a validation score.
    return data, state.split if state.split in ("test", "validation", "train") else "test" if shipped else "validation"


def remember_data() -> None:
    state.choose_digits(state.widget("evaluate-data"), state.split)


def remember_split() -> None:
    state.choose_digits(state.data, state.widget("evaluate-split"))


def load(data: str, split: str, classifier: Classifier) -> Digits | None:
    if data == DRAWINGS:
        return drawings()
    if data == UPLOAD:
        file = st.file_uploader(ADVICE[UPLOAD], type="csv", key="evaluate-file", label_visibility="collapsed")
        return None if file is None else uploaded(file.file_id, file)
    if not available(data):
        offer_download(data, use_instead=lambda: state.choose_digits("mnist-5k", state.split))
        return None
    if data == classifier.config.data and split != "test":
        # exactly the digits that this model learned from, or was watched with
        train, validation = resources.training_digits(data, classifier.config.validation_share)
        train = train[: classifier.config.training_images or None]
        return train if split == "train" else validation
    return resources.digits(data, split)


def drawings() -> Digits | None:
    found = resources.drawings()
    if found.damaged:
        st.warning(f"{found.damaged} damaged rows were set aside into drawings.damaged.csv; the others are scored.")
    if len(found.kept):
        return found.kept
    st.info("There are no drawings yet. Draw a digit and say whether it was read correctly: then it is scored here.")
    st.page_link(place("draw"), label="Draw a digit")
    return None


@st.cache_resource(max_entries=2, show_spinner="Reading the file")
def uploaded(file_id: str, _file: Any) -> Digits:
    """Every digit of an uploaded file; each upload has an id of its own."""
    with TemporaryDirectory() as folder:
        path = Path(folder, Path(_file.name).name)
        path.write_bytes(_file.getbuffer())
        return load_digits(path, "all")


def labelled(digits: Digits) -> Digits | None:
    """Those that have a label: nothing can be scored without one."""
    if not len(digits):
        st.info("There are no digits in this split. Choose another one.")
        return None
    if digits.labelled:
        return digits
    known = digits.labels != UNLABELLED
    if not known.any():
        st.warning("This file has no labels, so there is nothing to compare the answers with. Choose one with labels.")
        return None
    st.warning(f"{len(digits) - known.sum():,} of {len(digits):,} digits have no label and are left out.")
    return digits[known]
