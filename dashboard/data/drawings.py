"""The Drawings view: all drawings as images to filter, select and correct, with details of one."""

from datetime import datetime
from html import escape
from typing import Any
from zlib import crc32

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.access.decision import Action, is_owner, require
from dashboard.access.policy import read_policy
from dashboard.access.visibility import drawing_session, visible_drawings
from dashboard.charts.digit_bars import digit_bars, missing_hint
from dashboard.charts.images import Thumbnail, image_html, strokes_image
from dashboard.components import resources
from dashboard.components.evaluation import predict_with_progress
from dashboard.components.image_sheet import render_selectable, selection
from dashboard.components.messages import EXPECTED, error_text
from dashboard.components.model_choice import choose_model
from dashboard.components.stored_drawings import render_backup_offer, render_damaged_rows
from dashboard.data.edits import render_edits
from dashboard.data.filters import PAGE, SURPRISE, render_filter, show_all, zone_of
from dashboard.data.history import go_back
from dashboard.data.state import VIEW, ShownSheet, page_state
from dashboard.navigation import go_to, place
from dashboard.session import state
from dataset import Drawings, load_drawings
from dataset.digits import DIGIT_CLASSES
from dataset.drawings import drawings_history, drawings_last
from dataset.drawings.log import VISITOR
from experiments.formats import count, probability
from model import Classifier
from model.arrays import Floats, Integers
from model.metrics import log_losses

SHEET = "sheet"
COUNT = 100  # thumbnails on a page


def render() -> None:
    """Draw the view."""
    page_state.sync_url("version")
    _render_drawings()


@st.fragment
def _render_drawings() -> None:
    """Everything in the view; a click reruns this and nothing else."""
    try:
        if page_state.version:
            require(Action.LOOK_BACK)
        drawings = load_drawings(page_state.version or None, deleted=True)
    except EXPECTED as error:
        st.error(error_text(error))
        if page_state.version:
            st.button("Show the present drawings", on_click=page_state.set_in_url, args=("version", ""))
        return
    visible = visible_drawings(drawings)
    if not visible.any():
        _render_empty()
        return
    if page_state.version:
        _render_version()
    else:
        _render_review(drawings, visible)
    left, right = st.columns([9, 3], gap="medium", vertical_alignment="center")
    with left:
        _render_counts(drawings)
    with right:
        classifier = choose_model()
    wanted = render_filter()
    surprise = None
    if wanted.order == SURPRISE:
        if classifier.classes == DIGIT_CLASSES:
            surprise = surprises(classifier, drawings)
        else:
            st.warning("This model does not read digits, so there is no surprise to sort by. Choose another model.")
    rows = wanted.rows(drawings, surprise)
    rows = rows[visible[rows]]
    ids = drawings.id[rows].tolist()
    selected = page_state.selected_among(ids)
    if not page_state.version:
        render_edits(selected, ids, set(drawings.state[np.isin(drawings.id, selected)].tolist()))
    sheet, side = st.columns([9, 3], gap="medium")
    with sheet:
        if len(rows):
            _render_sheet(drawings, rows, ids, surprise)
        else:
            st.info("No drawing passes the filters.")
            st.button("Show all", key="show-all", icon=":material/filter_alt_off:", on_click=show_all)
    with side, st.container(key="drawing-details"):
        _render_details(drawings, selected, classifier)
    render_damaged_rows()


def _render_review(drawings: Drawings, visible: NDArray[np.bool_]) -> None:
    """How many drawings wait for review, and for the owner the way to them."""
    waiting = int(np.count_nonzero(drawings.state[visible] == "waiting"))
    if not waiting or not read_policy().is_shared:
        return
    waits = f"{count(waiting, 'drawing')} {{}} {'waits' if waiting == 1 else 'wait'}"
    with st.container(horizontal=True, vertical_alignment="center", key="review"):
        if not is_owner():
            st.info(f"{waits.format('of yours')} until the owner has reviewed them.", icon=":material/hourglass_empty:")
            return
        st.info(f"{waits.format('by visitors')} for you: accept them or set them aside.", icon=":material/rate_review:")
        st.button("Show them", type="primary", on_click=_show_waiting)


def _show_waiting() -> None:
    show_all()
    state.set_widget("state", ["Waiting"])


