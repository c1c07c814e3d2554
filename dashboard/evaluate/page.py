"""The Evaluate page: how often a model is right, and on which images it is not."""

import streamlit as st

from dashboard.charts.evaluation import accuracy_figure, measures_table
from dashboard.components.model_choice import choose_model
from dashboard.evaluate.choose_digits import choose_digits
from dashboard.evaluate.confusions import render_confusions
from dashboard.evaluate.evaluation import Evaluation
from dashboard.evaluate.results import digits_seen, evaluation
from dashboard.evaluate.robustness import render_robustness
from dashboard.evaluate.sheets import render_mistakes, render_sample
from dashboard.session import state
from dataset import Digits
from model import Classifier


def render() -> None:
    head = st.container(
        key="evaluate-head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    )
    with head:
        st.title("Evaluate a model", width="content", anchor=False)
        with st.container(key="model-place"):
            classifier = choose_model(label_visibility="collapsed")
    digits = choose_digits(classifier)
    if digits is None:
        return
    warn(classifier, digits)
    found = evaluation(classifier, digits)
    render_score(found)
    render_confusions(found, digits)
    render_classes(found, digits.classes)
    render_robustness(classifier, digits)
    left, right = st.columns(2, gap="medium")
    with left:
        render_sample(found, digits)
    with right:
        render_mistakes(found, digits)


def warn(classifier: Classifier, digits: Digits) -> None:
    """What would make the score say something else than it seems to."""
    if classifier.classes != digits.classes:
        st.warning(
            f"This model knows {', '.join(classifier.classes)}; these images show {', '.join(digits.classes)}. "
            "Its answers count by their number, so the score means little. Choose digits of the kind it was trained on."
        )
    seen = digits_seen(classifier, digits)
    if seen is None:
        st.caption("Whether this model was trained on some of these images cannot be told: its training data are gone.")
    elif seen:
        st.warning(
            f"This model was trained on {seen:,} of these {len(digits):,} images: it may remember them, so the score "
            "is no forecast for new ones."
        )


def render_score(found: Evaluation) -> None:
    low, high = (f"{100 * end:.2f}" for end in found.interval)
    accuracy_help = (
        "The share of right answers. Other digits of the same kind would give another one; the 95 % Wilson interval "
        "says within which bounds."
    )
    loss_help = "The surprise at the true class: -ln of the probability it was given, averaged."
    with st.container(horizontal=True):
        for label, value, note, explanation in (
            ("Accuracy", f"{100 * found.accuracy:.2f} %", f"95 % interval: {low} to {high} %", accuracy_help),
            ("Mistakes", f"{found.total - found.correct:,}", f"of n = {found.total:,} images", None),
            ("Mean loss", f"{found.losses.mean():.4f}", "nats per image", loss_help),
        ):
            st.metric(label, value, note, delta_color="off", delta_arrow="off", border=True, help=explanation)


def render_classes(found: Evaluation, classes: tuple[str, ...]) -> None:
    st.subheader("How well each class is recognised", anchor=False)
    left, right = st.columns([3, 2], gap="medium")
    figure = accuracy_figure(found.confusion, classes, state.palette())
    left.vega_lite_chart(figure, key="class-accuracy", alt="Bars: the accuracy of each class, with its interval")
    with right:
        st.markdown("**Precision, recall and F1**")
        st.table(measures_table(found.confusion, classes), border="horizontal")
        st.caption(
            "Precision: the share that is this class, of those called it. Recall: the share called it, of those that "
            "are. F1: their harmonic mean."
        )
