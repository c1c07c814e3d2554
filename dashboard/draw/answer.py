"""The answer to a drawing: digit and probabilities, and the pixels that the network gets."""

import json
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from io import BytesIO

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from dashboard.charts.network_input import HEIGHT, enlarged, network_input_figure
from dashboard.charts.probability import probability_figure
from dashboard.components.chart import render_chart
from dashboard.draw.state import Pixels, Sheet
from dashboard.session import state
from experiments.formats import probability
from model import BlankDrawing, Classifier, ink_stages
from model.preprocessing import Stage

DRAW_HINT = "Draw a digit from 0 to 9. If the network misreads it, correct it: the network can learn from that."
UPLOAD_HINT = "Upload a picture of one digit, and the network reads it."
BLANK_UPLOAD = "There is no digit on this picture, or it is too faint or too small. Upload another one."
PICTURE = 168  # pixels on the screen, six to each pixel of the network
STAGE = 140  # pixels of the picture of a stage
BLANK = np.zeros((28, 28), np.uint8)


@dataclass(frozen=True)
class Reading:
    """An answer together with the drawing that it belongs to, as a correction stores them."""

    sheet: Sheet
    stages: list[Stage]
    probabilities: NDArray[np.float32]  # (classes,)
    classes: tuple[str, ...]
    model: str  # fingerprint of its weights
    known: bool = True  # whether the drawing looks like one of the classes at all

    @property
    def strokes(self) -> str:
        """The strokes of the canvas as JSON; empty for an upload."""
        return json.dumps(self.sheet.strokes) if self.sheet.strokes else ""

    @property
    def image(self) -> Pixels:
        """The network input (28, 28)."""
        return network_input(self.stages)

    @property
    def ranking(self) -> NDArray[np.int64]:
        """The classes from the most to the least probable."""
        return np.argsort(-self.probabilities, kind="stable")

    @property
    def predicted(self) -> int:
        """The most probable class."""
        return int(self.ranking[0])

    @property
    def confidence(self) -> float:
        """The probability of the most probable class."""
        return float(self.probabilities[self.predicted])


def read_sheet(sheet: Sheet, classifier: Classifier) -> Reading | str:
    """The reading of the classifier, or a sentence that says why there is none."""
    if sheet.pixels is None:
        return sheet.problem or (UPLOAD_HINT if sheet.is_upload else DRAW_HINT)
    try:
        stages = ink_stages(sheet.pixels)
    except BlankDrawing as error:
        return BLANK_UPLOAD if sheet.is_upload else str(error)
    probabilities = classifier.predict_proba(network_input(stages)[None])
    known = bool(classifier.knows(probabilities)[0])
    return Reading(sheet, stages, probabilities[0], classifier.classes, classifier.fingerprint, known)


def network_input(stages: list[Stage]) -> Pixels:
    """The last stage with uint8 pixels (28, 28); the one after it has the same as numbers."""
    return stages[-2].image.astype(np.uint8, copy=False)


def render_answer(reading: Reading | str) -> None:
    """The answer in large type. Screen readers announce changes of st.markdown, not of st.html."""
    st.markdown(answer_html(reading), unsafe_allow_html=True)


def answer_html(reading: Reading | str) -> str:
    """The answer as HTML of constant height."""
    if isinstance(reading, str):
        symbol, kind, lines = "?", "none", [escape(reading)]
    elif not reading.known:
        symbol, kind = "?", "unknown"
        nearest = escape(reading.classes[reading.predicted])
        lines = [
            "<b>This does not look like a digit I know.</b>",
            f"The nearest is {nearest}, with {probability(reading.confidence)}",
        ]
    else:
        first, second = reading.ranking[:2]
        shares, names = reading.probabilities, reading.classes
        symbol, kind = names[first], "digit" if len(names[first]) == 1 else "name"
        lines = [
            f"<b>{probability(float(shares[first]))}</b> probable",
            f"Next guess: {escape(names[second])} ({probability(float(shares[second]))})",
        ]
    text = "".join(f"<p>{line}</p>" for line in lines)
    return (
        f'<div class="answer answer-{kind}" role="status" aria-live="polite">'
        f"<span>{escape(symbol)}</span><div>{text}</div></div>"
    )


def render_probabilities(reading: Reading | str, classes: tuple[str, ...]) -> None:
    """A bar for the probability of each class."""
    probabilities, known = (None, True) if isinstance(reading, str) else (reading.probabilities, reading.known)
    figure = probability_figure(probabilities, classes, state.palette(), known=known)
    render_chart(figure, key="probabilities", alt="Bars: the probability of each class")


def render_input_picture(reading: Reading | str) -> None:
    """The network input as a small picture."""
    st.image(
        enlarged(BLANK if isinstance(reading, str) else reading.image, PICTURE),
        width=PICTURE,
        caption="Network input",
        output_format="PNG",
        alt="The 28 by 28 pixels",
    )


def render_input_pixels(reading: Reading | str) -> None:
    """The network input as a heatmap, each cell with its number."""
    st.subheader("Network input as numbers", anchor=False)
    st.caption("The drawing as 28 by 28 numbers: 0 is paper, 255 is full ink. Point at a cell to read it.")
    with st.container(height=HEIGHT, border=False):  # so that nothing moves with the first drawing
        if isinstance(reading, str):
            st.caption("The heatmap appears here once there is a drawing.")
            return
        figure = network_input_figure(reading.image, state.palette())
        alt = "Heatmap: the ink in each of the 28 by 28 pixels"
        render_chart(figure, key="network-input", width="content", alt=alt)


def render_stages(reading: Reading | str) -> None:
    """Every stage between the drawing and the network input."""
    st.subheader("From the drawing to the network input", anchor=False)
    if isinstance(reading, str):
        st.caption("Seven stages turn a drawing into the network input. They appear here once there is a drawing.")
        return
    # One element, because each takes a millisecond of processor time at each stroke.
    st.html(f'<div class="stages">{"".join(map(_stage_html, reading.stages))}</div>')


def _stage_html(stage: Stage) -> str:
    file = BytesIO()
    Image.fromarray(enlarged(stage.image, STAGE)).save(file, "PNG", compress_level=1)
    address = f"data:image/png;base64,{b64encode(file.getvalue()).decode()}"
    name, explanation = escape(stage.name), escape(stage.explanation)
    caption = f"<figcaption><b>{name.capitalize()}.</b> {explanation}</figcaption>"
    return f'<figure><img src="{address}" alt="{name}">{caption}</figure>'
