"""The Suspect labels view: labels that networks doubt which never saw them, for a person to judge."""

import time
from pathlib import Path

import numpy as np
import streamlit as st

from dashboard.access.decision import Action, Refusal, allowed, politely
from dashboard.access.drawings import correct_label
from dashboard.access.searches import start_search, stop_search
from dashboard.charts.probability import percent_text
from dashboard.charts.suspects import suspect_card
from dashboard.charts.thumbnails import Thumbnail
from dashboard.components import resources
from dashboard.components.downloads import offer_download
from dashboard.components.forms import Form
from dashboard.components.image_sheet import render_selectable, selection
from dashboard.components.training_data import choose_path, existing
from dashboard.data.state import Review, page_state
from dashboard.navigation import place
from dashboard.session import state
from dataset import SOURCES, DataError, Digits, available, default_source
from dataset.corrections import (
    CORRECTIONS,
    RELABELLED,
    RIGHT,
    SET_ASIDE,
    TAKEN_BACK,
    Corrections,
    export_corrections,
    image_hashes,
    load_corrections,
)
from dataset.download import SHIPPED
from dataset.drawings import drawings_last
from experiments.formats import duration
from experiments.label_errors import (
    NETWORKS,
    PARTS,
    LabelErrors,
    Part,
    Search,
    SearchStatus,
    check_labels,
    expected_seconds,
    neighbours,
    parts_of,
    search_for,
)
from experiments.runs.run import RunError
from experiments.runs.table import run_rows
from experiments.training.cost import slowness

LIVE_SECONDS = 0.5
DOUBLE_CLICK = 0.35  # seconds
FILE = "file"
LATEST = 30  # runs that tell how fast this machine is
LABELS = "labels"  # the widget's key, and the name in the address
PAGE, SHEET = "suspects-page", "suspects-sheet"
LISTED, COUNT = 1000, 48  # suspects that are listed, and thumbnails on a page
SOURCE_PARTS: dict[str, tuple[str, Part]] = {
    f"{source}-{part}": (source, part) for source in SOURCES if source != SHIPPED for part in parts_of(source)
}
WHAT_IT_IS = (
    "Every digit is read by networks that were not trained on it. Where they find another digit than its label says, "
    "one of them is wrong: you say which. The files stay as they are; what you say is kept beside your drawings."
)


def render() -> None:
    source, part = choose_labels()
    if not source:
        return
    try:
        if source not in SOURCES:
            source = str(existing(source))
        digits = labelled(source, part)
        search = search_for(source, part, digits)
    except DataError as error:
        st.error(str(error))
        return
    status = search.status() if search.folder.exists() else None
    if status is not None and status.active:
        st.fragment(render_progress, run_every=LIVE_SECONDS)(search)
    elif status is None or status.state != "finished":
        render_start(search, status, source, part, digits)
    else:
        try:
            suspects = suspects_of(search)
        except RunError as error:
            st.error(str(error))
            render_start(search, None, source, part, digits)
            return
        render_bench(search, suspects, digits)


def choose_labels() -> tuple[str, Part]:
    """Whose labels are judged; an empty text where they cannot be had, and the page has said why."""

    def title(choice: str) -> str:
        if choice == FILE:
            return "A file of your own"
        source, part = SOURCE_PARTS[choice]
        return SOURCES[source].title + (f", {PARTS[part]}" if part != "all" else "")

    choices = [*SOURCE_PARTS, FILE]
    likely = f"{default_source()}-{parts_of(default_source())[0]}"
    choice = st.selectbox(
        "Labels of",
        choices,
        index=choices.index(likely),
        format_func=title,
        key=LABELS,
        bind="query-params",
        persist_state="session",
        help=WHAT_IT_IS,
        on_change=forget_place,
        width=420,
    )
    if choice == FILE:
        return choose_path(Form("suspects")), "all"
    source, part = SOURCE_PARTS[choice]
    if available(source):
        return source, part
    offer_download(source, use_instead=lambda: state.set_widget(LABELS, "mnist-5k-all"))
    return "", part


def labelled(source: str, part: Part) -> Digits:
    digits = resources.training_digits(source, 0.0)[0] if part == "train" else resources.digits(source, part)
    check_labels(digits)
    return digits


@st.cache_resource(max_entries=4, show_spinner=False)
def found(folder: str, version: tuple[int, int]) -> LabelErrors:
    return Search(Path(folder)).result()


def suspects_of(search: Search) -> LabelErrors:
    """What the search has found. RunError where it has not come to its end."""
    if not search.result_file.is_file():
        return search.result()  # which says so
    return found(str(search.folder), resources.version(search.result_file))


