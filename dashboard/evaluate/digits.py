"""Choice of the labelled digits that Evaluate scores, with advice where they are missing."""

from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.access.decision import is_owner
from dashboard.access.policy import read_policy
from dashboard.components import resources
from dashboard.components.downloads import offer_download
from dashboard.components.messages import error_text
from dashboard.evaluate.state import page_state
from dashboard.navigation import place
from dashboard.session import state
from dataset import SOURCES, UNLABELLED, DataError, Digits, available, default_source, load_upload
from experiments.formats import count
from experiments.runs.config import RunConfig
from model import Classifier

DRAWINGS, UPLOAD = "drawings", "upload"
SPLITS = {"test": "Test", "validation": "Validation", "train": "Training", "all": "All of them"}
ADVICE = {
    "test": "The test set is for the final look: choose between models by their validation score, not by this one.",
    "validation": "Validation digits are for choosing between models. The score of the chosen model is a little too "
    "good, because the choice favours lucky models.",
    "train": "A score on training digits shows how much a model remembers, not how well it reads new digits.",
    DRAWINGS: "Your drawings have a score of their own and are never part of an MNIST score.",
    UPLOAD: "One line for each digit, in the format of Kaggle: its label, then 784 pixels from 0 to 255.",
}


def choose_digits(classifier: Classifier) -> Digits | None:
    """The labelled digits that a person chose.

    None if there are none; the page then shows why and what to do.
    """
    titles: dict[str, Any] = {name: source.title for name, source in SOURCES.items()}
    own = RunConfig.from_dict(classifier.settings).data
    if own not in titles and available(own):
        titles[own] = Path(own).name
    titles |= {DRAWINGS: "Your drawings", UPLOAD: "A CSV file"}
    data, split = _default_choice(classifier, titles)
    left, right = st.columns([3, 2])
    state.set_widget("evaluate-data", data)
    left.selectbox(
        "Digits",
        list(titles),
        format_func=titles.__getitem__,
        key="evaluate-data",
        on_change=lambda: page_state.choose_digits(state.widget("evaluate-data"), page_state.split),
    )
    state.set_widget("evaluate-split", split)
    right.selectbox(
        "Split",
        ["all"] if split == "all" else ["test", "validation", "train"],
        format_func=SPLITS.__getitem__,
        key="evaluate-split",
        on_change=lambda: page_state.choose_digits(page_state.data, state.widget("evaluate-split")),
        disabled=split == "all",
        help="The fixed part of these digits to evaluate. Training, validation and test digits never overlap.",
    )
    st.caption(ADVICE.get(data) or ADVICE[split])
    try:
        digits = _load(data, split, classifier)
    except DataError as error:
        st.error(error_text(error))
        return None
    return None if digits is None else _labelled_part(digits)


def _default_choice(classifier: Classifier, titles: dict[str, str]) -> tuple[str, str]:
    """The source and split from a person or the address, or else those that suit the model."""
    shipped, own = resources.is_shipped(classifier), RunConfig.from_dict(classifier.settings).data
    data = page_state.data if page_state.data in titles else own if available(own) and not shipped else default_source()
    if data in (DRAWINGS, UPLOAD):
        return data, "all"
    # The shipped model is finished, so its test score is due.
    # A person's own model may still be improved, so it has a validation score.
    return data, page_state.split if page_state.split in (
        "test",
        "validation",
        "train",
    ) else "test" if shipped else "validation"


def _load(data: str, split: str, classifier: Classifier) -> Digits | None:
    if data == DRAWINGS:
        return _drawings()
    if data == UPLOAD:
        most = None if is_owner() else read_policy().settings.upload_megabytes
        file = st.file_uploader(
            ADVICE[UPLOAD], type="csv", key="evaluate-file", label_visibility="collapsed", max_upload_size=most or None
        )
        return None if file is None else _read_upload(file.file_id, None if most is None else most * 10**6, file)
    if not available(data):
        offer_download(data, use_instead=lambda: page_state.choose_digits("mnist-5k", page_state.split))
        return None
    settings = RunConfig.from_dict(classifier.settings)
    if data == settings.data and split != "test":
        # Exactly the digits that this model was trained or validated on.
        train, validation = resources.training_digits(data, settings.validation_share)
        return train[: settings.training_images or None] if split == "train" else validation
    return resources.digits(data, split)


def _drawings() -> Digits | None:
    drawings = resources.drawings()
    if drawings.damaged:
        st.warning(
            f"{count(drawings.damaged, 'damaged row')} moved to drawings.damaged.csv. All other drawings are scored."
        )
    if len(drawings.kept):
        return drawings.kept
    st.info("There are no drawings yet. Draw a digit and say whether it was read correctly: then it is scored here.")
    st.page_link(place("draw"), label="Draw a digit")
    return None


@st.cache_resource(max_entries=1, scope="session", show_spinner="Reading the file")
def _read_upload(file_id: str, most_bytes: int | None, _file: UploadedFile) -> Digits:
    """All digits of an uploaded file; each upload has an id of its own.

    They are released when the visitor leaves, or uploads another file.
    """
    return load_upload(_file.getvalue(), _file.name, most_bytes=most_bytes)


def _labelled_part(digits: Digits) -> Digits | None:
    """The digits that have a label, because others cannot be scored."""
    if not len(digits):
        st.info("There are no digits in this split. Choose another one.")
        return None
    known = digits.labels != UNLABELLED
    if not known.any():
        st.warning("This file has no labels, so the answers cannot be compared with them. Choose a file with labels.")
        return None
    if not known.all():
        st.warning(f"{len(digits) - known.sum():,} of {len(digits):,} digits have no label and are left out.")
    return digits if known.all() else digits[known]
