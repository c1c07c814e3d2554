"""Learning: the model in use learns from the drawings that were corrected, and people see what that did and decide."""

from pathlib import Path

import streamlit as st

from dashboard.access.actions import accept_fine_tuning, resume, start_fine_tuning, stop
from dashboard.access.decision import toast_refusal
from dashboard.components import resources
from dashboard.draw.lesson_result import render_lesson
from dashboard.session import state
from dataset import DataError, load_drawings
from dataset.digits import DIGIT_CLASSES
from experiments import fine_tuning
from experiments.fine_tuning import FineTuningResult
from experiments.formats import duration
from experiments.runs.run import Run, RunError, Status, open_run
from model import Classifier
from model.checkpoint import CheckpointError
from model.classifier import SHIPPED

LOOK_SECONDS = 0.25
CHANGED = "lesson-changed"  # the key of the switch that shows what the lesson in use did
WORTH_SAYING = 4  # seconds left
PROBLEMS = (RunError, DataError, CheckpointError, OSError)


def render_learning(classifier: Classifier) -> None:
    """A panel that counts what was corrected, and does nothing else while it is closed."""
    if classifier.classes != DIGIT_CLASSES:
        return
    # open at first: who has never been here sees what correcting is for; another title would close it
    state.set_widget("learning", state.widget("learning", True))
    with st.expander(title(), icon=":material/school:", key="learning", on_change="rerun") as panel:
        if not panel.open:
            return
        try:
            render_panel(classifier)
        except PROBLEMS as error:
            st.error(str(error))
            decide("")


def title() -> str:
    """What the panel is called; its count grows with each correction."""
    try:
        count = int(fine_tuning.is_corrected(load_drawings()).sum())
    except (DataError, OSError):  # which the page says where it counts them
        count = 0
    return "Learn from my drawings" + (f" :gray[· {count:,} corrected]" if count else "")


def render_panel(classifier: Classifier) -> None:
    run = lesson_underway()
    if run is None:
        kept = lesson_in_use(classifier)
        if kept is not None:
            render_way_back(kept)
        render_start(classifier, kept)
        if kept is not None and state.widget(CHANGED) and (lesson := fine_tuning.read_result(kept)) is not None:
            render_lesson(kept, lesson)
        return
    status = run.status()
    lesson = fine_tuning.read_result(run)
    if lesson is None and not status.active:
        render_unfinished(run, status)
        return
    with st.container(key="lesson"):  # what comes below it stays where it is
        if lesson is None or status.active:
            st.fragment(render_progress, run_every=LOOK_SECONDS)(run)
        else:
            render_decision(run, lesson)


def lesson_underway() -> Run | None:
    """The one that runs or waits for its decision."""
    if not state.lesson:
        return None
    try:
        return fine_tuning.open_fine_tuning(state.lesson)
    except RunError:
        st.warning(f"The lesson {state.lesson} is not here, or not any more.", icon=":material/info:")
        decide("")
        return None


def render_start(classifier: Classifier, kept: Run | None) -> None:
    """What there is to learn from, and the button."""
    drawings = load_drawings()
    corrected = int(fine_tuning.is_corrected(drawings).sum())
    training = int(drawings.is_training.sum())
    held_out = int((drawings.state == "kept").sum()) - training
    known = kept is not None and kept.config.drawings_version == drawings.version
    if known:
        words = "There are no others yet. Learning again goes over the same drawings once more."
    elif training:
        tested = f"{counted(held_out)} more held out to test it" if held_out else "every fifth of a digit is held out"
        words = f"{counted(training)} to learn from, {corrected or 'none'} of them corrected; {tested}."
    elif held_out:
        words = f"None to learn from yet: {counted(held_out)} here, held out to test it. Draw some more digits."
    else:
        words = (
            "Correct the network whenever an answer is wrong: in seconds it learns from that, and you see what changed."
        )
    with st.container(horizontal=True, vertical_alignment="center", key="lesson-start"):
        kind = "secondary" if known else "primary"
        begin = st.button("Learn now", type=kind, icon=":material/school:", disabled=not training)
        st.markdown(words, width="stretch")
    if begin:
        file = SHIPPED if resources.is_shipped(classifier) else open_run(state.chosen_model()).model
        state.set_in_url("lesson", start_fine_tuning(Path(file)).id)
        st.rerun()


