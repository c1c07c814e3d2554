"""Learn from my drawings: fine-tune the model in use, compare before and after, then decide."""

from pathlib import Path

import streamlit as st

from dashboard.access.actions import accept_fine_tuning, resume, start_fine_tuning, stop
from dashboard.access.decision import toast_refusal
from dashboard.access.visibility import open_fine_tuning, open_run
from dashboard.charts.images import Tile, image_sheet
from dashboard.components import resources
from dashboard.components.messages import EXPECTED, error_text, errors_as_text
from dashboard.components.plain_text import plain_text
from dashboard.draw.state import page_state
from dashboard.session import state
from dataset import load_drawings
from dataset.digits import DIGIT_CLASSES
from experiments import fine_tuning
from experiments.fine_tuning import FineTuningResult, Score
from experiments.formats import MISSING, count, duration, percent
from experiments.runs.run import Run, RunError, Status
from experiments.training.data import trained_drawings
from model import Classifier
from model.classifier import SHIPPED

POLL_SECONDS = 0.25
CHANGES = "fine-tuning-changes"  # key of the switch that shows what the fine-tuning changed
LEAST_SECONDS_LEFT = 4  # shorter ones are not shown
SHOWN = 20  # corrected drawings
FINE = 1000  # images from which a share has two decimals


def render_fine_tuning(classifier: Classifier) -> None:
    """A panel whose title counts the corrected drawings. While closed it does nothing else."""
    if classifier.classes != DIGIT_CLASSES:
        return
    # The panel is open at first. Another title would close it, so its state is set each time.
    state.set_widget("learning", state.widget("learning", True))
    with st.expander(_title(), icon=":material/school:", key="learning", on_change="rerun") as panel:
        if not panel.open:
            return
        with errors_as_text():
            _render_panel(classifier)
            return
        page_state.set_in_url("lesson", "")  # after an error


def _title() -> str:
    try:
        corrected = int(fine_tuning.is_corrected(load_drawings()).sum())
    except EXPECTED:  # the page shows this error where it counts the drawings
        corrected = 0
    return "Learn from my drawings" + (f" :gray[· {corrected:,} corrected]" if corrected else "")


def _render_panel(classifier: Classifier) -> None:
    run = _undecided()
    if run is None:
        used = _in_use(classifier)
        if used is not None:
            _render_return(used)
        _render_start(classifier, used)
        if used is not None and state.widget(CHANGES) and (result := fine_tuning.read_result(used)) is not None:
            _render_result(used, result)
        return
    status = run.status()
    result = fine_tuning.read_result(run)
    if result is None and not status.active:
        _render_unfinished(run, status)
        return
    with st.container(key="fine-tuning"):  # of constant height
        if result is None or status.active:
            st.fragment(_render_progress, run_every=POLL_SECONDS)(run)
        else:
            _render_decision(run, result)


def _undecided() -> Run | None:
    """The fine-tuning that runs or waits for a decision."""
    if not page_state.lesson:
        return None
    try:
        return open_fine_tuning(page_state.lesson)
    except RunError:
        name = plain_text(page_state.lesson[:80])
        st.warning(f"There is no fine-tuning {name} here, or not any more.", icon=":material/info:")
        page_state.set_in_url("lesson", "")
        return None


def _in_use(classifier: Classifier) -> Run | None:
    """The fine-tuning whose weights answer now."""
    if resources.is_shipped(classifier):
        return None
    run = open_run(state.chosen_model())
    return run if run.stored().group == fine_tuning.GROUP else None


def _render_start(classifier: Classifier, used: Run | None) -> None:
    """The button, and how many drawings there are to learn from."""
    drawings = load_drawings()
    corrected = int(fine_tuning.is_corrected(drawings).sum())
    training = int(drawings.is_training.sum())
    held_out = int((drawings.state == "kept").sum()) - training
    known = used is not None and used.config.drawings_version == drawings.version
    if known:
        text = "There are no new drawings yet. Learning again uses the same drawings once more."
    elif training:
        test = (
            f"{held_out:,} more {'is' if held_out == 1 else 'are'} held out for testing"
            if held_out
            else "every fifth drawing of a digit will be held out for testing"
        )
        text = f"{count(training, 'drawing')} to learn from, {corrected or 'none'} of them corrected; {test}."
    elif held_out:
        text = f"Nothing to learn from yet: {count(held_out, 'drawing')}, held out for testing. Draw some more digits."
    else:
        text = "Correct the network when an answer is wrong. It learns from that in seconds, and you see the change."
    with st.container(horizontal=True, vertical_alignment="center", key="fine-tuning-start"):
        start = st.button(
            "Learn now", type="secondary" if known else "primary", icon=":material/school:", disabled=not training
        )
        st.markdown(text, width="stretch")
    if start:
        file = SHIPPED if resources.is_shipped(classifier) else open_run(state.chosen_model()).model
        page_state.set_in_url("lesson", start_fine_tuning(Path(file)).id)
        st.rerun()


