"""Confusion: the classes that a model confuses, and its accuracy on each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dashboard.charts.plotly_marks import (
    DARK_FROM,
    cell_grid_figure,
    hover,
    interval_bars_figure,
    percent_axis,
    signed_colors,
)
from dashboard.charts.style import color_scale
from dashboard.theme import Palette
from model.metrics import precision_recall_f1, wilson_interval

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler
    from plotly.graph_objects import Figure as PlotlyFigure

MEASURES = {"count": "Counts", "row": "Row %", "column": "Column %"}
UNITS = {"count": "images", "row": "% of each true class", "column": "% of each predicted class"}
CELL = ("True class: {row}", "Predicted class: {column}")  # of a hover text


def confusion_figure(
    confusion: np.ndarray,
    classes: tuple[str, ...],
    palette: Palette,
    *,
    measure: str = "count",
    mute_diagonal: bool = False,
    picked: tuple[int, int] | None = None,
    height: int = 560,
    title: str = "",
    subtitle: str = "",
) -> PlotlyFigure:
    """Rows are true classes, columns predicted ones.

    A click on a cell returns [true, predicted] as class numbers. `picked` is outlined; `title`
    replaces the usual one.
    """
    cells = confusion_cells(confusion, classes, measure=measure, mute_diagonal=mute_diagonal)
    ink = np.where(cells["shade"] > DARK_FROM, palette.background, palette.text)
    shares = "{row_share:.2%} of its row, {column_share:.2%} of its column"
    return cell_grid_figure(
        cells.assign(ink=np.where(cells["shade"] < 0, palette.muted, ink)),
        palette,
        texts=hover(cells, *CELL, "Images: {images:,}", shares),
        colors=signed_colors(palette.surface, color_scale(palette.sequential)),
        values=[divmod(number, len(classes)) for number in range(len(cells))],
        picked=[] if picked is None else [picked[0] * len(classes) + picked[1]],
        height=height,
        title=title or f"Confusion matrix ({UNITS[measure]})",
        subtitle=subtitle,
        **class_axes(classes),
    )


def class_axes(classes: tuple[str, ...]) -> dict[str, Any]:
    """The axes of a matrix of true and predicted classes; long names are slanted."""
    angle = -60 if any(len(name) > 2 for name in classes) else 0
    return {"across": "Predicted class", "down": "True class", "angle": angle}


def class_cells(matrix: np.ndarray, classes: tuple[str, ...]) -> tuple[pd.DataFrame, np.ndarray]:
    """One row (row, column) per cell, and whether each lies on the diagonal."""
    row, column = np.indices(matrix.shape).reshape(2, -1)
    return pd.DataFrame({"row": np.array(classes)[row], "column": np.array(classes)[column]}), row == column


def confusion_cells(
    confusion: np.ndarray, classes: tuple[str, ...], *, measure: str, mute_diagonal: bool
) -> pd.DataFrame:
    """Rows (row, column, images, row_share, column_share, text, shade: -1 where muted)."""
    shares = {"row": _share(confusion, axis=1), "column": _share(confusion, axis=0)}
    shown = shares.get(measure, confusion.astype(float)).ravel()
    cells, diagonal = class_cells(confusion, classes)
    muted = diagonal & mute_diagonal
    most = np.max(shown, where=~muted, initial=0) or 1
    as_text = "{:,.0f}".format if measure == "count" else percent
    return cells.assign(
        images=confusion.ravel(),
        row_share=shares["row"].ravel(),
        column_share=shares["column"].ravel(),
        # an empty cell stays empty: a hundred zeros would hide the rest
        text=[as_text(value) if value else "" for value in shown.tolist()],
        shade=np.where(muted, -1, shown / most),
    )


def difference_figure(
    difference: np.ndarray, classes: tuple[str, ...], colors: tuple[str, str], palette: Palette, *, height: int = 480
) -> PlotlyFigure:
    """The second confusion matrix minus the first, in the colour of the better model."""
    cells = difference_cells(difference, classes)
    return cell_grid_figure(
        cells.assign(ink=np.where(cells["shade"].abs() > 0.6, palette.background, palette.text)),
        palette,
        texts=hover(cells, *CELL, "More images with the second: {more:+,}"),
        colors=color_scale((colors[0], palette.background, colors[1])),
        title="Second minus first",
        subtitle="In the colour of the model that does better there",
        height=height,
        **class_axes(classes),
    )


def difference_cells(difference: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """One row per cell.

    `shade` runs from -1, where the first model does better, to 1, where the second does.
    """
    cells, diagonal = class_cells(difference, classes)
    more = difference.ravel()
    better = np.where(diagonal, more, -more)  # more is better on the diagonal, and worse off it
    texts = [f"{count:+,}".replace("-", "−") if count else "" for count in more]
    return cells.assign(more=more, shade=better / (np.abs(more).max() or 1), text=texts)


def class_accuracy_figure(confusion: np.ndarray, classes: tuple[str, ...], palette: Palette) -> PlotlyFigure:
    """A bar per class with its 95 % interval.

    The axis starts where differences can be seen, and says where.
    """
    rows = class_accuracies(confusion, classes)
    lines = ("Recognised: {right:,} of {images:,}", "95 % interval: {low:.1f} to {high:.1f} %")
    return interval_bars_figure(
        rows.assign(color=palette.sequential[3]),
        palette,
        x=percent_axis("Recognised", rows["low"]),
        y_title="True class",
        texts=hover(rows, *lines),
        title="Accuracy of each class, with its 95 % interval",
    )


def class_accuracies(confusion: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Accuracy (value) with its Wilson interval (low, high) of each class, in percent."""
    rows = []
    for name, right, total in zip(classes, np.diag(confusion).tolist(), confusion.sum(axis=1).tolist(), strict=True):
        if total:
            accuracy, (low, high) = 100 * right / total, wilson_interval(right, total)
            # the value is next to the name: in the bar the interval would cover it
            rows.append((f"{name}: {accuracy:.1f} %", accuracy, 100 * low, 100 * high, right, total))
    return pd.DataFrame(rows, columns=["name", "value", "low", "high", "right", "images"])


def measures_table(confusion: np.ndarray, classes: tuple[str, ...]) -> Styler:
    """Precision, recall, F1 and number of images of each class; undefined: a dash."""
    called, occurring = confusion.sum(axis=0), confusion.sum(axis=1)
    defined = {"Precision": called > 0, "Recall": occurring > 0, "F1": called + occurring > 0}
    values = zip(defined, precision_recall_f1(confusion), strict=True)
    shares = {name: np.where(defined[name], share, np.nan) for name, share in values}
    table = pd.DataFrame({**shares, "Images": occurring}, index=pd.Index(classes)).style
    table.format(lambda share: f"{percent(share)} %", subset=list(shares), na_rep="–")
    return table.format("{:,}", subset=["Images"])


def percent(share: Any) -> str:
    """A share in percent that fits into a cell: 98.9, 0.3, <0.1.

    Only all of them are 100, and only none is 0.
    """
    if share in (0, 1):
        return f"{100 * share:.0f}"
    return "<0.1" if share < 0.0005 else f"{min(100 * share, 99.9):.1f}"


def _share(confusion: np.ndarray, axis: int) -> np.ndarray:
    """The counts over the sum of their row (axis 1) or column (axis 0); 0 where that is empty."""
    shares: np.ndarray = confusion / np.maximum(1, confusion.sum(axis=axis, keepdims=True))
    return shares
