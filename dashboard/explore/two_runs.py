"""Two runs: whether one model reads digits better than the other, where they differ, and on which digits."""

import streamlit as st

from dashboard.charts.confusion import confusion_figure, difference_figure
from dashboard.charts.images import Tile
from dashboard.charts.plotly_marks import plain
from dashboard.charts.run_curves import color
from dashboard.components import resources
from dashboard.components.chart import render_chart
from dashboard.components.evaluation import evaluation, training_overlap
from dashboard.components.image_sheet import render_tiles
from dashboard.explore.chosen_runs import Chosen
from dashboard.session import state
from dataset import DataError, Digits
from experiments.comparison import Comparison, ComparisonError, of_probabilities
from experiments.formats import probability
from experiments.runs.run import RunError
from model import CheckpointError, Classifier

VALIDATION, TEST = "Validation digits", "Test digits"
SHEET = 24  # images at a time
HEIGHT = 480  # of a matrix


def render_two(first: Chosen, second: Chosen) -> None:
    st.subheader("Where the two models differ", anchor=False)
    try:
        models = [resources.classifier(one.row.id) for one in (first, second)]
        digits = choose_digits(first, second)
    except (RunError, CheckpointError, DataError, ComparisonError) as error:
        st.info(str(error))
        return
    if any(model.classes != digits.classes for model in models):
        st.info("The two models tell other things apart, so there are no digits to compare them on.")
        return
    warn(first, second, models, digits)
    answers = [evaluation(model, digits).probabilities for model in models]
    found = of_probabilities(digits.labels, *answers)
    st.markdown(found.verdict(f"**{escaped(first.name)}**", f"**{escaped(second.name)}**"))
    render_matrices(found, digits, first, second)
    render_disagreements(found, digits, first, second)


def warn(first: Chosen, second: Chosen, models: list[Classifier], digits: Digits) -> None:
    """Where one of the two may have learnt from the digits on which they are compared."""
    configs = [one.row.config for one in (first, second)]
    if configs[0].data == configs[1].data and not any(config.start_from for config in configs):
        return
    for one, model in zip((first, second), models, strict=True):
        seen = training_overlap(model, digits)
        if seen:
            st.warning(f"{one.name} was trained on {seen:,} of these {len(digits):,} digits: it may remember them.")


def escaped(name: str) -> str:
    """A name that people gave, not taken for Markdown."""
    return "".join(f"\\{sign}" if sign in r"\`*_{}[]<>()#+-.!|~$:" else sign for sign in name)


def choose_digits(first: Chosen, second: Chosen) -> Digits:
    """Those that neither run learnt from: what both were watched with, or the test digits of their source."""
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


def render_matrices(found: Comparison, digits: Digits, first: Chosen, second: Chosen) -> None:
    """Both confusion matrices, and what the second has more of."""
    palette = state.palette()
    columns = st.columns(3)
    for column, one, confusion, right in zip(columns, (first, second), found.confusions, found.correct, strict=False):
        share = f"{100 * right / found.total:.1f} % of {found.total:,} right"
        titles = {"title": plain(one.name), "subtitle": share}
        figure = confusion_figure(confusion, digits.classes, palette, mute_diagonal=True, height=HEIGHT, **titles)
        alt = f"Confusion matrix of {one.name}: true classes in rows, predicted ones in columns"
        with column:
            render_chart(figure, key=f"confusion-{one.row.id}", alt=alt)
    colors = color(first.place, palette), color(second.place, palette)
    figure = difference_figure(found.confusion_difference, digits.classes, colors, palette, height=HEIGHT)
    with columns[2]:
        render_chart(figure, key="confusion-difference", alt="The second matrix minus the first")


def render_disagreements(found: Comparison, digits: Digits, first: Chosen, second: Chosen) -> None:
    """The digits that the two read differently, by who is right."""
    rows = found.disagreements
    right, also_right = (answers[rows] for answers in found.right)
    parts = {
        f"Only {first.name} is right": rows[right & ~also_right],
        f"Only {second.name} is right": rows[also_right & ~right],
        "Both are wrong": rows[~right & ~also_right],
    }
    st.markdown(f"**They disagree on {len(rows):,} of {found.total:,} digits**")
    if not len(rows):
        return
    parts = {f"{title}: {len(some):,}": some for title, some in parts.items() if len(some)}
    title = st.segmented_control("Who is right", list(parts), default=next(iter(parts)), required=True, key="right")

    def tile(row: int) -> Tile:
        answers = [digits.classes[int(predictions[row])] for predictions in found.predictions]
        sure = " and ".join(probability(confidences[row]) for confidences in found.confidences)
        true = digits.classes[int(digits.labels[row])]
        others = ((f"{second.name}:", answers[1]),)
        return Tile(digits.images[row], true, answers[0], (f"{sure} sure",), f"{first.name}:", others)

    render_tiles(parts[title], tile, key="disagreements", count=SHEET)