def forget_place() -> None:
    """Other labels: from the first suspect on."""
    page_state.suspect = None
    state.set_widget(PAGE, 1)


def render_start(search: Search, status: SearchStatus | None, source: str, part: Part, digits: Digits) -> None:
    """Nothing is known yet: what to do, and how long it takes."""
    st.caption(WHAT_IT_IS)
    with st.container(key="suspects-state"):
        if status is not None and status.state == "failed":
            st.error(status.reason)
        elif status is not None and status.state != "queued":
            st.info("The search was stopped before its end. It goes on with the network that it was training.")
        else:
            runs = [known.run for known in run_rows()[:LATEST]]
            seconds = round(expected_seconds(source, part, len(digits), slowness(runs)))
            st.info(
                f"Nobody has looked through these {len(digits):,} labels yet. That takes about {duration(seconds)}, "
                "while you do something else."
            )
        if refusal := allowed(Action.SEARCH):
            st.caption(f":material/lock: {refusal}")
            return
        words = "Look for suspect labels" if status is None else "Go on"
        if st.button(words, type="primary", icon=":material/search:"):
            try:
                start_search(source, part, digits)
            except (RunError, OSError) as error:
                st.error(f"The search could not be started: {error}")
                return
            st.rerun()


def render_progress(search: Search) -> None:
    """Draws itself anew twice a second; when the search has ended, the whole page."""
    status = search.status()
    if not status.active:
        st.rerun()
    with st.container(key="suspects-state"):
        if status.state == "queued":
            words = "Starting, or waiting for another search to end"
        else:
            left = "" if status.seconds_left is None else f", about {duration(round(status.seconds_left))} left"
            words = f"Network {status.network} of {NETWORKS} is being trained{left}"
        st.progress(status.share, words)
        st.button("Stop", icon=":material/stop:", on_click=politely(stop_search), args=(search,))


@st.fragment
def render_bench(search: Search, suspects: LabelErrors, digits: Digits) -> None:
    """A click reruns this and nothing else."""
    try:
        corrections = load_corrections()
    except (DataError, OSError) as error:
        st.error(str(error))
        return
    listed = suspects.order[:LISTED]
    images = image_hashes(digits.images[listed])
    judged = [corrections.of.get(image) for image in images]
    waiting = [row for row, said in zip(listed.tolist(), judged, strict=True) if said is None]
    row = page_state.suspect if page_state.suspect is not None else next(iter(waiting), int(listed[0]))
    place_of = {int(row): rank for rank, row in enumerate(listed)}
    if row not in place_of:
        row = int(listed[0])
    rank = place_of[row]
    st.markdown(
        f"Of {len(digits):,} digits the networks read **{suspects.disagreements:,}** otherwise than labelled. "
        f"{len(listed) - len(waiting):,} of the {len(listed):,} most suspect are judged."
    )
    card, sheet = st.columns(2, gap="medium")
    with card, st.container(key="suspect-card"):
        render_suspect(search, suspects, digits, corrections, row, rank, images[rank])
    with sheet:
        render_sheet(suspects, digits, corrections, images, row)
    render_use(corrections)


def render_suspect(
    search: Search, suspects: LabelErrors, digits: Digits, corrections: Corrections, row: int, rank: int, image: str
) -> None:
    """One digit, those that it is like, and what can be said of its label."""
    given, read = int(digits.labels[row]), int(suspects.predicted[row])
    names = digits.classes
    said = corrections.of.get(image)
    other = read if read != given else int(np.argsort(suspects.probabilities[row])[-2])
    st.markdown(
        f"#### Labelled {names[given]}, read as {names[read]}"
        if read != given
        else f"#### Labelled {names[given]}, and doubted"
    )
    p = suspects.probabilities[row]
    st.caption(
        f"The networks give {percent_text(p[other])} to {names[other]}, {percent_text(p[given])} to {names[given]}. "
        f"Suspect {rank + 1:,}; number {row:,} of the file, from 0."
    )
    likes = [
        (f"Most like it of those labelled {names[label]}", digits.images[neighbours(digits, suspects, row, label)])
        for label in (given, other)
    ]
    st.html(suspect_card(digits.images[row], f"A digit that is labelled {names[given]}", likes, state.palette()))

    def button(words: str, verdict: str, label: int, **options: object) -> None:
        judgement = Review(search.id, row, image, given, verdict, label)
        st.button(words, on_click=judge, args=(judgement,), **options)

    if refusal := allowed(Action.LABELS):
        st.caption(f":material/lock: {refusal}")
        return
    with st.container(horizontal=True, key="suspect-verbs"):
        button(f"Relabel as {names[other]}", RELABELLED, other, type="primary", icon=":material/edit:", shortcut="Y")
        button("Label is right", RIGHT, given, icon=":material/check:", shortcut="N")
        button("Set aside", SET_ASIDE, given, icon=":material/inventory_2:", shortcut="A", help="Never trained on")
        with st.popover("Another"), st.container(horizontal=True, key="suspect-labels"):
            for label, name in enumerate(names):
                if label not in (given, other):
                    button(name, RELABELLED, label, key=f"suspect-label-{label}")
    with st.container(horizontal=True, vertical_alignment="center", key="suspect-outcome"):
        mine = [one for one in page_state.reviews if one.search == search.id]
        if mine:
            st.markdown(sentence(mine[-1], names), width="content")
            st.button("Undo", type="tertiary", icon=":material/undo:", on_click=take_back, args=(mine[-1],))
        elif said is not None:
            st.caption(f"Judged before: {in_words(said.verdict, said.label, names)}.")


