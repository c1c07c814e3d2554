"""Training data: which digits a new run learns from, and a cure where they cannot be had."""

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.access.actions import save_upload
from dashboard.access.decision import Action, refusal_of
from dashboard.components import resources
from dashboard.components.downloads import offer_download
from dashboard.components.forms import Form
from dashboard.components.plain_text import plain_text
from dashboard.session import state
from dataset import SOURCES, DataError, available, count_by_digit, load_training
from dataset.corrections import Corrections, load_corrections
from dataset.files import is_there, path_of

FILE = "file"


def choose_source(form: Form) -> tuple[str, int]:
    """Draws the choice -> the source's name or path, and how many digits it has to train and validate on.

    0 digits: they cannot be had, and the page has said why and what to do.
    """
    source = st.selectbox(
        "Digits to learn from",
        [*SOURCES, FILE],
        format_func=lambda name: SOURCES[name].title if name in SOURCES else "A file of your own",
        key=form.key("source"),
        help="Test digits are never among them: they are kept for the Evaluate page.",
        persist_state="session",
    )
    if source == FILE:
        return choose_file(form)
    if not available(source):
        offer_download(source, use_instead=lambda: state.set_widget(form.key("source"), "mnist-5k"))
        return source, 0
    return source, SOURCES[source].pool


def choose_file(form: Form) -> tuple[str, int]:
    """A file to train on, and how many digits it has for that."""
    place = choose_path(form)
    if not place:
        return "", 0
    try:
        file = existing(place)
        return str(file), pool_size(str(file), resources.version(file))
    except DataError as error:
        st.error(plain_text(str(error)))
        return place, 0


def choose_path(form: Form) -> str:
    """A CSV that is uploaded, or any file that is already on the machine that trains; it may not be there."""
    if refusal := refusal_of(Action.FILES):
        st.info(plain_text(str(refusal)), icon=":material/lock:")
        return ""
    upload, path = form.key("upload"), form.key("path")
    st.file_uploader(
        "Upload a CSV file",
        type=["csv", "gz"],
        key=upload,
        help="One line per digit, as on Kaggle: its label, then 784 pixels from 0 to 255.",
        on_change=lambda: state.set_widget(path, kept(state.widget(upload)) or state.widget(path)),
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
    """How many digits of a file are not test digits."""
    return len(load_training(path, 0)[0])


def kept(upload: Any) -> str:
    """The path under which an uploaded file stays, so that its runs can be resumed."""
    if upload is None or refusal_of(Action.FILES):
        return ""
    return str(save_upload(upload.name, upload.getbuffer()))


def own_drawings(form: Form) -> dict[str, int]:
    """Whether the drawings a person saved are learned too, and with what weight."""
    drawings = int(count_by_digit().sum())
    included = st.toggle(
        f"Learn my {drawings:,} drawings too" if drawings else "Learn my drawings too",
        key=form.key("drawings"),
        disabled=not drawings,
        help="What you save on the Draw page. There are none yet."
        if not drawings
        else "What you saved on the Draw page.",
        persist_state="session",
    )
    return form.number("drawings_weight", low=1) if included and drawings else {"drawings_weight": 0}


def corrected_labels(form: Form) -> dict[str, str]:
    """Whether the labels count as people corrected them, and which version of that; never unasked."""
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
