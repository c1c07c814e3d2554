"""Lesson result: what a lesson did, in a table of shares before and after and in the corrected drawings themselves."""

import streamlit as st

from dashboard.charts.images import Tile, image_sheet
from dashboard.session import state
from experiments.fine_tuning import FineTuningResult, Score
from experiments.runs.run import Run
from experiments.training.data import trained_drawings

SHOWN = 20  # corrected drawings
FINE = 1000  # images from which on a share has two decimals


def render_lesson(run: Run, lesson: FineTuningResult) -> None:
    left, right = st.columns([5, 6], gap="medium")
    with left:
        st.html(scores_table(lesson))
        words = "The same images before and after, each share with its 95 % interval."
        st.caption(f"{words} {lesson.interpolation}".rstrip())
    with right:
        drawings = trained_drawings(run)
        tiles = [
            Tile(
                drawings.images[row],
                str(drawings.labels[row]),
                str(after),
                who=f"Was {before}, now",
            )
            for row, before, after in lesson.answers[:SHOWN]
        ]
        st.html(image_sheet(tiles, state.palette()))
        if len(lesson.answers) > SHOWN:
            st.caption(f"The first {SHOWN} of {len(lesson.answers):,} corrected drawings.")


def scores_table(lesson: FineTuningResult) -> str:
    every_fifth = "every fifth of a digit, never learned from"
    none_yet = "none yet: the fifth of a digit will be the first"
    rows = (
        ("Corrected drawings", "learned from", lesson.corrected),
        ("Held-out drawings", every_fifth if lesson.held_out.total else none_yet, lesson.held_out),
        ("Old digits", "of MNIST, not among those it goes over", lesson.old),
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in ("Read right", "n", "Before", "After"))
    lines = "".join(
        f'<tr><th scope="row">{name}<small>{note}</small></th><td>{score.total:,}</td>{"".join(cells(score))}</tr>'
        for name, note, score in rows
    )
    return f'<table class="before-after"><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>'


def cells(score: Score) -> list[str]:
    """The share before and after, with its interval."""
    if not score.total:
        return ["<td>–</td>", "<td>–</td>"]
    digits = 2 if score.total >= FINE else 1
    return [
        f"<td>{100 * share:.{digits}f} %<small>{100 * low:.{digits}f} to {100 * high:.{digits}f}</small></td>"
        for share, (low, high) in zip(score.shares, score.intervals, strict=True)
    ]
