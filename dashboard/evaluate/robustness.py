"""Robustness: how far digits can be disturbed before a model misreads them, and what they look like then."""

import numpy as np
import streamlit as st
from streamlit.errors import StreamlitAPIException

from dashboard.access.actions import measure
from dashboard.access.decision import Action, Refusal, refusal_of
from dashboard.charts.confusion import percent
from dashboard.charts.images import Tile, image_sheet
from dashboard.charts.robustness import key_to_curves, robustness_figure
from dashboard.components import resources
from dashboard.components.chart import render_chart
from dashboard.evaluate.counts import Request, Subject, count_missing, keys, missing
from dashboard.evaluate.state import page_state
from dashboard.session import SHIPPED, state
from dataset import Digits
from experiments.disturbances import DISTURBANCES, disturb
from experiments.formats import duration, probability
from experiments.robustness import NOTHING, read, sample
from experiments.runs.run import RunError
from model import Classifier
from model.checkpoint import CheckpointError
from model.metrics import wilson_interval

ALONE, PREPARED = "alone", "prepared"
COMPARISONS = {ALONE: "Nothing", PREPARED: "Itself, with images prepared as on Draw"}
COLUMNS = 3  # of charts; the picker stands in the place that is left
TILES = 10
PART = 0.3  # seconds that measuring goes on before it shows what it has and heeds a click