def _render_progress(run: Run) -> None:
    """A fragment; at the end of the fine-tuning it draws the whole page again."""
    status = run.status()
    if not status.active:
        st.rerun()
    if status.state == "queued" and status.place is not None:
        text = f"Waiting in the queue: place {status.place}"
    elif not status.total_steps:
        text = "Starting"
    elif status.step < status.total_steps:
        left = status.seconds_left or 0
        text = f"Learning, step {status.step:,} of {status.total_steps:,}"
        text += f", about {duration(round(left))} left" if left >= LEAST_SECONDS_LEFT else ""
    else:
        text = "Comparing before and after"
    st.progress(status.progress, text)
    st.button("Stop", icon=":material/stop:", on_click=toast_refusal(stop), args=(run,))


def _render_decision(run: Run, result: FineTuningResult) -> None:
    """The result, and the buttons to use the new weights or not."""
    refused = result.refusal
    with st.container(horizontal=True, vertical_alignment="center", key="fine-tuning-decision"):
        if refused:
            st.warning(f"**The new weights are not used.** {refused}", icon=":material/block:")
        elif 2 * result.corrected.after < result.corrected.total:
            st.info(f"{outcome_text(result)} Check their labels on the Data page.", icon=":material/info:")
        else:
            st.success(outcome_text(result), icon=":material/check:")
        if not refused and st.button("Keep", type="primary", icon=":material/check:", help="Use the new weights"):
            _decide(accept_fine_tuning(run).id)
        label, about = "Close" if refused else "Discard", "Use the weights as before"
        if st.button(label, icon=":material/close:", help=about):
            _decide(state.chosen_model())
    _render_result(run, result)


def outcome_text(result: FineTuningResult) -> str:
    """How many drawings are read correctly before and after, in a sentence."""
    parts = []
    for score, noun in (
        (result.corrected, count(result.corrected.total, "corrected drawing")),
        (result.held_out, f"{result.held_out.total:,} held-out drawings"),
    ):
        if score.total:
            parts.append(f"{score.after:,} of {noun}, before {score.before:,}")
    if not parts:
        return "It was trained on drawings that it had read correctly before."
    return f"It now reads {'; and '.join(parts)}."


def _render_return(run: Run) -> None:
    """The fine-tuning in use, and the button that returns to the model before it."""
    with st.container(horizontal=True, vertical_alignment="center", key="fine-tuning-used"):
        if st.button(
            "Go back",
            icon=":material/undo:",
            help="Use the model before this fine-tuning. The fine-tuned model stays in the list.",
        ):
            _decide(fine_tuning.model_before(run))
        st.markdown(f"Model in use: **{plain_text(run.name)}**.", width="stretch")
        st.toggle("Show the changes", key=CHANGES)


def _render_unfinished(run: Run, status: Status) -> None:
    """A fine-tuning that was stopped or has failed."""
    resumable = status.state in ("stopped", "interrupted")
    reason = f"The fine-tuning was {status.state}." if resumable else error_text(status.reason)
    st.warning(f"Nothing was learned. {reason}", icon=":material/info:")
    with st.container(horizontal=True):
        if resumable and st.button("Resume", icon=":material/play_arrow:"):
            resume(run)
            st.rerun()
        if st.button("Discard", icon=":material/close:"):
            _decide(state.chosen_model())


def _decide(model: str) -> None:
    """Forget the fine-tuning that waited, use this model, and draw the page again."""
    page_state.set_in_url("lesson", "")
    state.choose_model(model)
    st.rerun()


def _render_result(run: Run, result: FineTuningResult) -> None:
    """A table of shares before and after, and the corrected drawings with both answers."""
    left, right = st.columns([5, 6], gap="medium")
    with left:
        st.html(scores_table(result))
        about = "The same images before and after, each share with its 95 % interval."
        st.caption(f"{about} {result.interpolation}".rstrip())
    with right:
        drawings = trained_drawings(run)
        tiles = [
            Tile(drawings.images[row], str(drawings.labels[row]), str(after), who=f"Was {before}, now")
            for row, before, after in result.answers[:SHOWN]
        ]
        st.html(image_sheet(tiles, state.palette()))
        if len(result.answers) > SHOWN:
            st.caption(f"The first {SHOWN} of {len(result.answers):,} corrected drawings.")


def scores_table(result: FineTuningResult) -> str:
    """Shares of correctly read images before and after, as an HTML table."""
    held_out = "not used for training" if result.held_out.total else "none yet: every fifth drawing of a digit will be"
    rows = (
        ("Corrected drawings", "used for training", result.corrected),
        ("Held-out drawings", held_out, result.held_out),
        ("MNIST digits", "not used for training", result.old),
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Read correctly", "n", "Before", "After"))
    lines = "".join(
        f'<tr><th scope="row">{name}<small>{note}</small></th><td>{score.total:,}</td>{_cells(score)}</tr>'
        for name, note, score in rows
    )
    return f'<table class="before-after"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>'


def _cells(score: Score) -> str:
    """The share before and after, each with its interval."""
    if not score.total:
        return f"<td>{MISSING}</td>" * 2
    digits = 2 if score.total >= FINE else 1
    return "".join(
        f"<td>{percent(share, digits)}<small>{100 * low:.{digits}f} to {100 * high:.{digits}f}</small></td>"
        for share, (low, high) in zip(score.shares, score.intervals, strict=True)
    )
