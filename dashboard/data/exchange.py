"""The Import and export view: drawings and corrected labels from files, and into files."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.access.actions import import_corrections, import_drawings
from dashboard.access.decision import Action, refusal_of
from dashboard.components.downloads import render_download
from dashboard.components.messages import EXPECTED, error_text
from dashboard.components.stored_drawings import render_damaged_rows
from dashboard.data.edits import render_outcome
from dashboard.data.state import page_state
from dataset import DataError, load_drawings
from dataset.corrections import CORRECTIONS, export_corrections, is_corrections, load_corrections
from dataset.drawings import count_by_digit, drawings_history
from dataset.drawings.exchange import export_drawings, labels_path
from experiments.formats import count

IMAGES = "drawings-images-idx3-ubyte.gz"
LABELS = labels_path(Path(IMAGES)).name
FORMATS = {  # name of the file: its title, its type, and an explanation
    "drawings.csv": ("CSV", "text/csv", "Kaggle's columns, then all that is known about each drawing."),
    "drawings.zip": ("Pictures", "application/zip", "A zip file of PNG images, in a folder for each digit."),
    IMAGES: ("IDX, images", "application/gzip", "The format of MNIST; the labels are in a file of their own."),
    LABELS: ("IDX, labels", "application/gzip", "The labels of these images."),
}


def render() -> None:
    """Draw the view."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Import", anchor=False)
        _render_import()
    with right:
        st.subheader("Export", anchor=False)
        _render_export()
    render_damaged_rows()


def _render_import() -> None:
    if refusal := refusal_of(Action.IMPORT):
        st.info(error_text(refusal), icon=":material/lock:")
        return
    files = st.file_uploader(
        "CSV, zip of pictures, IDX images with their labels, or corrected labels",
        accept_multiple_files=True,
        key=f"import-{page_state.imports}",
        help="CSV: label, then 784 pixels. Pictures: 28 × 28 pixels, light ink on dark, in folders named 0 to 9. IDX: "
        "both files at once. Corrected labels: the file that *Export* makes of them.",
    )
    if st.button("Import", type="primary", icon=":material/upload:", disabled=not files):
        with st.spinner("Reading the digits, and comparing each with all drawings"):
            _import_files(files)
        st.rerun()
    if page_state.import_problem:
        st.error(error_text(page_state.import_problem))
    elif page_state.outcome[0]:
        with st.container(horizontal=True, vertical_alignment="center"):
            render_outcome()


def _import_files(files: Sequence[UploadedFile]) -> None:
    """Import all files; if one is wrong, only those before it."""
    drawings = corrections = 0
    page_state.import_problem = ""
    try:
        with TemporaryDirectory() as folder:
            paths = _write_files(files, Path(folder))
            changes_before = len(drawings_history())
            for path in paths:
                if is_corrections(path):
                    corrections += import_corrections(path)
                elif "idx1" not in path.name or len(paths) == 1:  # labels are read with their images
                    drawings += import_drawings(path)
        changes = drawings_history()[changes_before:] if drawings else []
        similar = _count_near_duplicates([identity for entry in changes for identity in entry.ids])
    except EXPECTED as error:
        before = f" {_count_text(drawings, corrections)} imported before it." if drawings + corrections else ""
        page_state.import_problem = f"{error}{before}"
        return
    page_state.imports += 1
    imported = drawings + corrections
    text = f"{_count_text(drawings, corrections)} imported." if imported else "All of them were here already."
    if similar:
        text += f" {similar:,} of them are near-duplicates of drawings that were here: *Filter* shows them."
    page_state.outcome = text, changes[-1].number if changes else None


def _write_files(files: Sequence[UploadedFile], folder: Path) -> list[Path]:
    """Write uploads into one folder, where IDX labels are next to their images.

    A second file of the same name goes into a folder of its own.
    """
    paths: list[Path] = []
    for file in files:
        path = folder / Path(file.name).name
        if path in paths:
            path = folder / str(len(paths)) / path.name
            path.parent.mkdir()
        path.write_bytes(file.getbuffer())
        paths.append(path)
    return paths


def _count_near_duplicates(ids: list[str]) -> int:
    """How many of these drawings are near-duplicates of other drawings."""
    drawings = load_drawings()
    return int(np.count_nonzero(np.isin(drawings.id, ids) & (drawings.duplicate_of != ""))) if ids else 0


def _count_text(drawings: int, corrections: int) -> str:
    counts = (drawings, "drawing"), (corrections, "correction")
    return " and ".join(count(number, noun) for number, noun in counts if number)


def _render_export() -> None:
    total = int(count_by_digit().sum())
    st.caption(f"{count(total, 'drawing')} in use. Importing an exported file restores every byte of the images.")
    for name, (title, kind, explanation) in FORMATS.items():
        _render_download(title, name, kind, partial(exported, name), explanation, disabled=not total)
    explanation = "The verdicts from *Label errors*, on digits of other sources."
    corrected = bool(_count_corrections())
    _render_download(
        "Corrected labels", CORRECTIONS, "text/csv", export_corrections, explanation, disabled=not corrected
    )


def _render_download(
    title: str, name: str, kind: str, content: Callable[[], bytes], explanation: str, *, disabled: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        render_download(title, content, name, kind, key=f"export-{name}", disabled=disabled, width=150)
        st.caption(explanation)


def _count_corrections() -> int:
    try:
        return len(load_corrections().by_image)
    except DataError:  # the view of label errors says why
        return 0


def exported(name: str) -> bytes:
    """The content of the export file with this name: all drawings in use."""
    with TemporaryDirectory() as folder:
        export_drawings(Path(folder) / (IMAGES if name == LABELS else name))
        return (Path(folder) / name).read_bytes()
