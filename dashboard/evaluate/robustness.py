"""Robustness: accuracy by the strength of a disturbance, and images disturbed that much."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import streamlit as st

from dashboard.access.actions import start_robustness, stop_robustness
from dashboard.access.decision import Action, refusal_of
from dashboard.charts.confusion import percent
from dashboard.charts.images import Tile, image_sheet
from dashboard.charts.robustness import key_to_curves, robustness_figure
from dashboard.components import resources
from dashboard.components.chart import render_chart
from dashboard.components.messages import EXPECTED, error_text, errors_as_text
from dashboard.components.plain_text import plain_text
from dashboard.evaluate.state import page_state
from dashboard.session import SHIPPED, state
from dataset import Digits
from experiments.disturbances import DISTURBANCES, disturb
from experiments.formats import duration, probability
from experiments.robustness import (
    NOTHING,
    Reading,
    Robustness,
    RobustnessStatus,
    open_robustness,
    read,
    sample,
)
from model import Classifier
from model.arrays import Integers
from model.metrics import wilson_interval

ALONE, PREPARED = "alone", "prepared"
COMPARISONS = {ALONE: "Nothing", PREPARED: "Itself, with images prepared as on Draw"}
COLUMNS = 3  # of charts; the boxes fill the place that is left
TILES = 10
LIVE_SECONDS = 0.5


@dataclass(frozen=True, eq=False)
class Subject:
    """A model and a fixed sample of digits, which it gets as they are or prepared like drawings."""

    name: str
    classifier: Classifier
    digits: Digits
    prepare: bool = False

    @cached_property
    def job(self) -> Robustness:
        """The measurement at every strength; it may not have been started."""
        return open_robustness(self.classifier, self.digits, prepare=self.prepare)

    def status(self) -> RobustnessStatus:
        """The status of the measurement; "" is the state of one that was not started."""
        return self.job.status() if self.job.exists else RobustnessStatus(state="")

    def disturbed_answers(self, name: str, strength: float) -> Reading:
        """The disturbed images and the answers to them."""
        return _read(self.job.id, name, strength, self)

    def correct(self, name: str, strength: float) -> int:
        """How many digits it reads correctly with this disturbance."""
        return int((self.disturbed_answers(name, strength).predictions == self.digits.labels).sum())

    def correct_by_strength(self, name: str) -> dict[float, int]:
        """Correct answers by strength: all that were measured, the shown one, and undisturbed."""
        shown = [DISTURBANCES[name].none, *([page_state.disturbed[1]] if page_state.disturbed[0] == name else [])]
        return self.job.curves()[name] | {strength: self.correct(name, strength) for strength in shown}


@st.cache_resource(max_entries=32, show_spinner=False)
def _read(job: str, name: str, strength: float, _subject: Subject) -> Reading:
    images = disturb(_subject.digits.images, name, strength)
    return read(_subject.classifier, images, prepare=_subject.prepare)


def render_robustness(classifier: Classifier, digits: Digits) -> None:
    """The whole section. Its results are drawn again while a measurement runs."""
    st.subheader("Robustness", anchor=False)
    part = sample(digits)
    share = "All digits" if len(part) == len(digits) else f"{len(part):,} of them, evenly spread,"
    st.caption(
        f"Accuracy when the digits are disturbed more and more. {share} are changed as 28 × 28 pixels, just before the "
        "network reads them. On the Draw page a drawing is centred and resized first, which removes part of it."
    )
    subjects = _choose_subjects(classifier, part)
    active = any(subject.status().active for subject in subjects)
    st.fragment(_render_measured, run_every=LIVE_SECONDS if active else None)(subjects, active)


def _choose_subjects(classifier: Classifier, part: Digits) -> list[Subject]:
    """The evaluated model, and the one to compare it with if a person chose one."""
    titles = resources.model_titles(state.chosen_model())
    # The shipped model replaces one that cannot be read.
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
        help="Another model on the same digits. Or the same model, but each disturbed image is centred and resized as "
        "on Draw: the difference shows how much that preparation helps.",
    )
    subjects = [Subject(chosen, classifier, part)]
    if other == PREPARED:
        subjects.append(Subject("The same, with images prepared as on Draw", classifier, part, prepare=True))
    elif other in titles:
        try:
            subjects.append(Subject(titles[other], resources.classifier(other), part))
        except EXPECTED as error:
            st.warning(error_text(error))
    return subjects


def _render_measured(subjects: list[Subject], drawn_active: bool) -> None:
    """Progress, curves and images. When a measurement starts or ends, the whole page is drawn."""
    states = [subject.status() for subject in subjects]
    if any(status.active for status in states) != drawn_active:
        st.rerun()
    with st.container(key="robustness-state"):
        _render_state(subjects, states)
    cells = [cell for _ in range(0, len(DISTURBANCES) + 1, COLUMNS) for cell in st.columns(COLUMNS, gap="medium")]
    for cell, name in zip(cells, DISTURBANCES, strict=False):
        with cell:
            _render_curves(subjects, name)
    part = subjects[0].digits
    with cells[len(DISTURBANCES)]:
        _render_picker()
        page = st.pagination(max(1, -(-len(part) // TILES)), key="page-robustness")
    for subject in subjects:
        _render_images(subject, one_of_each(part)[(page - 1) * TILES : page * TILES])


def _render_state(subjects: list[Subject], states: list[RobustnessStatus]) -> None:
    """The progress with Stop, or the key to the curves with the button that measures."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if any(status.active for status in states):
            left = [status.seconds_left for status in states if status.active]
            time = "" if None in left else f", about {duration(sum(filter(None, left)))} left"
            done, points = (sum(getattr(status, name) for status in states) for name in ("done", "points"))
            st.progress(done / points, f"{done} of {points} points measured{time}", width="stretch")
            if st.button("Stop", icon=":material/stop:"):
                with errors_as_text():
                    for subject in subjects:
                        if subject.job.exists:
                            stop_robustness(subject.job)
            return
        undisturbed = subjects[0].correct("shift", DISTURBANCES["shift"].none) / len(subjects[0].digits)
        names = [subject.name for subject in subjects]
        st.html(key_to_curves(names, state.palette(), undisturbed=percent(undisturbed)), width="stretch")
        done, refusal = all(subject.job.is_done for subject in subjects), refusal_of(Action.MEASURE)
        if st.button(
            "Measure all strengths",
            icon=":material/query_stats:",
            help=str(refusal) if refusal else None,
            disabled=done or refusal is not None,
        ):
            with errors_as_text("The measurement could not be started: "):
                for subject in subjects:
                    start_robustness(subject.classifier, subject.digits, prepare=subject.prepare)
                st.rerun()
    for status in states:
        if status.state in ("failed", "interrupted"):
            st.error(f"{error_text(status.reason)} Measure again to count the rest.")


