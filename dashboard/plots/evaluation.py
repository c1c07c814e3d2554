"""Charts of an evaluation: the confusion matrix and how well each class is recognised."""

import altair as alt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
from pandas.io.formats.style import Styler

from dashboard.plots.style import styled
from dashboard.theme import Palette
from model.metrics import precision_recall_f1, wilson_interval

CELL = "cell"  # the selection of the confusion chart: {"true": name, "predicted": name}
MEASURES = {"count": "Counts", "row": "Row %", "column": "Column %"}
UNITS = {"count": "images", "row": "% of each true class", "column": "% of each predicted class"}


def confusion_chart(
    confusion: np.ndarray,
    classes: tuple[str, ...],
    palette: Palette,
    *,
    measure: str = "count",
    mute_diagonal: bool = False,
    picked: tuple[int, int] | None = None,
) -> alt.LayerChart:
    """Rows are true classes, columns predicted ones. Clicking a cell selects it; `picked` is outlined."""
    cells = confusion_cells(confusion, classes, measure=measure, mute_diagonal=mute_diagonal, picked=picked)
    slanted = any(len(name) > 2 for name in classes)
    base = alt.Chart(cells).encode(
        x=alt.X(
            "predicted:N",
            sort=list(classes),
            title="Predicted class",
            axis=alt.Axis(labelAngle=-60 if slanted else 0, labelOverlap=False),
        ),
        y=alt.Y("true:N", sort=list(classes), title="True class"),
    )
    fill = alt.Color(
        "shade:Q", scale=alt.Scale(domain=[0, 1], range=list(palette.sequential), interpolate="rgb"), legend=None
    )
    squares = (
        base.mark_rect(stroke=palette.line, cursor="pointer")
        .encode(
            color=alt.when("datum.muted").then(alt.value(palette.surface)).otherwise(fill),
            description="description:N",
            tooltip=[
                alt.Tooltip("true", title="True"),
                alt.Tooltip("predicted", title="Predicted"),
                alt.Tooltip("images", title="Images", format=","),
                alt.Tooltip("row", title="Of its row", format=".2%"),
                alt.Tooltip("column", title="Of its column", format=".2%"),
            ],
        )
        .add_params(alt.selection_point(name=CELL, fields=["true", "predicted"], toggle=False, clear=False))
        .properties(name="squares")
    )
    numbers = base.mark_text(fontSize=12, aria=False).encode(
        text="number:N",
        color=alt.when("datum.muted")
        .then(alt.value(palette.muted))
        .when("datum.shade > 0.45")
        .then(alt.value(palette.background))
        .otherwise(alt.value(palette.text)),
    )
    outline = base.mark_rect(filled=False, stroke=palette.validation, strokeWidth=3, aria=False).transform_filter(
        "datum.picked"
    )
    return (squares + numbers + outline).properties(
        title=f"Confusion matrix ({UNITS[measure]})", height=480, background=palette.background
    )


def confusion_cells(
    confusion: np.ndarray,
    classes: tuple[str, ...],
    *,
    measure: str,
    mute_diagonal: bool,
    picked: tuple[int, int] | None,
) -> pd.DataFrame:
    """One row per cell. Everything that changes is in here, so that the chart is updated in place, not drawn anew."""
    shares = {"row": _share(confusion, axis=1), "column": _share(confusion, axis=0)}
    shown = shares.get(measure, confusion.astype(float))
    true, predicted = np.indices(confusion.shape).reshape(2, -1)
    muted = (true == predicted) & mute_diagonal
    most = np.max(shown.ravel(), where=~muted, initial=0) or 1
    as_text = "{:,.0f}".format if measure == "count" else percent
    names, images = np.array(classes), confusion.ravel()
    sentences = zip(images, names[true], names[predicted], strict=True)
    return pd.DataFrame(
        {
            "true": names[true],
            "predicted": names[predicted],
            "images": images,
            "description": [f"{count:,} of {name} taken for {answer}" for count, name, answer in sentences],
            "row": shares["row"].ravel(),
            "column": shares["column"].ravel(),
            # an empty cell stays empty: a hundred zeros would hide the rest
            "number": [as_text(value) if value else "" for value in shown.ravel()],
            "shade": np.where(muted, 0, shown.ravel() / most),
            "muted": muted,
            "picked": [(row, column) == picked for row, column in zip(true, predicted, strict=True)],
        }
    )


def accuracy_figure(confusion: np.ndarray, classes: tuple[str, ...], palette: Palette) -> go.Figure:
    """A bar per class with its 95 % interval. The axis starts where differences can be seen, and says where."""
    right, total = np.diag(confusion), confusion.sum(axis=1)
    occurring = np.flatnonzero(total)[::-1]  # Plotly's axis runs upwards; the first class belongs on top
    right, total = right[occurring], total[occurring]
    share = 100 * right / total
    low, high = (
        100 * np.array([wilson_interval(int(hits), int(all_)) for hits, all_ in zip(right, total, strict=True)]).T
    )
    start = float(np.clip(10 * np.floor((low.min() - 1) / 10), 0, 90))
    bars = go.Bar(
        # the value stands beside the name: in the bar it would be under the interval
        y=[f"{classes[k]}: {value:.1f} %" for k, value in zip(occurring, share, strict=True)],
        x=share - start,
        base=start,
        orientation="h",
        marker={"color": palette.accent},
        error_x={
            "array": high - share,
            "arrayminus": share - low,
            "color": palette.text,
            "thickness": 1.5,
            "width": 4,
        },
        customdata=np.stack([low, high, right, total], axis=1),
        hovertemplate="<b>%{y}</b><br>95 % interval: %{customdata[0]:.1f} to %{customdata[1]:.1f} %"
        "<br>%{customdata[2]:,} of %{customdata[3]:,} images<extra></extra>",
    )
    note = f", axis starts at {start:.0f} %" if start else ""
    figure = styled(
        go.Figure(bars), palette, title="Accuracy of each class", x=f"Recognised (%){note}", y="True class", height=440
    )
    figure.update_xaxes(range=[start, 100], dtick=2 if start == 90 else 10)
    figure.update_yaxes(type="category", showgrid=False)
    return figure.update_layout(margin_r=24)  # half of the last tick's "100"


def measures_table(confusion: np.ndarray, classes: tuple[str, ...]) -> Styler:
    """Precision, recall and F1 of each class, a dash where they are undefined, and how many images of it there were."""
    called, occurring = confusion.sum(axis=0), confusion.sum(axis=1)
    defined = {"Precision": called > 0, "Recall": occurring > 0, "F1": called + occurring > 0}
    values = zip(defined, precision_recall_f1(confusion), strict=True)
    shares = {name: np.where(defined[name], share, np.nan) for name, share in values}
    table = pd.DataFrame({**shares, "Images": occurring}, index=pd.Index(classes))
    return table.style.format(lambda share: f"{percent(share)} %", subset=list(shares), na_rep="–").format(
        "{:,}", subset=["Images"]
    )


def percent(share: float) -> str:
    """A share in percent that fits into a cell: 98.9, 0.3, <0.1. Only all of them are 100, and only none is 0."""
    if share in (0, 1):
        return f"{100 * share:.0f}"
    return "<0.1" if share < 0.0005 else f"{min(100 * share, 99.9):.1f}"


def _share(confusion: np.ndarray, axis: int) -> np.ndarray:
    """The counts over the sum of their row (axis 1) or column (axis 0); 0 where that is empty."""
    total = confusion.sum(axis=axis, keepdims=True)
    return np.divide(confusion, total, out=np.zeros(confusion.shape), where=total > 0)
