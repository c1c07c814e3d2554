"""Canvas: where a person draws, or hands in an image, and the sheet that this fills."""

from dataclasses import replace

import streamlit as st
from streamlit_drawable_canvas import st_canvas

from dashboard.draw.drawing import DRAW, UPLOAD, Sheet
from dashboard.session import state
from dataset import DataError
from dataset.image_files import read_image

SIDE = 280  # pixels: ten to each of the network's


def render_sheet() -> Sheet:
    """The input side of the page; -> what is on it now."""
    way = st.segmented_control(
        "How to hand in a digit",
        [DRAW, UPLOAD],
        default=DRAW,
        required=True,
        key="way",
        label_visibility="collapsed",
        persist_state="session",
    )
    with st.container(key="paper"):
        if way == UPLOAD:
            render_upload()
        else:
            render_canvas()
    return state.sheet


def render_canvas() -> None:
    paper, key = state.sheet, f"canvas-{state.sheet.number}"
    if not state.has_widget(key):  # a new sheet, or back from another page: the browser starts from these strokes
        paper = replace(paper, start=paper.strokes)
    with st.container(key="canvas", width="content"):
        drawn = st_canvas(
            stroke_width=state.widget("brush", 20),
            stroke_color="#ffffff",
            background_color="#000000",
            width=SIDE,
            height=SIDE,
            initial_drawing=paper.start,
            return_image_data=True,
            key=key,
        )
    pixels = drawn.image_data
    if pixels is not None:  # None until the first stroke after a page switch: then the sheet knows better
        paper = replace(paper, strokes=drawn.json_data, pixels=pixels)
    state.sheet = paper
    with st.container(horizontal=True, vertical_alignment="bottom"):
        blank = not paper.strokes or not paper.strokes["objects"]
        st.button(
            "Undo", icon=":material/undo:", on_click=undo_stroke, disabled=blank, help="Take the last stroke back"
        )
        st.button("Clear", icon=":material/delete:", on_click=new_sheet, disabled=blank, help="Take a new sheet")
    st.slider("Brush size in pixels", 8, 36, 20, step=2, key="brush", width=SIDE, persist_state="session")


def render_upload() -> None:
    pixels = state.sheet.pixels
    if pixels is None:
        st.file_uploader(
            "PNG or JPEG of one digit, up to 5 MB",
            type=["png", "jpg", "jpeg"],
            key=f"upload-{state.sheet.number}",
            on_change=receive_upload,
            help="Dark on light or light on dark, of any size, transparent or not.",
        )
    else:
        height, width = pixels.shape[:2]
        st.image(pixels, width=max(1, SIDE * width // max(height, width)), alt="The uploaded image")
        st.button("Remove", icon=":material/delete:", on_click=new_sheet)


def new_sheet() -> None:
    state.sheet = Sheet(state.sheet.number + 1, uploaded=state.sheet.uploaded)


def undo_stroke() -> None:
    """The browser draws the strokes but the last, and sends the picture of them."""
    sheet = state.sheet
    if not sheet.strokes or len(sheet.strokes["objects"]) < 2:
        return new_sheet()
    # The canvas compares this with what it was last given: the count makes a second undo to the same strokes differ.
    again = (sheet.start or {}).get("undone", 0) + 1
    start = {**sheet.strokes, "objects": sheet.strokes["objects"][:-1], "undone": again}
    state.sheet = replace(sheet, start=start)
    return None


def receive_upload() -> None:
    file = state.widget(f"upload-{state.sheet.number}")
    try:
        pixels = None if file is None else read_image(file.getvalue(), name=file.name)
        state.sheet = replace(state.sheet, pixels=pixels, problem="")
    except DataError as error:
        state.sheet = replace(state.sheet, problem=str(error))
