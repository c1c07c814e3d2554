"""Sight: the pixels that the network gets, and how the drawing became them."""

import numpy as np
import streamlit as st

from dashboard.charts.ink import enlarged, ink_figure
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
    figure = ink_figure(BLANK if isinstance(found, str) else found.image, state.palette())
    st.vega_lite_chart(figure, key="ink", width="content", alt="Heatmap: the ink in each of the 28 by 28 pixels")


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
