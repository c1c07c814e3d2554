"""Comparison of runs: their curves and results, and for two runs where their models differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.charts.confusion import confusion_figure, difference_figure
from dashboard.charts.images import Tile
from dashboard.charts.run_curves import (
    AGAINST,
    MOST,
    PARTS,
    QUANTITIES,
    Line,
    color,
    curve_points,
    curves_figure,
    log_by_itself,
    loss_axis,
    spans_decades,
)
from dashboard.charts.run_results import accuracy_bars, loss_bars
from dashboard.components import resources
from dashboard.components.chart import render_chart
from dashboard.components.evaluation import evaluation, training_overlap
from dashboard.components.image_sheet import render_tiles
from dashboard.components.messages import EXPECTED, error_text
from dashboard.components.plain_text import plain_text
from dashboard.explore.compared_runs import MEAN, ComparedRun, lines, outcomes, seed_sets
from dashboard.session import state
from dataset import Digits
from experiments.comparison import Comparison, of_probabilities
from experiments.formats import percent, probability
from experiments.runs.table import RunRow
from model import Classifier

AUTOMATIC, LINEAR, LOGARITHMIC = SCALES = ("Automatic", "Linear", "Logarithmic")
BOTH = "Both"
VALIDATION, TEST = "Validation digits", "Test digits"
SHEET = 24  # images on a page
HEIGHT = 480  # pixels of a confusion matrix


@dataclass(frozen=True)
class Look:
    """How the curves are drawn."""

    against: str
    parts: tuple[str, ...]
    smoothing: float
    vertical: str
    horizontal: str
    mean: bool


def choose_look(compared: Sequence[ComparedRun]) -> Look:
    """Widgets for the look of the curves. The address carries it, so a link shows the same."""
    bound: dict[str, Any] = {"bind": "query-params", "required": True}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        against = st.segmented_control("Against", list(AGAINST.values()), default="Step", key="against", **bound)
        part = st.segmented_control("Digits", [*PARTS.values(), BOTH], default="Validation", key="digits", **bound)
        with st.popover("Axes and smoothing", icon=":material/tune:"):
            faint = "The curve without smoothing stays visible behind, faint."
            smoothing = st.slider("Smoothing", 0.0, 0.95, 0.0, 0.05, key="smoothing", help=faint, bind="query-params")
            automatic = "Automatic: logarithmic where values span several powers of ten."
            vertical, horizontal = (
                st.segmented_control(
                    f"{name} axes", SCALES, default=AUTOMATIC, key=name.lower(), help=automatic, **bound
                )
                for name in ("Vertical", "Horizontal")
            )
        mean = len(seed_sets(compared)) < len(compared) and st.toggle(
            "Mean over seeds",
            value=True,
            key=MEAN,
            help="Runs that differ only in their seed become one line, their mean, in a band from lowest to highest.",
            bind="query-params",
        )
    parts = tuple(name for name, title in PARTS.items() if part in (title, BOTH))
    column = next(name for name, title in AGAINST.items() if title == against)
    return Look(column, parts, smoothing, vertical, horizontal, mean)


def render_charts(compared: Sequence[ComparedRun], look: Look) -> None:
    """Curves and bars of the compared runs, of at most as many lines as there are colours."""
    sets = seed_sets(compared) if look.mean else [[one] for one in compared]
    if len(sets) > MOST:
        st.info(
            f"{len(sets)} lines are selected, and the first {MOST} are drawn: more cannot be told apart. "
            "Untick some runs, or filter the table."
        )
        sets = sets[:MOST]
    drawn = [one for some in sets for one in some]
    rows = [one.row for one in drawn]
    log_x = look.horizontal == LOGARITHMIC or (look.horizontal == AUTOMATIC and _far_apart(rows, look.against))
    _render_curves(lines(sets), look, log_x=log_x, loss=loss_axis(row.config.loss for row in rows))
    _render_bars(drawn)


def _far_apart(rows: Sequence[RunRow], against: str) -> bool:
    """Whether some runs are much longer than others, which would be a dot at the left.

    Only finished runs count: others may have diverged at once, or have just begun.
    """
    return spans_decades(getattr(row.status, against) for row in rows if row.status.state == "finished")


def _render_curves(drawn: Sequence[Line], look: Look, *, log_x: bool, loss: str) -> None:
    palette = state.palette()
    columns = [*st.columns(2), *st.columns(2)]
    for column, (quantity, what) in zip(columns, QUANTITIES.items(), strict=True):
        points = curve_points(
            drawn, quantity, against=look.against, parts=look.parts, smoothing=look.smoothing, palette=palette
        )
        automatic = look.vertical == AUTOMATIC and log_by_itself(points, quantity)
        figure = curves_figure(
            points,
            quantity,
            palette,
            against=look.against,
            log=automatic or look.vertical == LOGARITHMIC,
            log_x=log_x,
            faint=look.smoothing > 0,
            axis=loss if quantity == "loss" else "",
        )
        alt = f"{what.title} of the compared runs against {AGAINST[look.against].lower()}"
        with column:
            render_chart(figure, alt=alt)


def _render_bars(compared: Sequence[ComparedRun]) -> None:
    if all(one.row.status.best_validation_loss is None for one in compared):
        return
    left, right = st.columns(2)
    ended, palette = outcomes(compared[:MOST]), state.palette()
    with left:
        alt = "Bars: the best validation accuracy of each run, with its interval"
        render_chart(accuracy_bars(ended, palette), key="best-accuracies", alt=alt)
    with right:
        render_chart(loss_bars(ended, palette), key="lowest-losses", alt="Bars: the lowest validation loss of each run")
    if len(compared) > MOST:
        st.caption(f"Bars of the first {MOST} of {len(compared)} runs.")


def render_models(first: ComparedRun, second: ComparedRun) -> None:
    """The models of two runs on the same digits: a verdict, confusion matrices and images."""
    st.subheader("Where the two models differ", anchor=False)
    try:
        models = [resources.classifier(one.row.id) for one in (first, second)]
        digits = _choose_digits(first, second)
    except EXPECTED as error:
        st.info(error_text(error))
        return
    if any(model.classes != digits.classes for model in models):
        st.info("The two models recognise different classes, so there are no digits to compare them on.")
        return
    _warn(first, second, models, digits)
    answers = [evaluation(model, digits).probabilities for model in models]
    found = of_probabilities(digits.labels, *answers)
    st.markdown(found.verdict(f"**{plain_text(first.name)}**", f"**{plain_text(second.name)}**"))
    _render_matrices(found, digits, first, second)
    _render_disagreements(found, digits, first, second)


def _warn(first: ComparedRun, second: ComparedRun, models: list[Classifier], digits: Digits) -> None:
    """Warn if one of the two models may have been trained on these digits."""
    configs = [one.row.config for one in (first, second)]
    if configs[0].data == configs[1].data and not any(config.start_from for config in configs):
        return
    for one, model in zip((first, second), models, strict=True):
        if overlap := training_overlap(model, digits):
            name = plain_text(one.name)
            st.warning(f"{name} was trained on {overlap:,} of these {len(digits):,} digits and may remember them.")


def _choose_digits(first: ComparedRun, second: ComparedRun) -> Digits:
    """Digits that neither run was trained on: the validation digits of both, or test digits."""
    configs = [one.row.config for one in (first, second)]
    same, share = len({config.data for config in configs}) == 1, min(config.validation_share for config in configs)
    options = [VALIDATION, TEST] if same and share else [TEST]
    part = st.segmented_control(
        "Compared on",
        options,
        default=options[0],
        required=True,
        key="compared",
        bind="query-params",
        help="Test digits are for the final look: choose between models by validation digits.",
    )
    if part == VALIDATION:
        return resources.training_digits(configs[0].data, share)[1]
    return resources.digits(configs[0].data, "test")


def _render_matrices(found: Comparison, digits: Digits, first: ComparedRun, second: ComparedRun) -> None:
    """Both confusion matrices, and their difference."""
    palette, columns = state.palette(), st.columns(3)
    for column, one, confusion, right in zip(columns, (first, second), found.confusions, found.correct, strict=False):
        titles: dict[str, Any] = {
            "title": one.name,
            "subtitle": f"{percent(right / found.total)} of {found.total:,} correct",
        }
        figure = confusion_figure(confusion, digits.classes, palette, mute_diagonal=True, height=HEIGHT, **titles)
        with column:
            alt = f"Confusion matrix of {one.name}: true classes in rows, predicted ones in columns"
            render_chart(figure, key=f"confusion-{one.row.id}", alt=alt)
    colors = color(first.color, palette), color(second.color, palette)
    figure = difference_figure(found.confusion_difference, digits.classes, colors, palette, height=HEIGHT)
    with columns[2]:
        render_chart(figure, key="confusion-difference", alt="The second matrix minus the first")


def _render_disagreements(found: Comparison, digits: Digits, first: ComparedRun, second: ComparedRun) -> None:
    """The digits that the two models read differently, by which of them is right."""
    rows = found.disagreements
    right, also_right = (answers[rows] for answers in found.correct_masks)
    parts = {
        f"Only {first.name} is right": rows[right & ~also_right],
        f"Only {second.name} is right": rows[also_right & ~right],
        "Both are wrong": rows[~right & ~also_right],
    }
    st.markdown(f"**They disagree on {len(rows):,} of {found.total:,} digits**")
    if not len(rows):
        return
    parts = {f"{plain_text(title)}: {len(some):,}": some for title, some in parts.items() if len(some)}
    title = st.segmented_control(
        "Which model is right", list(parts), default=next(iter(parts)), required=True, key="right"
    )

    def tile(row: int) -> Tile:
        answers = [digits.classes[int(predictions[row])] for predictions in found.predictions]
        sure = " and ".join(probability(confidences[row]) for confidences in found.confidences)
        true = digits.classes[int(digits.labels[row])]
        others = ((f"{second.name}:", answers[1]),)
        return Tile(digits.images[row], true, answers[0], (f"{sure} sure",), f"{first.name}:", others)

    render_tiles(parts[title], tile, key="disagreements", count=SHEET)
