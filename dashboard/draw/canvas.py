"""The input side of Draw: a canvas, or an uploaded image."""

from dataclasses import replace

import streamlit as st
from streamlit_drawable_canvas import st_canvas

from dashboard.draw.received import SIDE, read_canvas
from dashboard.draw.state import DRAW, UPLOAD, Sheet, page_state
from dashboard.session import state
from dataset import DataError
from dataset.image_files import read_image

LONGEST = 1_600  # pixels of an upload's side; a larger picture, which a session keeps, is reduced
UPLOAD_MEGABYTES = 5


def render_sheet() -> Sheet:
    """Draw the input side of the page -> the sheet as it is now."""
    way = st.segmented_control(
        "How to enter a digit",
        [DRAW, UPLOAD],
        default=DRAW,
        required=True,
        key="way",
        label_visibility="collapsed",
        persist_state="session",
    )
    with st.container(key="paper"):
        if way == UPLOAD:
            _render_upload()
        else:
            _render_canvas()
    return page_state.sheet


def _render_canvas() -> None:
    try:
        strokes, pixels = read_canvas(state.widget(f"canvas-{page_state.sheet.number}"))
    except (ValueError, RecursionError):  # forged: a blank sheet, on a canvas that has not sent it
        page_state.take_new_sheet()
        strokes = pixels = None
    sheet, key = page_state.sheet, f"canvas-{page_state.sheet.number}"
    if not state.has_widget(key):  # the browser starts with the strokes, also back from another page
        sheet = replace(sheet, start=sheet.strokes)
    with st.container(key="canvas", width="content"):
        st_canvas(
            stroke_width=state.widget("brush", 20),
            stroke_color="#ffffff",
            background_color="#000000",
            width=SIDE,
            height=SIDE,
            initial_drawing=sheet.start,
            return_image_data=True,
            key=key,
        )
    if pixels is not None:  # after a page switch nothing is sent before the first stroke
        sheet = replace(sheet, strokes=strokes, pixels=pixels)
    page_state.sheet = sheet
    with st.container(horizontal=True, vertical_alignment="bottom"):
        blank = not sheet.strokes or not sheet.strokes["objects"]
        st.button("Undo", icon=":material/undo:", on_click=_undo_stroke, disabled=blank, help="Remove the last stroke")
        st.button(
            "Clear",
            icon=":material/delete:",
            on_click=page_state.take_new_sheet,
            disabled=blank,
            help="Remove all strokes",
        )
    st.slider("Brush size in pixels", 8, 36, 20, step=2, key="brush", width=SIDE, persist_state="session")


def _render_upload() -> None:
    pixels = page_state.sheet.pixels
    if pixels is None:
        st.file_uploader(
            f"PNG or JPEG of one digit, up to {UPLOAD_MEGABYTES} MB",
            type=["png", "jpg", "jpeg"],
            max_upload_size=UPLOAD_MEGABYTES,
            key=f"upload-{page_state.sheet.number}",
            on_change=_receive_upload,
            help="Dark on light or light on dark, of any size, transparent or not.",
        )
    else:
        height, width = pixels.shape[:2]
        st.image(pixels, width=max(1, SIDE * width // max(height, width)), alt="The uploaded image")
        st.button("Remove", icon=":material/delete:", on_click=page_state.take_new_sheet)


def _undo_stroke() -> None:
    """Let the browser draw all strokes but the last; it then sends the picture of them."""
    sheet = page_state.sheet
    if not sheet.strokes or len(sheet.strokes["objects"]) < 2:
        return page_state.take_new_sheet()
    # The canvas draws only a start that differs from the one before, so a count makes each differ.
    again = (sheet.start or {}).get("undone", 0) + 1
    start = {**sheet.strokes, "objects": sheet.strokes["objects"][:-1], "undone": again}
    page_state.sheet = replace(sheet, start=start)
    return None


def _receive_upload() -> None:
    file = state.widget(f"upload-{page_state.sheet.number}")
    try:
        pixels = None if file is None else read_image(file.getvalue(), name=file.name, longest=LONGEST)
        page_state.sheet = replace(page_state.sheet, pixels=pixels, problem="")
    except DataError as error:
        page_state.sheet = replace(page_state.sheet, problem=str(error))