def render_progress(run: Run) -> None:
    """Draws itself anew a few times a second; when the lesson has ended, the whole page."""
    status = run.status()
    if not status.active:
        st.rerun()
    if status.state == "queued" and status.place is not None:
        words = f"Waiting for its turn: place {status.place}"
    elif not status.total_steps:
        words = "Starting"
    elif status.step < status.total_steps:
        left = status.seconds_left or 0
        words = f"Learning, step {status.step:,} of {status.total_steps:,}"
        words += f", about {duration(round(left))} left" if left >= WORTH_SAYING else ""
    else:
        words = "Comparing before and after"
    st.progress(status.progress, words)
    st.button("Stop", icon=":material/stop:", on_click=toast_refusal(stop), args=(run,))


def render_decision(run: Run, lesson: FineTuningResult) -> None:
    """What came of a lesson, to keep it or not."""
    refused = lesson.refusal
    with st.container(horizontal=True, vertical_alignment="center", key="lesson-verdict"):
        if refused:
            st.warning(f"**The new weights are not taken over.** {refused}", icon=":material/block:")
        elif 2 * lesson.corrected.after < lesson.corrected.total:
            st.info(f"{outcome(lesson)} Look at *Data* whether they are labelled right.", icon=":material/info:")
        else:
            st.success(outcome(lesson), icon=":material/check:")
        keep = not refused and st.button("Keep", type="primary", icon=":material/check:", help="Use it from now on")
        leave = st.button(
            "Close" if refused else "Discard", icon=":material/close:", help="Stay with the model as it was"
        )
    if keep:
        decide(accept_fine_tuning(run).id)
    elif leave:
        decide(state.chosen_model())
    if keep or leave:
        st.rerun()
    render_lesson(run, lesson)


def outcome(lesson: FineTuningResult) -> str:
    """What the lesson did for drawings, in a sentence."""
    corrected, held_out = lesson.corrected, lesson.held_out
    parts = []
    if corrected.total:
        what = counted(corrected.total, "corrected drawing")
        parts.append(f"{corrected.after:,} of {what}, before {corrected.before:,}")
    if held_out.total:
        what = f"{held_out.total:,} that it never learned from"
        parts.append(f"{held_out.after:,} of {what}, before {held_out.before:,}")
    if not parts:
        return "It has gone over drawings that it had read right already."
    return f"It now reads {'; and '.join(parts)}."


def render_way_back(run: Run) -> None:
    """The lesson in use, and how to leave it."""
    with st.container(horizontal=True, vertical_alignment="center", key="lesson-kept"):
        back = st.button(
            "Go back", icon=":material/undo:", help="To the model that it started from; this one stays in the list"
        )
        st.markdown(f"The model in use has **{run.name}**.", width="stretch")
        st.toggle("Show what that changed", key=CHANGED)
    if back:
        decide(fine_tuning.model_before(run))
        st.rerun()


def render_unfinished(run: Run, status: Status) -> None:
    """It was stopped, or something went wrong."""
    resumable = status.state in ("stopped", "interrupted")
    why = f"The lesson was {status.state}." if resumable else status.reason
    st.warning(f"Nothing was learned. {why}", icon=":material/info:")
    with st.container(horizontal=True):
        resumed = resumable and st.button("Go on", icon=":material/play_arrow:")
        left = st.button("Discard", icon=":material/close:")
    if resumed:
        resume(run)
    elif left:
        decide(state.chosen_model())
    if resumed or left:
        st.rerun()


def lesson_in_use(classifier: Classifier) -> Run | None:
    """The lesson whose weights answer now."""
    if resources.is_shipped(classifier):
        return None
    run = open_run(state.chosen_model())
    return run if run.stored().group == fine_tuning.GROUP else None


def decide(model: str) -> None:
    """No lesson waits any more; this model is the one in use."""
    state.set_in_url("lesson", "")
    if model:
        state.choose_model(model)


def counted(number: int, what: str = "drawing") -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
