"""The exchange view: drawings and corrected labels from files, and into files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.access.decision import Action, allowed
from dashboard.access.drawings import import_corrections, import_drawings
from dashboard.components.stored_drawings import render_damage
from dashboard.data.actions import counted, render_outcome
from dashboard.data.state import page_state
from dataset import DataError, load_drawings
from dataset.corrections import CORRECTIONS, export_corrections, is_corrections, load_corrections
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
        "CSV, zip of pictures, IDX images with their labels, or corrected labels",
        accept_multiple_files=True,
        key=f"import-{page_state.imports}",
        help="CSV: label, then 784 pixels. Pictures: 28 × 28 pixels, light ink on dark, in folders named 0 to 9. IDX: "
        "both files at once. Corrected labels: the file that *Export* makes of them.",
    )
    if st.button("Import", type="primary", icon=":material/upload:", disabled=not files):
        with st.spinner("Reading the digits, and comparing each with all drawings"):
            take_in(files)
        st.rerun()
    if page_state.import_problem:
        st.error(page_state.import_problem)
    elif page_state.outcome[0]:
        with st.container(horizontal=True, vertical_alignment="center"):
            render_outcome()


def take_in(files: Sequence[UploadedFile]) -> None:
    """All of the files or, where one is wrong, those before it."""
    count = judged = 0
    page_state.import_problem = ""
    try:
        with TemporaryDirectory() as folder:
            paths: list[Path] = []
            for file in files:
                path = Path(folder) / Path(file.name).name
                if path in paths:  # two files of one name
                    path = Path(folder) / str(len(paths)) / path.name
                    path.parent.mkdir()
                path.write_bytes(file.getbuffer())
                paths.append(path)
            before_it = len(drawings_history())
            for path in paths:
                if is_corrections(path):
                    judged += import_corrections(path)
                elif "idx1" not in path.name or len(paths) == 1:  # labels come with their images
                    count += import_drawings(path)
        stored = drawings_history()[before_it:] if count else []
        doubles = doubles_among([identity for entry in stored for identity in entry.ids])
    except (DataError, OSError) as error:
        before = f" {taken_in(count, judged)} imported before it." if count + judged else ""
        page_state.import_problem = f"{error}{before}"
        return
    page_state.imports += 1
    said = f"{taken_in(count, judged)} imported." if count + judged else "All of them were here already."
    if doubles:
        said += f" {doubles:,} of them look like drawings that were here: *Filter* shows such doubles."
    page_state.outcome = said, stored[-1].number if stored else None


def doubles_among(ids: list[str]) -> int:
    """How many of these are doubles of other drawings."""
    drawings = load_drawings()
    return int(np.count_nonzero(np.isin(drawings.id, ids) & (drawings.duplicate_of != ""))) if ids else 0


def taken_in(drawings: int, judged: int) -> str:
    found = (drawings, "drawing"), (judged, "correction")
    return " and ".join(counted(number, what) for number, what in found if number)


def render_export() -> None:
    total = int(count_by_digit().sum())
    st.caption(f"{counted(total)} in use. Import brings all back, byte for byte.")
    for name, (title, kind, meaning) in FORMATS.items():
        render_download(title, name, kind, lambda name=name: exported(name), meaning, none=not total)
    meaning = "What was said under *Suspect labels*, of other digits."
    render_download("Corrected labels", CORRECTIONS, "text/csv", export_corrections, meaning, none=not judged_labels())


def render_download(
    title: str, name: str, kind: str, content: Callable[[], bytes], meaning: str, *, none: bool
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            title,
            content,
            file_name=name,
            mime=kind,
            icon=":material/download:",
            disabled=none,
            on_click="ignore",
            key=f"export-{name}",
            width=150,
        )
        st.caption(meaning)


def judged_labels() -> int:
    """For how many images; none where they cannot be read."""
    try:
        return len(load_corrections().of)
    except DataError:  # the Suspect labels view says why
        return 0


def exported(name: str) -> bytes:
    """A file with all drawings in use, as bytes."""
    with TemporaryDirectory() as folder:
        export_drawings(Path(folder) / (IMAGES if name == LABELS else name))
        return (Path(folder) / name).read_bytes()