def _render_version() -> None:
    """Which earlier version is shown, and the ways back."""
    entry = next(entry for entry in drawings_history() if entry.version == page_state.version)
    with st.container(horizontal=True, vertical_alignment="center"):
        text = f"The drawings as they were on {local_time(entry.time, st.context.timezone)}, after: {entry.action}."
        st.info(text, icon=":material/history:")
        st.button("Return to this version", on_click=go_back, args=(entry.version,))
        present: dict[str, Any] = {"type": "primary", "on_click": page_state.set_in_url, "args": ("version", "")}
        st.button("Show the present drawings", **present)


def _render_counts(drawings: Drawings) -> None:
    """How many drawings of each digit are in use."""
    counts = np.bincount(drawings.kept.labels, minlength=10).tolist()
    with st.container(horizontal=True, vertical_alignment="center"):
        caption = f"{count(sum(counts), 'drawing')} in use"
        st.html(digit_bars(counts, state.palette(), caption=caption), width="content")
        with st.container(gap="xxsmall"):
            if hint := missing_hint(counts):
                st.caption(hint)
            if any(counts) and not page_state.version:
                st.page_link(place("draw"), label="Learn from them", icon=":material/school:")
    if not drawings_last():
        render_backup_offer()


def _render_sheet(drawings: Drawings, rows: Integers, ids: list[str], surprise: Floats | None) -> None:
    """One page of thumbnails, with the page numbers below."""
    above = st.container(key="drawing-sheet")  # the page number is known only after its widget below
    with st.container(horizontal=True, vertical_alignment="center"):
        pages = -(-len(rows) // COUNT)
        number = st.pagination(pages, key=PAGE, bind="query-params") if pages > 1 else 1
        here = slice((number - 1) * COUNT, number * COUNT)
        shown = tuple(ids[here])
        title = f"{here.start + 1:,} to {here.start + len(shown):,} of {count(len(rows), 'drawing')}"
        st.caption(f"{title}. Below each: its label, and × a wrong answer of the network", width="content")
    turn = f"{crc32(' '.join(shown).encode()):08x}-{page_state.selection_turn}"
    if page_state.sheet.turn != turn:
        page_state.sheet = ShownSheet(turn, shown, tuple(page_state.selected_among(shown)))
    with above:
        tiles = [_thumbnail(drawings, row, surprise) for row in rows[here]]
        selected = page_state.sheet.selected
        render_selectable(tiles, selected, turn=turn, title=title, key=SHEET, on_change=_update_selection)


def _thumbnail(drawings: Drawings, row: int, surprise: Floats | None) -> Thumbnail:
    label, predicted, kind = int(drawings.digits.labels[row]), int(drawings.predicted[row]), str(drawings.state[row])
    notes = [] if surprise is None else [f"{surprise[row]:.1f}"]
    if kind != "kept":
        notes.append(kind)
    if drawings.duplicate_of[row]:
        notes.append("near-duplicate")
    answer = "" if predicted in (-1, label) else str(predicted)
    image = drawings.digits.images[row]
    return Thumbnail(str(drawings.id[row]), image, str(label), answer, tuple(notes), is_faint=kind != "kept")


def _update_selection() -> None:
    """Combine the selection in the browser, of this page, with the selection on other pages."""
    reported, shown = selection(SHEET), page_state.sheet
    if reported.turn == shown.turn:
        elsewhere = [identity for identity in page_state.selected if identity not in shown.ids]
        page_state.selected = (*elsewhere, *(identity for identity in reported.ids if identity in shown.ids))


def _render_empty() -> None:
    st.info(
        "There are no drawings yet. Draw some digits and say whether the network read them correctly: each drawing "
        "with an answer is stored here, and the network can learn from it."
    )
    with st.container(horizontal=True):
        if st.button("Draw a digit", type="primary", icon=":material/draw:"):
            go_to("draw")
        show_import: dict[str, Any] = {"on_click": state.set_widget, "args": (VIEW, "Import and export")}
        if st.button("Import a file", icon=":material/upload:", **show_import):
            st.rerun()  # the whole page, not only this part


@st.cache_resource(max_entries=4, show_spinner=False)
def stored_probabilities(fingerprint: str) -> dict[str, Floats]:
    """Probabilities (10,) of one model by id of a drawing. Images never change."""
    return {}


def surprises(classifier: Classifier, drawings: Drawings) -> Floats:
    """-ln p(label) of each drawing (n,), in nats."""
    stored, ids = stored_probabilities(classifier.fingerprint), drawings.id.tolist()
    new = np.flatnonzero([identity not in stored for identity in ids])
    found = predict_with_progress(classifier, drawings.digits.images[new], st.empty())
    stored.update(zip(drawings.id[new].tolist(), found, strict=True))
    return log_losses(np.stack([stored[identity] for identity in ids]), drawings.digits.labels)


def _render_details(drawings: Drawings, selected: list[str], classifier: Classifier) -> None:
    """Pictures and facts of the drawing that was selected last."""
    if not selected:
        st.caption("Select a drawing to see its details here.")
        return
    row = int(np.flatnonzero(drawings.id == selected[-1])[0])
    if len(selected) > 1:
        st.caption(f"The last of {len(selected):,} selected")
    known = {name: text for name, text in _facts(drawings, row, classifier).items() if text}
    lines = (f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>' for name, text in known.items())
    st.html(f'{_pictures(drawings, row)}<table class="facts">{"".join(lines)}</table>')


def _pictures(drawings: Drawings, row: int) -> str:
    """The network input, the strokes, and the drawing that it is a near-duplicate of."""
    images, palette = drawings.digits.images, state.palette()
    pictures = {
        "28 × 28": image_html(images[row], f"The drawing of a {drawings.digits.labels[row]}", palette),
        "Strokes": strokes_image(drawings.strokes[row], palette),
    }
    for other in np.flatnonzero(drawings.id == drawings.duplicate_of[row]):
        pictures["Similar to"] = image_html(images[other], "The drawing that it is a near-duplicate of", palette)
    figures = (f"<figure>{image}<figcaption>{name}</figcaption></figure>" for name, image in pictures.items() if image)
    return f'<div class="drawing-pictures">{"".join(figures)}</div>'


def _facts(drawings: Drawings, row: int, classifier: Classifier) -> dict[str, str]:
    """Everything known about a drawing, by name; an empty text is unknown."""
    label, predicted, kind = int(drawings.digits.labels[row]), int(drawings.predicted[row]), str(drawings.state[row])
    known = {"Label": str(label), "Answer when drawn": "not asked"}
    if predicted >= 0:
        sure = drawings.confidence[row]
        known["Answer when drawn"] = f"{predicted}" + ("" if np.isnan(sure) else f", {probability(sure)} sure")
        known["Model when drawn"] = _model_name(str(drawings.model[row]), classifier)
    if classifier.classes == DIGIT_CLASSES:
        now = classifier.predict_proba(drawings.digits.images[row][None])
        known["Answer now"] = f"{now.argmax()}, {probability(now.max())} sure"
        known["Surprise"] = f"{log_losses(now, np.array([label]))[0]:.2f}"
    session = str(drawings.session[row])
    author = "a visitor" if session.startswith(VISITOR) else "unknown"
    own = session == drawing_session()
    used = "held out for testing" if drawings.is_held_out[row] else "for training"
    similar = int((drawings.duplicate_of == drawings.id[row]).sum())
    return known | {
        "Source": str(drawings.source[row]),
        "Time": local_time(str(drawings.time[row]), st.context.timezone),
        "Drawn by": "you, in this visit" if own else author,
        "State": f"in use: {used}" if kind == "kept" else kind,
        "Near-duplicate of": str(drawings.duplicate_of[row])[:8],
        "Near-duplicates": count(similar, "drawing") if similar else "",
        "Id": str(drawings.id[row]),
    }


def _model_name(fingerprint: str, classifier: Classifier) -> str:
    if fingerprint == classifier.fingerprint:
        return "the model chosen above"
    if fingerprint == resources.classifier("shipped").fingerprint:
        return resources.SHIPPED_TITLE
    return fingerprint[:8] or "unknown"


def local_time(text: str, zone: str | None) -> str:
    """2026-11-21 09:05 in the time zone of the person; a text that is no time stays as it is."""
    try:
        return f"{datetime.fromisoformat(text).astimezone(zone_of(zone)):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return text or "unknown"
