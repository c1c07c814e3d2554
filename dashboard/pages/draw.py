"""The Draw page: a person draws a digit, the network answers, and the person says whether it is right."""

from html import escape

import numpy as np
import streamlit as st

from dashboard.canvas import sheet
from dashboard.collecting import DIGITS, render_verdict
from dashboard.drawing import Reading, read
from dashboard.model_choice import choose_model
from dashboard.plots.ink import enlarged, ink_figure
from dashboard.plots.probability import percent_text, probability_figure
from dashboard.plots.style import CONFIG
from dashboard.state import state
from dataset import DataError
from dataset.drawings import count_by_digit
from model import Classifier

BLANK = np.zeros((28, 28), np.uint8)


def render() -> None:
    with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="bottom"):
        st.title("Draw a digit", width="content")
        with st.container(width=280):
            classifier = choose_model()
    render_bench(classifier)


@st.fragment
def render_bench(classifier: Classifier) -> None:
    """A stroke reruns this and nothing else; the answer comes first."""
    left, middle, right = st.columns([300, 330, 440], gap="medium")
    with left:
        found = read(sheet(), classifier)
    reading = found if isinstance(found, Reading) else None
    with middle:
        st.html(answer_html(found))
        render_verdict(reading)
    with right:
        probabilities = None if reading is None else reading.probabilities
        figure = probability_figure(probabilities, classifier.classes, state.palette())
        st.plotly_chart(figure, key="probabilities", config=CONFIG, alt="Bars: the probability of each class")
    render_sight(reading)
    render_stages(reading)
    render_collected()


def answer_html(found: Reading | str) -> str:
    """The answer in large type, in a place that keeps its size and that screen readers announce."""
    if isinstance(found, str):
        symbol, lines = "–", [found]
    else:
        first, second = found.ranking[:2]
        shares, names = found.probabilities, found.classes
        margin = 100 * float(shares[first] - shares[second])
        symbol = names[first]
        lines = [
            f"<b>{percent_text(shares[first])}</b> probable",
            f"Runner-up: {escape(names[second])} with {percent_text(shares[second])}, {margin:.1f} points behind",
        ]
    size = "answer-digit" if len(symbol) == 1 else "answer-name"
    text = "".join(f"<p>{line}</p>" for line in lines)
    return (
        f'<div class="answer" role="status" aria-live="polite"><span class="{size}">{escape(symbol)}</span>{text}</div>'
    )


def render_sight(reading: Reading | None) -> None:
    st.subheader("What the network sees")
    image = BLANK if reading is None else reading.image
    left, right = st.columns([300, 800], gap="medium")
    with left:
        st.image(
            enlarged(image, 280),
            width=280,
            caption="The 28 by 28 pixels",
            alt="The 28 by 28 pixels as the network gets them",
        )
    with right:
        figure = ink_figure(image, state.palette())
        st.plotly_chart(figure, key="ink", config=CONFIG, alt="Heatmap: the ink in each of the 28 by 28 pixels")


def render_stages(reading: Reading | None) -> None:
    st.subheader("How the drawing became that")
    if reading is None:
        st.caption(
            "Seven stages lead from a drawing to the pixels that the network reads. They appear here with the drawing."
        )
        return
    with st.grid(min_column_width=140):
        for stage in reading.stages:
            st.image(
                enlarged(stage.image, 140),
                caption=f"**{stage.name.capitalize()}.** {stage.explanation}",
                alt=stage.name,
            )


def render_collected() -> None:
    st.subheader("What was collected")
    try:
        counts = count_by_digit()
    except DataError as error:
        st.error(str(error))
        return
    cells = "".join(f"<td>{count}</td>" for count in counts)
    heads = "".join(f'<th scope="col">{digit}</th>' for digit in DIGITS)
    total = f"{counts.sum():,} drawing" + ("" if counts.sum() == 1 else "s")
    st.html(
        f'<table class="counts"><caption>{total} so far, per digit</caption><tr>{heads}</tr><tr>{cells}</tr></table>'
    )
