"""Run charts: the curves of the chosen runs over one another, what came out, and how a person wants them drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.charts.run_curves import (
    AGAINST,
    MOST,
    PARTS,
    QUANTITIES,
    Line,
    curve_points,
    curves_figure,
    log_by_itself,
    loss_axis,
    spans_decades,
)
from dashboard.charts.run_results import accuracy_bars, loss_bars
from dashboard.components.chart import render_chart
from dashboard.explore.chosen_runs import MEAN, Chosen, lines, outcomes, seed_sets
from dashboard.session import state
from experiments.runs.table import RunRow

SCALES = ("By itself", "Linear", "Logarithmic")
BOTH = "Both"
BOUND = {"bind": "query-params"}  # the address carries them: a link shows the same charts


@dataclass(frozen=True)
class Look:
    """How the curves are drawn."""

    against: str
    parts: tuple[str, ...]
    smoothing: float
    vertical: str
    horizontal: str
    mean: bool


def choose_look(chosen: Sequence[Chosen]) -> Look:
    """Widgets for it."""
    seeds = len(seed_sets(chosen)) < len(chosen)  # some differ by their seed only
    with st.container(horizontal=True, vertical_alignment="bottom"):
        against = st.segmented_control(
            "Against", list(AGAINST.values()), default="Step", required=True, key="against", **BOUND
        )
        part = st.segmented_control(
            "Digits", [*PARTS.values(), BOTH], default="Validation", required=True, key="digits", **BOUND
        )
        with st.popover("Axes and smoothing", icon=":material/tune:"):
            smoothing = st.slider(
                "Smoothing", 0.0, 0.95, 0.0, 0.05, key="smoothing", help="The raw curve stays, faint, behind.", **BOUND
            )
            options = {"options": SCALES, "default": SCALES[0], "required": True} | BOUND
            vertical = st.segmented_control(
                "Vertical axes", key="vertical", help="Logarithmic by itself where values span decades.", **options
            )
            horizontal = st.segmented_control("Horizontal axes", key="horizontal", **options)
        mean = seeds and st.toggle(
            "Mean over seeds",
            value=True,
            key=MEAN,
            help="Runs that differ by their seed only become one line, their mean, in a band from lowest to highest.",
            **BOUND,
        )
    parts = tuple(name for name, title in PARTS.items() if part in (title, BOTH))
    column = next(name for name, title in AGAINST.items() if title == against)
    return Look(column, parts, smoothing, vertical, horizontal, mean)


def render_charts(chosen: Sequence[Chosen], look: Look) -> None:
    """Curves and bars, of at most so many lines as can be told apart."""
    sets = seed_sets(chosen) if look.mean else [[one] for one in chosen]
    if len(sets) > MOST:
        st.info(
            f"{len(sets)} lines are chosen, and the first {MOST} are drawn: more cannot be told apart. "
            "Untick some, or filter the table."
        )
        sets = sets[:MOST]
    drawn = [one.row for some in sets for one in some]
    log_x = far_apart(drawn, look.against) if look.horizontal == SCALES[0] else look.horizontal == SCALES[2]
    render_curves(lines(sets), look, log_x=log_x, loss=loss_axis(row.config.loss for row in drawn))
    render_bars([one for some in sets for one in some])


def far_apart(rows: Sequence[RunRow], against: str) -> bool:
    """Whether some runs are so much longer than others that these would be a dot at the left.

    Only those count that went to their end: another may have diverged at once, or have just begun.
    """
    return spans_decades(getattr(row.status, against) for row in rows if row.state == "finished")


def render_curves(drawn: Sequence[Line], look: Look, *, log_x: bool, loss: str) -> None:
    columns = [*st.columns(2), *st.columns(2)]
    for column, (quantity, what) in zip(columns, QUANTITIES.items(), strict=True):
        points = curve_points(
            drawn,
            quantity,
            against=look.against,
            parts=look.parts,
            smoothing=look.smoothing,
            palette=state.palette(),
        )
        log = log_by_itself(points, quantity) if look.vertical == SCALES[0] else look.vertical == SCALES[2]
        figure = curves_figure(
            points,
            quantity,
            state.palette(),
            against=look.against,
            log=log,
            log_x=log_x,
            faint=look.smoothing > 0,
            axis=loss if quantity == "loss" else "",
        )
        alt = f"{what.title} of the chosen runs against {AGAINST[look.against].lower()}"
        with column:
            render_chart(figure, alt=alt)


def render_bars(chosen: Sequence[Chosen]) -> None:
    if all(one.row.best_loss is None for one in chosen):
        return
    left, right = st.columns(2)
    ended = outcomes(chosen[:MOST])
    with left:
        alt = "Bars: the best validation accuracy of each run, with its interval"
        render_chart(accuracy_bars(ended, state.palette()), key="best-accuracies", alt=alt)
    with right:
        render_chart(loss_bars(ended, state.palette()), key="lowest-losses", alt="Bars: the lowest validation loss")
    if len(chosen) > MOST:
        st.caption(f"Bars of the first {MOST} of {len(chosen)} runs.")
