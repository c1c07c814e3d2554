"""Sight: the pixels that the network gets, and how the drawing became them."""

import numpy as np
import streamlit as st

from dashboard.charts.network_input import HEIGHT, enlarged, network_input_figure
from dashboard.components.chart import render_chart
from dashboard.draw.drawing import Reading
from dashboard.session import state

PICTURE = 168  # pixels on the screen, six to each of the network's
BLANK = np.zeros((28, 28), np.uint8)


def render_picture(found: Reading | str) -> None:
    st.image(
        enlarged(BLANK if isinstance(found, str) else found.image, PICTURE),
        width=PICTURE,
        caption="What the network gets",
        output_format="PNG",
        alt="The 28 by 28 pixels",
    )


def render_pixels(found: Reading | str) -> None:
    st.subheader("What the network sees", anchor=False)
    st.caption("The drawing as 28 by 28 numbers: 0 is paper, 255 is full ink. Point at a cell to read it.")
    with st.container(height=HEIGHT, border=False):  # the room stays the same before the first drawing
        if isinstance(found, str):
            st.caption("The heatmap appears here with the drawing.")
            return
        figure = network_input_figure(found.image, state.palette())
        alt = "Heatmap: the ink in each of the 28 by 28 pixels"
        render_chart(figure, key="network-input", width="content", alt=alt)


def render_stages(found: Reading | str) -> None:
    st.subheader("How the drawing became that", anchor=False)
    if isinstance(found, str):
        st.caption(
            "Seven stages lead from a drawing to the pixels that the network reads. They appear here with the drawing."
        )
        return
    with st.grid(min_column_width=140):
        for stage in found.stages:
            st.image(
                enlarged(stage.image, 140),
                caption=f"**{stage.name.capitalize()}.** {stage.explanation}",
                output_format="PNG",
                alt=stage.name,
            )