def render_sheet(
    suspects: LabelErrors, digits: Digits, corrections: Corrections, images: list[str], shown: int
) -> None:
    """The suspects in their order; a click takes one."""
    listed = suspects.order[:LISTED]
    pages = -(-len(listed) // COUNT)
    number = min(state.widget(PAGE, 1) or 1, pages)
    here = slice((number - 1) * COUNT, number * COUNT)
    tiles = []
    for row, image in zip(listed[here].tolist(), images[here], strict=True):
        given, read = int(digits.labels[row]), int(suspects.predicted[row])
        said = corrections.of.get(image)
        notes = (in_words(said.verdict, said.label, digits.classes),) if said else ()
        answer = "" if read == given else digits.classes[read]
        tiles.append(Thumbnail(str(row), digits.images[row], digits.classes[given], answer, notes, said is not None))
    render_selectable(
        tiles,
        [str(shown)],
        turn=f"{number}-{shown}-{page_state.suspect_turn}",
        title=f"Suspects {here.start + 1:,} to {here.start + len(tiles):,}",
        key=SHEET,
        on_change=take_up,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.pagination(pages, key=PAGE)
        st.caption("Label × what is read", width="content")


def render_use(corrections: Corrections) -> None:
    """What becomes of it."""
    if not corrections.of:
        return
    count = corrections.changed
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"{count:,} label{'' if count == 1 else 's'} corrected or set aside in all. Training uses them where you "
            "switch that on; test scores keep the labels as they came."
            + ("" if drawings_last() else " This server forgets them when it restarts: download them."),
            width="content",
        )
        st.page_link(place("train"), label="Train", icon=":material/show_chart:")
        st.download_button(
            "Download",
            export_corrections,
            CORRECTIONS,
            "text/csv",
            on_click="ignore",
            type="tertiary",
            icon=":material/download:",
            help="What was said of labels, as a CSV file. *Import and export* takes it in again.",
        )


def take_up() -> None:
    """The one that was clicked last is judged next."""
    said = selection(SHEET)
    if said.ids and said.ids[-1].isdecimal():
        page_state.suspect = int(said.ids[-1])
    page_state.suspect_turn += 1


def judge(judgement: Review) -> None:
    """Put it down, and go on with the first that nobody has judged."""
    if time.monotonic() - page_state.reviewed_at < DOUBLE_CLICK:
        return  # it was not meant for the next digit
    try:
        correct_label(
            judgement.image,
            judgement.verdict,
            given=judgement.given,
            label=judgement.label,
            session=state.session_id,
        )
    except (DataError, Refusal) as error:
        st.toast(str(error), icon=":material/error:")
        return
    page_state.reviews = [*page_state.reviews, judgement]
    page_state.reviewed_at = time.monotonic()
    page_state.suspect = None
    page_state.suspect_turn += 1


def take_back(judgement: Review) -> None:
    """Undo: what was said before holds again, and the digit is shown."""
    try:
        correct_label(
            judgement.image, TAKEN_BACK, given=judgement.given, label=judgement.given, session=state.session_id
        )
    except (DataError, Refusal) as error:
        st.toast(str(error), icon=":material/error:")
        return
    page_state.reviews = [one for one in page_state.reviews if one is not judgement]
    page_state.suspect = judgement.row
    page_state.suspect_turn += 1


def sentence(judgement: Review, names: tuple[str, ...]) -> str:
    match judgement.verdict:
        case "relabelled":
            return f"Number {judgement.row:,} is a {names[judgement.label]} now, no {names[judgement.given]}."
        case "right":
            return f"Number {judgement.row:,} stays a {names[judgement.given]}."
        case _:
            return f"Number {judgement.row:,} is set aside."


def in_words(verdict: str, label: int, names: tuple[str, ...]) -> str:
    return f"now {names[label]}" if verdict == RELABELLED else verdict