@st.fragment
def render_robustness(classifier: Classifier, digits: Digits) -> None:
    """A click on a point, or a pick in the boxes, reruns this and nothing else."""
    st.subheader("How much it withstands", anchor=False)
    part = sample(digits)
    share = "All" if len(part) == len(digits) else f"{len(part):,}, taken evenly from all of them,"
    st.caption(
        f"Accuracy when the digits are disturbed more and more. {share} are changed as 28 × 28 pixels, just before the "
        "network reads them. On the Draw page a drawing is centred and resized first, which makes up for some of it."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        subjects = choose_subjects(classifier, part)
        asked = render_button(subjects)
    name, strength, _ = page_state.disturbed
    for subject in subjects:
        subject.count(name, strength)
    with st.container(key="robustness-state"):
        render_state(subjects, asked)
    cells = [cell for _ in range(0, len(DISTURBANCES) + 1, COLUMNS) for cell in st.columns(COLUMNS, gap="medium")]
    for cell, name in zip(cells, DISTURBANCES, strict=False):
        with cell:
            render_curves(subjects, name)
    with cells[len(DISTURBANCES)]:
        render_picker()
        page = st.pagination(max(1, -(-len(part) // TILES)), key="page-robustness")
    for subject in subjects:
        render_disturbed(subject, one_of_each(part)[(page - 1) * TILES : page * TILES])
    if asked:
        measure_on(subjects)


def choose_subjects(classifier: Classifier, part: Digits) -> list[Subject]:
    """The model that is evaluated and, if a person likes, one to compare it with."""
    titles = resources.model_titles(state.chosen_model())
    # the shipped model stands in for one that cannot be read
    choice = SHIPPED if resources.is_shipped(classifier) else state.chosen_model()
    chosen = titles.pop(choice, choice)
    options = COMPARISONS | titles
    other = st.selectbox(
        "Compare with",
        list(options),
        format_func=lambda choice: options.get(choice, choice),
        key="robustness-compare",
        persist_state="session",
        width=360,
        help="Another model on the same digits. Or the same one, with each disturbed image fitted and centred as a "
        "drawing is: the difference is what that preparation is worth.",
    )
    subjects = [Subject(chosen, classifier, part)]
    if other == PREPARED:
        subjects.append(Subject("The same, with images prepared as on Draw", classifier, part, prepare=True))
    elif other in titles:
        try:
            subjects.append(Subject(titles[other], resources.classifier(other), part))
        except (RunError, CheckpointError) as error:
            st.warning(str(error))
    return subjects


def render_button(subjects: list[Subject]) -> Request | None:
    """The button that asks for all points or stops that; -> what is still asked for."""
    left = missing(subjects)
    asked = page_state.measuring
    if asked and (asked.subjects != keys(subjects) or not left):
        asked = None
    refusal = None if asked else refusal_of(Action.MEASURE)
    st.button(
        "Stop" if asked else "Measure every strength",
        icon=":material/stop:" if asked else ":material/query_stats:",
        key="robustness-measure",
        disabled=not left or refusal is not None,
        help=str(refusal) if refusal else None,
        on_click=stop if asked else ask_for,
        args=[] if asked else [subjects],
    )
    return asked


def render_state(subjects: list[Subject], asked: Request | None) -> None:
    """How far measuring is, or else what the lines of the charts mean, in the same place."""
    if asked:
        done, seconds = asked.progress(len(missing(subjects)))
        time = f", {duration(seconds)} left" if done else ""
        st.progress(done / asked.points, f"{done} of {asked.points} points measured{time}")
    else:
        undisturbed = subjects[0].count("shift", DISTURBANCES["shift"].none) / len(subjects[0].digits)
        names = [subject.name for subject in subjects]
        st.html(key_to_curves(names, state.palette(), undisturbed=percent(undisturbed)))


def measure_on(subjects: list[Subject]) -> None:
    """A part of what is asked for, and then another run for the next: clicks into a fragment wait until it ends."""
    try:
        measure(lambda: count_missing(subjects, seconds=PART))
    except Refusal as refusal:
        stop()
        st.info(str(refusal), icon=":material/lock:")
        return
    try:
        st.rerun(scope="fragment")
    except StreamlitAPIException:  # this is a run of the whole page
        st.rerun()


def render_curves(subjects: list[Subject], name: str) -> None:
    disturbance = DISTURBANCES[name]
    counts = [
        (curve, strength, right)
        for curve, subject in enumerate(subjects)
        for strength in disturbance.strengths
        if (right := subject.counted(name, strength)) is not None
    ]
    picked_name, picked, turn = page_state.disturbed
    figure = robustness_figure(
        counts,
        disturbance,
        state.palette(),
        total=len(subjects[0].digits),
        picked=picked if name == picked_name else None,
    )
    render_chart(
        figure,
        key=f"robustness-{name}-{turn if name == picked_name else 0}",  # a new chart forgets the last click
        on_click=lambda strength: page_state.disturb(name, strength),
        alt=f"{disturbance.title}: accuracy at each strength, from 0 to 100 %. The boxes below pick a strength too.",
    )


def render_picker() -> None:
    name, strength, _ = page_state.disturbed
    disturbance = DISTURBANCES[name]
    state.set_widget("robustness-disturbance", name)
    st.selectbox(
        "Disturbed by",
        list(DISTURBANCES),
        format_func=lambda name: DISTURBANCES[name].title,
        key="robustness-disturbance",
        on_change=pick_disturbance,
    )
    state.set_widget(f"robustness-{name}-strength", strength)
    st.select_slider(
        disturbance.axis,
        disturbance.strengths,
        key=f"robustness-{name}-strength",
        format_func=lambda strength: f"{strength:g}{disturbance.unit}".replace("-", "−"),
        on_change=pick_strength,
    )
    st.caption(disturbance.explanation)


def render_disturbed(subject: Subject, rows: np.ndarray) -> None:
    """The same digits for each subject and strength, as it got them and with what it answered."""
    name, strength, _ = page_state.disturbed
    right, total = subject.count(name, strength), len(subject.digits)
    low, high = (percent(end) for end in wilson_interval(right, total))
    st.markdown(
        f"**{subject.name}: {percent(right / total)} %** read correctly, {right:,} of {total:,}; "
        f"95 % interval {low} to {high} %"
    )
    images = disturb(subject.digits.images, name, strength)[rows]  # noise and direction hang on the place in the sample
    reading = read(subject.classifier, images, prepare=subject.prepare)
    answers = zip(reading.predictions, reading.probabilities.max(axis=1), strict=True)
    classes = subject.digits.classes
    tiles = [
        Tile(image, classes[label], classes[answer], (f"{probability(share)} sure",))
        if answer != NOTHING
        else Tile(image, classes[label], "nothing")
        for image, label, (answer, share) in zip(reading.images, subject.digits.labels[rows], answers, strict=True)
    ]
    st.html(image_sheet(tiles, state.palette()))


def one_of_each(digits: Digits) -> np.ndarray:
    """All rows in such an order that one digit of each class comes first, then another one of each, and so on."""
    labels = digits.labels
    among_its_class = (labels[:, None] == np.arange(len(digits.classes))).cumsum(axis=0)[np.arange(len(labels)), labels]
    return np.lexsort((labels, among_its_class))


def ask_for(subjects: list[Subject]) -> None:
    page_state.measuring = Request.now(subjects)


def stop() -> None:
    page_state.measuring = None


def pick_disturbance() -> None:
    name = state.widget("robustness-disturbance")
    page_state.disturb(name, DISTURBANCES[name].strengths[-3])


def pick_strength() -> None:
    name = page_state.disturbed[0]
    page_state.disturb(name, state.widget(f"robustness-{name}-strength"))