def _render_curves(subjects: list[Subject], name: str) -> None:
    disturbance = DISTURBANCES[name]
    shown_name, shown, turn = page_state.disturbed
    counts = [
        (curve, strength, correct)
        for curve, subject in enumerate(subjects)
        for strength, correct in sorted(subject.correct_by_strength(name).items())
    ]
    render_chart(
        robustness_figure(
            counts,
            disturbance,
            state.palette(),
            total=len(subjects[0].digits),
            picked=shown if name == shown_name else None,
        ),
        key=f"robustness-{name}-{turn if name == shown_name else 0}",  # a new chart forgets the last click
        on_click=lambda strength: page_state.disturb(name, strength),
        alt=f"{disturbance.title}: accuracy at each strength, from 0 to 100 %. The boxes below pick a strength too.",
    )


def _render_picker() -> None:
    name, strength, _ = page_state.disturbed
    disturbance, box = DISTURBANCES[name], "robustness-disturbance"
    slider = f"robustness-{name}-strength"

    def pick_disturbance() -> None:
        picked = state.widget(box)
        page_state.disturb(picked, DISTURBANCES[picked].strengths[-3])

    state.set_widget(box, name)
    st.selectbox(
        "Disturbed by",
        list(DISTURBANCES),
        format_func=lambda name: DISTURBANCES[name].title,
        key=box,
        on_change=pick_disturbance,
    )
    state.set_widget(slider, strength)
    st.select_slider(
        disturbance.axis,
        disturbance.strengths,
        key=slider,
        format_func=lambda strength: f"{strength:g}{disturbance.unit}".replace("-", "−"),
        on_change=lambda: page_state.disturb(name, state.widget(slider)),
    )
    st.caption(disturbance.explanation)


def _render_images(subject: Subject, rows: Integers) -> None:
    """Some digits as the model got them, with its answers; the same digits at every strength."""
    name, strength, _ = page_state.disturbed
    correct, total = subject.correct(name, strength), len(subject.digits)
    low, high = (percent(end) for end in wilson_interval(correct, total))
    st.markdown(
        f"**{plain_text(subject.name)}: {percent(correct / total)} %** read correctly, {correct:,} of {total:,}; "
        f"95 % interval {low} to {high} %"
    )
    reading, classes, tiles = subject.disturbed_answers(name, strength), subject.digits.classes, []
    for row in rows.tolist():
        label, answer = classes[subject.digits.labels[row]], int(reading.predictions[row])
        sure = (f"{probability(reading.probabilities[row].max())} sure",)
        empty = answer == NOTHING
        tiles.append(Tile(reading.images[row], label, "nothing" if empty else classes[answer], () if empty else sure))
    st.html(image_sheet(tiles, state.palette()))


def one_of_each(digits: Digits) -> Integers:
    """All rows (n,): first one digit of each class, then another one of each, and so on."""
    labels = digits.labels
    among_its_class = (labels[:, None] == np.arange(len(digits.classes))).cumsum(axis=0)[np.arange(len(labels)), labels]
    return np.lexsort((labels, among_its_class))
