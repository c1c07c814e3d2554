"""The Label errors view: labels that networks disagree with, for a person to review."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from dashboard.access.actions import correct_label, start_search, stop_search
from dashboard.access.decision import Action
from dashboard.access.visibility import run_rows
from dashboard.charts.images import Thumbnail, label_error_card
from dashboard.components import resources
from dashboard.components.downloads import offer_download, render_download
from dashboard.components.forms import Form
from dashboard.components.image_sheet import render_selectable, selection
from dashboard.components.messages import EXPECTED, error_text, errors_as_text, is_refused
from dashboard.components.training_data import choose_path, existing
from dashboard.data.state import Review, page_state
from dashboard.navigation import place
from dashboard.session import state
from dataset import SOURCES, Digits, available, default_source
from dataset import corrections as stored
from dataset.corrections import RELABELLED, RIGHT, SET_ASIDE, TAKEN_BACK, Correction, Corrections, image_hashes
from dataset.download import SHIPPED
from dataset.drawings import drawings_last
from experiments import label_errors
from experiments.formats import count, duration, probability
from experiments.label_errors import LabelErrors, Part, Search, SearchStatus
from experiments.runs.run import RunError
from experiments.training.cost import slowness

LIVE_SECONDS = 0.5
DOUBLE_CLICK = 0.35  # seconds
FILE = "file"
LATEST = 30  # runs that show how fast this machine is
LABELS = "labels"  # the key of the widget, and the name in the address
PAGE, SHEET = "label-errors-page", "label-errors-sheet"
LISTED, COUNT = 1000, 48  # suspected label errors that are listed, and thumbnails on a page
SOURCE_PARTS: dict[str, tuple[str, Part]] = {
    f"{source}-{part}": (source, part)
    for source in SOURCES
    if source != SHIPPED
    for part in label_errors.parts_of(source)
}
EXPLANATION = (
    "Networks read digits that they were not trained on. Where they disagree with a label, either the label or the "
    "networks are wrong: you decide. The data files do not change; your decisions are stored with your drawings."
)


def render() -> None:
    """Draw the view."""
    source, part = _choose_labels()
    if not source:
        return
    with errors_as_text():
        if source not in SOURCES:
            source = str(existing(source))
        digits = resources.training_digits(source, 0.0)[0] if part == "train" else resources.digits(source, part)
        label_errors.check_labels(digits)
        search = label_errors.search_for(source, part, digits)
        status = search.status() if search.folder.exists() else None
        if status is not None and status.active:
            st.fragment(_render_progress, run_every=LIVE_SECONDS)(search)
        elif status is None or status.state != "finished":
            _render_start(search, status, source, part, digits)
        else:
            try:
                found = _result(search)
            except RunError as error:
                st.error(error_text(error))
                _render_start(search, None, source, part, digits)
                return
            _render_review(search, found, digits)


def _choose_labels() -> tuple[str, Part]:
    """The source and its part. The source is empty if it is not here; the page then says why."""

    def title(choice: str) -> str:
        if choice == FILE:
            return "A file of your own"
        source, part = SOURCE_PARTS[choice]
        return SOURCES[source].title + (f", {label_errors.PARTS[part]}" if part != "all" else "")

    choices = [*SOURCE_PARTS, FILE]
    choice = st.selectbox(
        "Labels of",
        choices,
        index=choices.index(f"{default_source()}-{label_errors.parts_of(default_source())[0]}"),
        format_func=title,
        key=LABELS,
        bind="query-params",
        persist_state="session",
        help=EXPLANATION,
        on_change=_show_first,
        width=420,
    )
    if choice == FILE:
        return choose_path(Form("label-errors")), "all"
    source, part = SOURCE_PARTS[choice]
    if available(source):
        return source, part
    offer_download(source, use_instead=lambda: state.set_widget(LABELS, "mnist-5k-all"))
    return "", part


@st.cache_resource(max_entries=4, show_spinner=False)
def _read_result(folder: str, version: tuple[int, int]) -> LabelErrors:
    return Search(Path(folder)).result()


def _result(search: Search) -> LabelErrors:
    """The result of a search, read again if it changed. Raises RunError if it is not finished."""
    if not search.result_file.is_file():
        return search.result()  # raises the error
    return _read_result(str(search.folder), resources.version(search.result_file))


def _show_first() -> None:
    page_state.review_row = None
    state.set_widget(PAGE, 1)


def _render_start(search: Search, status: SearchStatus | None, source: str, part: Part, digits: Digits) -> None:
    """There is no result yet: an explanation, the expected time and the button."""
    st.caption(EXPLANATION)
    with st.container(key="label-errors-state"):
        if status is not None and status.state == "failed":
            st.error(error_text(status.reason))
        elif status is not None and status.state != "queued":
            st.info("The search was stopped before its end. It continues with the network that it was training.")
        else:
            machine = slowness(known.run for known in run_rows()[:LATEST])
            seconds = round(label_errors.expected_seconds(source, part, len(digits), machine))
            st.info(
                f"These {len(digits):,} labels have not been searched yet. That takes about {duration(seconds)}, and "
                "you can do something else meanwhile."
            )
        if is_refused(Action.SEARCH):
            return
        label = "Search for label errors" if status is None else "Continue"
        if st.button(label, type="primary", icon=":material/search:"):
            with errors_as_text("The search could not be started: "):
                start_search(source, part, digits)
                st.rerun()


def _render_progress(search: Search) -> None:
    """The progress, drawn twice a second; at the end of the search the whole page is drawn."""
    status = search.status()
    if not status.active:
        st.rerun()
    with st.container(key="label-errors-state"):
        text = "Starting, or waiting for another search to end"
        if status.state != "queued":
            left = "" if status.seconds_left is None else f", about {duration(round(status.seconds_left))} left"
            text = f"Training network {status.network} of {label_errors.NETWORKS}{left}"
        st.progress(status.share, text)
        if st.button("Stop", icon=":material/stop:"):
            with errors_as_text():
                stop_search(search)


@st.fragment
def _render_review(search: Search, found: LabelErrors, digits: Digits) -> None:
    """One digit to review, next to the list of all; a click reruns this and nothing else."""
    with errors_as_text():
        corrections = stored.load_corrections()
        listed = found.order[:LISTED]
        images = image_hashes(digits.images[listed])
        waiting = [row for row, image in zip(listed.tolist(), images, strict=True) if image not in corrections.by_image]
        first = next(iter(waiting), int(listed[0]))
        row = first if page_state.review_row is None or page_state.review_row not in listed else page_state.review_row
        rank = int(np.flatnonzero(listed == row)[0])
        st.markdown(
            f"The networks read **{found.disagreements:,}** of {len(digits):,} digits differently from their label. "
            f"You have reviewed {len(listed) - len(waiting):,} of the {len(listed):,} most likely label errors."
        )
        card, sheet = st.columns(2, gap="medium")
        with card, st.container(key="label-error-card"):
            _render_digit(found, digits, row, rank)
            _render_verdicts(search, found, digits, corrections.by_image.get(images[rank]), row, images[rank])
        with sheet:
            _render_sheet(found, digits, corrections, images, row)
        _render_use(corrections)


def _other_class(found: LabelErrors, given: int, row: int) -> int:
    """The most probable class other than the label."""
    return next(int(label) for label in np.argsort(-found.probabilities[row]) if label != given)


def _render_digit(found: LabelErrors, digits: Digits, row: int, rank: int) -> None:
    """The digit, next to similar digits of its label and of the other class."""
    given, read, names = int(digits.labels[row]), int(found.predicted[row]), digits.classes
    other, p = _other_class(found, given, row), found.probabilities[row]
    st.markdown(f"#### Labelled {names[given]}, read as {names[read]}{'' if read != given else ', but unsure'}")
    st.caption(
        f"The networks give {names[other]} a probability of {probability(p[other])}, and {names[given]} "
        f"{probability(p[given])}. Number {rank + 1:,} in the list; row {row:,} of the file, counted from 0."
    )
    similar = [
        (
            f"Most similar digits labelled {names[label]}",
            digits.images[label_errors.neighbours(digits, found, row, label)],
        )
        for label in (given, other)
    ]
    st.html(label_error_card(digits.images[row], f"A digit that is labelled {names[given]}", similar, state.palette()))


def _render_verdicts(
    search: Search, found: LabelErrors, digits: Digits, earlier: Correction | None, row: int, image: str
) -> None:
    """The buttons for a verdict on this label, the latest verdict, and Undo."""
    given, names = int(digits.labels[row]), digits.classes
    other = _other_class(found, given, row)

    def button(text: str, verdict: str, label: int, **options: Any) -> None:
        review = Review(search.id, row, image, given, verdict, label)
        st.button(text, on_click=_save_verdict, args=(review,), **options)

    if is_refused(Action.LABELS):
        return
    with st.container(horizontal=True, key="label-error-buttons"):
        button(f"Relabel as {names[other]}", RELABELLED, other, type="primary", icon=":material/edit:", shortcut="Y")
        button("Label is correct", RIGHT, given, icon=":material/check:", shortcut="N")
        unused = "It is no longer used for training."
        button("Set aside", SET_ASIDE, given, icon=":material/inventory_2:", shortcut="A", help=unused)
        with st.popover("Other label"), st.container(horizontal=True, key="label-error-labels"):
            for label, name in enumerate(names):
                if label not in (given, other):
                    button(name, RELABELLED, label, key=f"label-error-label-{label}")
    with st.container(horizontal=True, vertical_alignment="center", key="label-error-outcome"):
        own = [review for review in page_state.reviews if review.search == search.id]
        if own:
            st.markdown(_outcome_text(own[-1], names), width="content")
            st.button("Undo", type="tertiary", icon=":material/undo:", on_click=_undo, args=(own[-1],))
        elif earlier is not None:
            st.caption(f"Reviewed before: {_verdict_text(earlier.verdict, earlier.label, names)}.")


def _render_sheet(found: LabelErrors, digits: Digits, corrections: Corrections, images: list[str], shown: int) -> None:
    """The suspected label errors in their order; a click shows one for review."""
    listed = found.order[:LISTED]
    pages = -(-len(listed) // COUNT)
    number = min(state.widget(PAGE, 1) or 1, pages)
    here = slice((number - 1) * COUNT, number * COUNT)
    tiles = []
    for row, image in zip(listed[here].tolist(), images[here], strict=True):
        given, read = int(digits.labels[row]), int(found.predicted[row])
        verdict = corrections.by_image.get(image)
        notes = (_verdict_text(verdict.verdict, verdict.label, digits.classes),) if verdict else ()
        answer = "" if read == given else digits.classes[read]
        tiles.append(Thumbnail(str(row), digits.images[row], digits.classes[given], answer, notes, verdict is not None))
    render_selectable(
        tiles,
        [str(shown)],
        turn=f"{number}-{shown}-{page_state.review_turn}",
        title=f"Suspected label errors {here.start + 1:,} to {here.start + len(tiles):,}",
        key=SHEET,
        on_change=_show_clicked,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.pagination(pages, key=PAGE)
        st.caption("Below each: its label, and × what the networks read", width="content")


def _render_use(corrections: Corrections) -> None:
    """Where the corrected labels are used, and their download."""
    if not corrections.by_image:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{count(corrections.changed, 'label')} corrected or set aside in all. Training uses them if you switch "
            "that on; test scores always use the original labels."
            + ("" if drawings_last() else " This server forgets them when it restarts: download them."),
            width="content",
        )
        st.page_link(place("train"), label="Train", icon=":material/show_chart:")
        render_download(
            "Download",
            stored.export_corrections,
            stored.CORRECTIONS,
            "text/csv",
            type="tertiary",
            help="All verdicts as a CSV file, which *Import and export* can read.",
        )


def _show_clicked() -> None:
    """Show the digit that was clicked last."""
    ids = selection(SHEET).ids
    if ids and ids[-1].isdecimal():
        page_state.review_row = int(ids[-1])
    page_state.review_turn += 1


def _save_verdict(review: Review) -> None:
    """Store a verdict, and show the first label without one."""
    if time.monotonic() - page_state.reviewed_at < DOUBLE_CLICK:
        return  # the second click of a double click was not meant for the next digit
    if _store(review, review.verdict, review.label):
        page_state.reviews = [*page_state.reviews, review]
        page_state.reviewed_at = time.monotonic()
        page_state.review_row = None


def _undo(review: Review) -> None:
    """Restore what was stored before this verdict, and show the digit."""
    if _store(review, TAKEN_BACK, review.given):
        page_state.reviews = [one for one in page_state.reviews if one is not review]
        page_state.review_row = review.row


def _store(review: Review, verdict: str, label: int) -> bool:
    """Whether this verdict on the image could be stored; if not, a message says why."""
    try:
        correct_label(review.image, verdict, given=review.given, label=label, session=state.session_id)
    except EXPECTED as error:
        st.toast(error_text(error), icon=":material/error:")
        return False
    page_state.review_turn += 1
    return True


def _outcome_text(review: Review, names: tuple[str, ...]) -> str:
    given = names[review.given]
    return (
        f"Row {review.row:,} "
        + {
            RELABELLED: f"is now labelled {names[review.label]} instead of {given}.",
            RIGHT: f"keeps its label {given}.",
            SET_ASIDE: "is set aside.",
        }[review.verdict]
    )


def _verdict_text(verdict: str, label: int, names: tuple[str, ...]) -> str:
    return {RELABELLED: f"now {names[label]}", RIGHT: "label is correct"}.get(verdict, verdict)
