"""Details: where a drawing came from, and what is known of it."""

from datetime import UTC, datetime
from html import escape
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import streamlit as st

from dashboard.charts.probability import percent_text
from dashboard.charts.sheet import image_html
from dashboard.charts.strokes import strokes_image
from dashboard.components import resources
from dashboard.data.actions import counted
from dashboard.data.surprise import surprise_of
from dashboard.session import state
from dataset import Drawings
from dataset.digits import DIGIT_CLASSES
from model import Classifier


def render_details(drawings: Drawings, picked: list[str], classifier: Classifier) -> None:
    """Of the one that was chosen last."""
    if not picked:
        st.caption("What is known of a drawing stands here once it is chosen.")
        return
    row = int(np.flatnonzero(drawings.id == picked[-1])[0])
    if len(picked) > 1:
        st.caption(f"The last of {len(picked):,} chosen")
    st.html(pictures_html(drawings, row) + facts_html(facts(drawings, row, classifier)))


def pictures_html(drawings: Drawings, row: int) -> str:
    """The drawing as the network gets it, as it was drawn, and the one that it doubles; each where there is one."""
    images, palette = drawings.digits.images, state.palette()
    pictures = {
        "28 × 28": image_html(images[row], f"The drawing of a {drawings.digits.labels[row]}", palette),
        "Strokes": strokes_image(drawings.strokes[row], palette),
    }
    for other in np.flatnonzero(drawings.id == drawings.duplicate_of[row]):
        pictures["It doubles"] = image_html(images[other], "What it doubles", palette)
    figures = (f"<figure>{image}<figcaption>{name}</figcaption></figure>" for name, image in pictures.items() if image)
    return f'<div class="drawing-pictures">{"".join(figures)}</div>'


def facts_html(known: dict[str, str]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in known.items()
    )
    return f'<table class="facts">{rows}</table>'


def facts(drawings: Drawings, row: int, classifier: Classifier) -> dict[str, str]:
    """What is known of a drawing, in words."""
    label, predicted = int(drawings.digits.labels[row]), int(drawings.predicted[row])
    known = {"Label": str(label), "Network said": "not asked"}
    if predicted >= 0:
        sure = drawings.confidence[row]
        known["Network said"] = f"{predicted}" + ("" if np.isnan(sure) else f", {percent_text(sure)} sure")
        known["That model"] = model_name(str(drawings.model[row]), classifier)
    if classifier.classes == DIGIT_CLASSES:
        now = classifier.predict_proba(drawings.digits.images[row][None])[0]
        known["Model in use says"] = f"{now.argmax()}, {percent_text(now.max())} sure"
        known["Surprise"] = f"{surprise_of(now[label]):.2f}"
    known["Source"] = str(drawings.source[row])
    known["When"] = local_time(str(drawings.time[row]), st.context.timezone or "UTC")
    session = str(drawings.session[row])
    known["Who"] = "you, now" if session == state.session_id else f"session {session[:8]}" if session else "unknown"
    used = "held out, to test with" if drawings.is_held_out[row] else "trained on"
    kind = str(drawings.state[row])
    known["State"] = f"in use: {used}" if kind == "kept" else kind
    if original := str(drawings.duplicate_of[row]):
        known["Double of"] = original[:8]
    same = int((drawings.duplicate_of == drawings.id[row]).sum())
    if same:
        known["Doubles"] = counted(same)
    known["Id"] = str(drawings.id[row])
    return known


def model_name(fingerprint: str, classifier: Classifier) -> str:
    if fingerprint == classifier.fingerprint:
        return "the model in use"
    if fingerprint == resources.classifier("shipped").fingerprint:
        return resources.SHIPPED_TITLE
    return fingerprint[:8] or "unknown"


def local_time(text: str, zone: str) -> str:
    """2026-11-21 09:05 where the person is; any other text as it stands in the file."""
    try:
        when = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return text or "unknown"
    try:
        here = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        here = UTC
    return f"{when.astimezone(here):%Y-%m-%d %H:%M}"
