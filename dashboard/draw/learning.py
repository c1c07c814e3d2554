"""Learning: the model in use learns from the drawings that were corrected, and people see what that did and decide."""

from pathlib import Path

import streamlit as st

from dashboard import resources
from dashboard.draw.drawing import DIGITS
from dashboard.draw.lesson_result import render_lesson
from dashboard.permissions import politely
from dashboard.permitted.runs import resume, start_lesson, stop
from dashboard.state import state
from dataset import DataError, load_drawings
from experiments import finetune
from experiments.finetune import Lesson
from experiments.runs import Run, RunError, Status, open_run
from model import Classifier
from model.checkpoint import CheckpointError
from model.classifier import SHIPPED

LOOK_SECONDS = 0.25
PROBLEMS = (RunError, DataError, CheckpointError, OSError)


def render_learning(classifier: Classifier) -> None:
    """A panel that does nothing while it is closed."""
    if classifier.classes != DIGITS:
        return
    if state.lesson and not state.has_widget("learning"):  # back from another page, or by a link
        state.set_widget("learning", True)
    with st.expander("Learn from my drawings", icon=":material/school:", key="learning", on_change="rerun") as panel:
        if not panel.open:
            return
        try:
            render_panel(classifier)
        except PROBLEMS as error:
            st.error(str(error))
            decide("")


def render_panel(classifier: Classifier) -> None:
    if not state.lesson:
        render_start(classifier)
        if (kept := lesson_in_use(classifier)) is not None:
            render_kept(kept)
        return
    run = finetune.open_lesson(state.lesson)
    status = run.status()
    lesson = finetune.read_lesson(run)
    if status.active:
        st.fragment(render_progress, run_every=LOOK_SECONDS)(run)
    elif lesson is None:
        render_unfinished(run, status)
    else:
        render_decision(run, lesson)


def render_start(classifier: Classifier) -> None:
    """What there is to learn from, and the button."""
    drawings = load_drawings()
    training, corrected, held_out = map(len, (drawings.training, finetune.corrected(drawings), drawings.held_out))
    if training:
        tested = f"{counted(held_out)} more held out to test it" if held_out else "every fifth of a digit is held out"
        st.markdown(f"{counted(training)} to learn from, {corrected or 'none'} of them corrected; {tested}.")
    else:
        st.markdown(
            "Say which digit it was whenever an answer is wrong. Then the network can learn from it here, within "
            "seconds, and you see whether it reads other drawings better and has forgotten nothing."
        )
    if st.button("Learn now", type="primary", icon=":material/school:", disabled=not training):
        file = SHIPPED if resources.is_shipped(classifier) else open_run(state.chosen_model()).model
        state.link("lesson", start_lesson(Path(file)).id)
        st.rerun()


def render_progress(run: Run) -> None:
    """Draws itself anew a few times a second; when the lesson has ended, the whole page."""
    status = run.status()
    if not status.active:
        st.rerun()
    if status.state == "queued":
        words = "Starting" if status.place is None else f"Waiting for its turn: place {status.place}"
    elif status.step < max(1, status.total_steps):
        words = f"Learning, step {status.step:,} of {status.total_steps:,}"
    else:
        words = "Comparing before and after"
    st.progress(status.progress, words)
    st.button("Stop", icon=":material/stop:", on_click=politely(stop), args=(run,))


def render_decision(run: Run, lesson: Lesson) -> None:
    """What came of a lesson, to keep it or not."""
    refused, corrected = lesson.refusal, lesson.corrected
    if refused:
        st.warning(f"**The new weights are not taken over.** {refused}", icon=":material/block:")
    else:
        st.success(
            f"It now reads {corrected.after:,} of {counted(corrected.total, 'corrected drawing')}, "
            f"{corrected.before:,} before.",
            icon=":material/check:",
        )
    with st.container(horizontal=True):
        keep = not refused and st.button("Keep", type="primary", icon=":material/check:", help="Use it from now on")
        leave = st.button(
            "Close" if refused else "Discard", icon=":material/close:", help="Stay with the model as it was"
        )
    if keep:
        decide(finetune.keep_lesson(run).id)
    elif leave:
        decide(state.chosen_model())
    if keep or leave:
        st.rerun()
    render_lesson(run, lesson)


def render_kept(run: Run) -> None:
    """The lesson in use, and the way back."""
    st.markdown(f"The model in use has **{run.name}**.")
    if st.button(
        "Go back", icon=":material/undo:", help="To the model that it started from; this one stays in the list"
    ):
        decide(finetune.model_before(run))
        st.rerun()
    if (lesson := finetune.read_lesson(run)) is not None:
        render_lesson(run, lesson)


def render_unfinished(run: Run, status: Status) -> None:
    """It was stopped, or something went wrong."""
    st.warning(f"Nothing was learned. {status.reason}", icon=":material/info:")
    with st.container(horizontal=True):
        resumed = status.state in ("stopped", "interrupted") and st.button("Go on", icon=":material/play_arrow:")
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
    return run if run.stored().group == finetune.GROUP else None


def decide(model: str) -> None:
    """No lesson waits any more; this model is the one in use."""
    state.link("lesson", "")
    if model:
        state.choose_model(model)


def counted(number: int, what: str = "drawing") -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")
