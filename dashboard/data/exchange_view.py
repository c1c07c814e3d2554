"""The exchange view: drawings from files, and into files."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.data.actions import counted, render_outcome
from dashboard.draw.collected import render_damage
from dashboard.permissions import Action, allowed
from dashboard.permitted.drawings import import_drawings
from dashboard.state import state
from dataset import DataError
from dataset.drawings import count_by_digit, drawings_history
from dataset.drawings.exchange import export_drawings, labels_path

IMAGES = "drawings-images-idx3-ubyte.gz"
LABELS = labels_path(Path(IMAGES)).name
FORMATS = {  # the name of the file: what to call it, its type, and a sentence
    "drawings.csv": ("CSV", "text/csv", "Kaggle's columns, and then all that is known of each drawing."),
    "drawings.zip": ("Pictures", "application/zip", "A zip file of PNGs, in a folder for each digit."),
    IMAGES: ("IDX, images", "application/gzip", "MNIST's own format; the labels are a file of their own."),
    LABELS: ("IDX, labels", "application/gzip", "They belong to the images."),
}


def render() -> None:
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Import", anchor=False)
        render_import()
    with right:
        st.subheader("Export", anchor=False)
        render_export()
    render_damage()


def render_import() -> None:
    if refusal := allowed(Action.IMPORT):
        st.info(str(refusal), icon=":material/lock:")
        return
    files = st.file_uploader(
        "CSV, zip of pictures, or IDX images with their labels",
        accept_multiple_files=True,
        key=f"import-{state.imports}",
        help="CSV: label, then 784 pixels. Pictures: 28 × 28 pixels, light ink on dark, in folders named 0 to 9. IDX: "
        "both files at once.",
    )
    if st.button("Import", type="primary", icon=":material/upload:", disabled=not files):
        with st.spinner("Reading the digits, and comparing each with all drawings"):
            take_in(files)
        st.rerun()
    if state.import_problem:
        st.error(state.import_problem)
    elif state.drawings_edited[0]:
        with st.container(horizontal=True, vertical_alignment="center"):
            render_outcome()


def take_in(files: Sequence[UploadedFile]) -> None:
    """All of the files or, where one is wrong, those before it."""
    count = 0
    state.import_problem = ""
    try:
        with TemporaryDirectory() as folder:
            paths = [Path(folder) / Path(file.name).name for file in files]
            for path, file in zip(paths, files, strict=True):
                path.write_bytes(file.getbuffer())
            for path in paths:
                if "idx1" not in path.name or len(paths) == 1:  # labels come with their images
                    count += import_drawings(path)
    except (DataError, OSError) as error:
        state.import_problem = f"{error} {counted(count)} imported before it." if count else str(error)
        return
    state.imports += 1
    if count:
        state.drawings_edited = f"{counted(count)} imported.", drawings_history()[-1].number
    else:
        state.drawings_edited = "All of them were here already.", None


def render_export() -> None:
    total = int(count_by_digit().sum())
    st.caption(f"The {counted(total)} in use; import brings them back, byte for byte.")
    for name, (title, kind, meaning) in FORMATS.items():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.download_button(
                title,
                lambda name=name: exported(name),
                file_name=name,
                mime=kind,
                icon=":material/download:",
                disabled=not total,
                on_click="ignore",
                key=f"export-{name}",
                width=150,
            )
            st.caption(meaning)


def exported(name: str) -> bytes:
    """A file with all drawings in use, as bytes."""
    with TemporaryDirectory() as folder:
        export_drawings(Path(folder) / (IMAGES if name == LABELS else name))
        return (Path(folder) / name).read_bytes()
