"""The Evaluate page: how often a model is right, and on which images it is wrong."""

import streamlit as st

from dashboard.charts.confusion import class_accuracy_figure, measures_table
from dashboard.components.chart import render_chart
from dashboard.components.evaluation import Evaluation, evaluation, training_overlap
from dashboard.components.model_choice import choose_model
from dashboard.evaluate.digits import choose_digits
from dashboard.evaluate.mistakes import render_confusions, render_mistakes, render_sample
from dashboard.evaluate.robustness import render_robustness
from dashboard.evaluate.state import page_state
from dashboard.session import state
from dataset import Digits
from experiments.formats import percent
from model import Classifier


def render() -> None:
    """Draw the page."""
    page_state.sync_url("data", "split")
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
    render_warnings(classifier, digits)
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


def render_warnings(classifier: Classifier, digits: Digits) -> None:
    """Warn about a misleading score: other classes, or images from the training data."""
    if classifier.classes != digits.classes:
        st.warning(
            f"This model knows {', '.join(classifier.classes)}; these images show {', '.join(digits.classes)}. "
            "The classes are compared by their number, so the score means little. Choose digits of the kind that the "
            "model was trained on."
        )
    overlap = training_overlap(classifier, digits)
    if overlap is None:
        st.caption("It is unknown whether this model was trained on some of these images: its training data are gone.")
    elif overlap:
        st.warning(
            f"This model was trained on {overlap:,} of these {len(digits):,} images. It may remember them, so the "
            "score does not show how well it reads new images."
        )


def render_score(found: Evaluation) -> None:
    """Accuracy with its interval, mistakes and mean loss."""
    low, high = (f"{100 * end:.2f}" for end in found.interval)
    accuracy_help = (
        "The share of correct answers. Other digits of the same kind would give another share; the 95 % Wilson "
        "interval shows how far it may lie from this one."
    )
    loss_help = "-ln of the probability that the model gave to the true class, averaged over all images."
    with st.container(horizontal=True):
        for label, value, note, explanation in (
            ("Accuracy", percent(found.correct / found.total, 2), f"95 % interval: {low} to {high} %", accuracy_help),
            ("Mistakes", f"{found.total - found.correct:,}", f"of n = {found.total:,} images", None),
            ("Mean loss", f"{found.losses.mean():.4f}", "nats per image", loss_help),
        ):
            st.metric(label, value, note, delta_color="off", delta_arrow="off", border=True, help=explanation)


def render_classes(found: Evaluation, classes: tuple[str, ...]) -> None:
    """Accuracy, precision, recall and F1 of each class."""
    st.subheader("How well each class is recognised", anchor=False)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        figure = class_accuracy_figure(found.confusion, classes, state.palette())
        render_chart(figure, key="class-accuracy", alt="Bars: the accuracy of each class, with its interval")
    with right:
        st.markdown("**Precision, recall and F1**")
        st.table(measures_table(found.confusion, classes), border="horizontal")
        st.caption(
            "Precision: of the images that the model put into this class, the share that belong to it. Recall: of the "
            "images of this class, the share that the model put into it. F1: the harmonic mean of both."
        )
