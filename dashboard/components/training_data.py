"""Training data: the widgets that choose the digits a new run learns from."""

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.access.actions import save_upload
from dashboard.access.decision import Action, refusal_of
from dashboard.components import resources
from dashboard.components.downloads import offer_download
from dashboard.components.forms import Form
from dashboard.components.messages import error_text
from dashboard.session import state
from dataset import SOURCES, DataError, available, count_by_digit, load_training
from dataset.corrections import Corrections, load_corrections
from dataset.files import is_there, path_of

FILE = "file"


def choose_source(form: Form) -> tuple[str, int]:
    """Draw the choice -> name or path of the source, and how many digits it can train with.

    0 digits: they are not available; the page then shows why and what to do.
    """
    source = st.selectbox(
        "Digits to learn from",
        [*SOURCES, FILE],
        format_func=lambda name: SOURCES[name].title if name in SOURCES else "A file of your own",
        key=form.key("source"),
        help="Training never uses test digits: Evaluate needs them.",
        persist_state="session",
    )
    if source == FILE:
        return choose_file(form)
    if not available(source):
        offer_download(source, use_instead=lambda: state.set_widget(form.key("source"), "mnist-5k"))
        return source, 0
    return source, SOURCES[source].pool


def choose_file(form: Form) -> tuple[str, int]:
    """The chosen file, and its number of training and validation digits."""
    place = choose_path(form)
    if not place:
        return "", 0
    try:
        file = existing(place)
        return str(file), pool_size(str(file), resources.version(file))
    except DataError as error:
        st.error(error_text(error))
        return place, 0


def choose_path(form: Form) -> str:
    """The path of an uploaded CSV or of a file on the server; it may not exist."""
    if refusal := refusal_of(Action.FILES):
        st.info(error_text(refusal), icon=":material/lock:")
        return ""
    upload, path = form.key("upload"), form.key("path")
    st.file_uploader(
        "Upload a CSV file",
        type=["csv", "gz"],
        key=upload,
        help="One line per digit, as on Kaggle: its label, then 784 pixels from 0 to 255.",
        on_change=lambda: state.set_widget(path, _save(state.widget(upload)) or state.widget(path)),
    )
    return st.text_input("Or the path of a CSV or IDX file on this computer", key=path, persist_state="session")


def existing(place: str) -> Path:
    """The file at this path. Raises DataError."""
    file = path_of(place).absolute()
    if not is_there(file):
        raise DataError(f"There is no file {file}. Give the path of a CSV or IDX file, or upload one.")
    return file


@st.cache_data(max_entries=20, show_spinner="Reading the file")
def pool_size(path: str, version: tuple[int, int]) -> int:
    """The number of training and validation digits of a file."""
    return len(load_training(path, 0)[0])


def _save(upload: Any) -> str:
    """Store an uploaded file -> its path."""
    if upload is None or refusal_of(Action.FILES):
        return ""
    return str(save_upload(upload.name, upload.getbuffer()))


def own_drawings(form: Form) -> dict[str, int]:
    """Whether to learn the stored drawings too, and with what weight."""
    drawings = int(count_by_digit().sum())
    included = st.toggle(
        f"Learn my {drawings:,} drawings too" if drawings else "Learn my drawings too",
        key=form.key("drawings"),
        disabled=not drawings,
        help="The drawings that you saved on the Draw page." + ("" if drawings else " There are none yet."),
        persist_state="session",
    )
    return form.number("drawings_weight", low=1) if included and drawings else {"drawings_weight": 0}


def corrected_labels(form: Form) -> dict[str, str]:
    """Whether to use the label corrections, and their version."""
    try:
        corrections = load_corrections()
    except DataError:  # the view of label errors says why
        corrections = Corrections()
    count = f"{corrections.changed:,} " if corrections.changed else ""
    included = st.toggle(
        f"Use {count}corrected label{'' if corrections.changed == 1 else 's'}",
        key=form.key("corrected"),
        disabled=not corrections.changed,
        help="As corrected on the Data page, under Label errors. Only training digits change: validation and test "
        "digits keep the labels they came with, so that scores can be compared.",
        persist_state="session",
    )
    return {"label_corrections": corrections.version if included else ""}
