"""Resources: models and digits, loaded once and shared read-only by all sessions."""

from pathlib import Path
from typing import cast

import pandas as pd
import streamlit as st

from dashboard.access.visibility import open_run, run_rows
from dashboard.session import SHIPPED
from dataset import Digits, Drawings, load_digits, load_drawings, load_training
from dataset.drawings import drawing_storage
from dataset.sources import Split
from experiments.runs.run import Run, RunError
from experiments.runs.table import RunRow, fold_sweeps
from model import Classifier, load_classifier

SHIPPED_TITLE = "Shipped model"
REPEATED = 30  # runs whose settings are offered again
STATE_ICONS = {
    "queued": ":material/hourglass_empty:",
    "running": ":material/play_circle:",
    "paused": ":material/pause_circle:",
    "finished": ":material/check_circle:",
    "stopped": ":material/stop_circle:",
    "interrupted": ":material/power_off:",
    "diverged": ":material/error:",
    "failed": ":material/error:",
}


def version(path: Path) -> tuple[int, int]:
    """Time of change and size of a file, for the key of a cache."""
    about = path.stat()
    return about.st_mtime_ns, about.st_size


@st.cache_resource(max_entries=8, show_spinner=False)
def _classifier(path: str | None, version: tuple[int, int] | None) -> Classifier:
    return load_classifier(path)


def classifier(choice: str) -> Classifier:
    """The model `shipped` or that of a run. Raises RunError or CheckpointError."""
    if choice == SHIPPED:
        return _classifier(None, None)
    path = open_run(choice).model
    if not path.is_file():
        raise RunError(f"The run {choice} has no model yet.")
    return classifier_file(path)


def classifier_file(path: Path) -> Classifier:
    """The model in a checkpoint file, read again when the file changes."""
    return _classifier(str(path), version(path))


def is_shipped(classifier: Classifier) -> bool:
    """Whether this is the shipped model."""
    return classifier.fingerprint == _classifier(None, None).fingerprint


def model_titles(*always: str) -> dict[str, str]:
    """Models to choose from -> their titles, the newest first, and always those with these ids."""
    with_model = [row for row in run_rows() if row.run.model.exists()]
    return {SHIPPED: SHIPPED_TITLE} | {row.id: row.title for row in fold_sweeps(with_model, always)}


def runs_to_repeat(*always: str) -> dict[str, RunRow]:
    """The newest runs to copy settings from, by their ids: of a sweep only the best run."""
    rows = [row for row in run_rows() if row.status.group not in ("range-test", "lesson") or row.id in always]
    return {row.id: row for place, row in enumerate(fold_sweeps(rows, always)) if place < REPEATED or row.id in always}


@st.cache_resource(max_entries=256, show_spinner=False)
def _history(folder: str, version: tuple[int, int]) -> pd.DataFrame:
    return Run(Path(folder)).history()


def history(run: Run) -> pd.DataFrame:
    """The history of a run, shared by all sessions: do not change it."""
    path = run.folder / "history.csv"
    return _history(str(run.folder), version(path)) if path.is_file() else run.history()


@st.cache_resource(max_entries=6, show_spinner="Loading digits")
def _digits(source: str, split: Split, version: tuple[int, int] | None) -> Digits:
    return load_digits(source, split)


def digits(source: str, split: str = "train") -> Digits:
    """Digits of a source or a file; a changed file is read again. Raises DataError."""
    path = Path(source)
    # load_digits refuses other splits, which an address can name
    return _digits(source, cast(Split, split), version(path) if path.is_file() else None)


@st.cache_resource(max_entries=2, show_spinner="Loading digits")
def _training_digits(source: str, validation_share: float, version: tuple[int, int] | None) -> tuple[Digits, Digits]:
    return load_training(source, validation_share)


def training_digits(source: str, validation_share: float) -> tuple[Digits, Digits]:
    """The training and validation digits of a run, without drawings. Raises DataError."""
    path = Path(source)
    return _training_digits(source, validation_share, version(path) if path.is_file() else None)


def drawings() -> Drawings:
    """The stored drawings, read again only if something has changed."""
    return load_drawings()


def damaged_drawings() -> tuple[int, Path | None]:
    """The number of damaged rows of the file of drawings, and the file that has them now."""
    drawings()  # this moves damaged rows
    file = drawing_storage().damaged_file
    return (len(file.read_bytes().splitlines()) if file and file.exists() else 0), file
