"""Answer: the digit that the network reads, how probable it is, and how probable all the others are."""

from html import escape

import streamlit as st

from dashboard.charts.probability import probability_figure
from dashboard.components.chart import render_chart
from dashboard.draw.drawing import Reading
from dashboard.session import state
from experiments.formats import probability


def render_answer(found: Reading | str) -> None:
    st.markdown(answer_html(found), unsafe_allow_html=True)  # not st.html, which replaces it: then nothing announces it


def answer_html(found: Reading | str) -> str:
    """The answer in large type, in a place that keeps its size and that screen readers announce."""
    if isinstance(found, str):
        symbol, kind, lines = "?", "none", [escape(found)]
    elif not found.known:
        symbol, kind = "?", "unknown"
        nearest = escape(found.classes[found.predicted])
        lines = [
            "<b>This does not look like a digit I know.</b>",
            f"The nearest is {nearest}, with {probability(found.confidence)}",
        ]
    else:
        first, second = found.ranking[:2]
        shares, names = found.probabilities, found.classes
        margin = 100 * float(shares[first] - shares[second])
        symbol, kind = names[first], "digit" if len(names[first]) == 1 else "name"
        lines = [
            f"<b>{probability(shares[first])}</b> probable",
            f"Runner-up: {escape(names[second])} with {probability(shares[second])}, {margin:.1f} points behind",
        ]
    text = "".join(f"<p>{line}</p>" for line in lines)
    return (
        f'<div class="answer answer-{kind}" role="status" aria-live="polite">'
        f"<span>{escape(symbol)}</span><div>{text}</div></div>"
    )


def render_probabilities(found: Reading | str, classes: tuple[str, ...]) -> None:
    probabilities, known = (None, True) if isinstance(found, str) else (found.probabilities, found.known)
    figure = probability_figure(probabilities, classes, state.palette(), known=known)
    render_chart(figure, key="probabilities", alt="Bars: the probability of each class")
