"""Charts of an evaluation, as Vega-Lite: the confusion matrix and how well each class is recognised."""

from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from dashboard.charts.cells import cell_layers
from dashboard.charts.style import VEGA
from dashboard.theme import Palette
from model.metrics import precision_recall_f1, wilson_interval

Figure: TypeAlias = dict[str, Any]  # for st.vega_lite_chart

MEASURES = {"count": "Counts", "row": "Row %", "column": "Column %"}
UNITS = {"count": "images", "row": "% of each true class", "column": "% of each predicted class"}


def confusion_figure(
    confusion: np.ndarray,
    classes: tuple[str, ...],
    palette: Palette,
    *,
    measure: str = "count",
    mute_diagonal: bool = False,
    picked: tuple[int, int] | None = None,
) -> Figure:
    """Rows are true classes, columns predicted ones. Clicking a cell selects it; `picked` is outlined.

    What is picked, muted or counted changes the data only, so the chart on the screen stays.
    """
    slanted = any(len(name) > 2 for name in classes)
    shades = {"domain": [0, 1], "range": list(palette.sequential), "interpolate": "rgb"}
    fill = {
        "condition": {"test": "datum.muted", "value": palette.surface},
        "field": "shade",
        "type": "quantitative",
        "scale": shades,
        "legend": None,
    }
    ink = {
        "condition": [
            {"test": "datum.muted", "value": palette.muted},
            {"test": "datum.shade > 0.45", "value": palette.background},
        ],
        "value": palette.text,
    }
    tips = [
        _tip("true", "True class"),
        _tip("predicted", "Predicted class"),
        _tip("images", "Images", ","),
        _tip("row", "Of its row", ".2%"),
        _tip("column", "Of its column", ".2%"),
    ]
    # sort None: in the order of the data, which is that of the classes
    x = {"field": "predicted", "type": "nominal", "sort": None, "title": "Predicted class"}
    y = {"field": "true", "type": "nominal", "sort": None, "title": "True class"}
    return {
        "data": confusion_cells(confusion, classes, measure=measure, mute_diagonal=mute_diagonal, picked=picked),
        "height": 480,
        "title": f"Confusion matrix ({UNITS[measure]})",
        "encoding": {"x": x | {"axis": {"labelAngle": -60 if slanted else 0, "labelOverlap": False}}, "y": y},
        "layer": cell_layers(["true", "predicted"], fill, ink, tips, palette),
        "config": VEGA,
    }


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


def accuracy_figure(confusion: np.ndarray, classes: tuple[str, ...], palette: Palette) -> Figure:
    """A bar per class with its 95 % interval. The axis starts where differences can be seen, and says where."""
    rows = class_accuracies(confusion, classes)
    start = float(np.clip(10 * np.floor((rows["low"].min() - 1) / 10), 0, 90))
    note = f", axis starts at {start:.0f} %" if start else ""
    x = {
        "type": "quantitative",
        "title": f"Recognised (%){note}",
        "scale": {"domain": [start, 100], "nice": False, "zero": False},
        "axis": {"values": list(np.arange(start, 101, 2 if start == 90 else 10 if start else 20))},
    }
    tips = [
        _tip("label", "Class"),
        _tip("low", "95 % interval from (%)", ".1f"),
        _tip("high", "to (%)", ".1f"),
        _tip("right", "Recognised", ","),
        _tip("images", "Images", ","),
    ]
    return {
        "data": rows,
        "height": 38 * len(rows),
        "title": "Accuracy of each class, with its 95 % interval",
        "encoding": {
            "y": {
                "field": "label",
                "type": "nominal",
                "sort": None,
                "title": "True class",
                "axis": {"labelOverlap": False},
            }
        },
        "layer": [
            {
                "mark": {"type": "bar", "color": palette.sequential[3], "height": {"band": 0.65}},
                "encoding": {"x": x | {"field": "accuracy"}, "x2": {"datum": start}, "tooltip": tips},
            },
            {
                "mark": {"type": "errorbar", "ticks": {"size": 8}, "color": palette.text, "thickness": 1.5},
                "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
        ],
        "config": VEGA,
    }


def class_accuracies(confusion: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """Accuracy in percent with its Wilson interval, of each class that occurs."""
    right, images = np.diag(confusion), confusion.sum(axis=1)
    rows = []
    for name, hits, total in zip(classes, right.tolist(), images.tolist(), strict=True):
        if total:
            accuracy, (low, high) = 100 * hits / total, wilson_interval(hits, total)
            # the value stands beside the name: in the bar it would lie under the interval
            rows.append((f"{name}: {accuracy:.1f} %", accuracy, 100 * low, 100 * high, hits, total))
    return pd.DataFrame(rows, columns=["label", "accuracy", "low", "high", "right", "images"])


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


def _tip(column: str, title: str, number: str | None = None) -> dict[str, Any]:
    kind = {"type": "quantitative", "format": number} if number else {"type": "nominal"}
    return {"field": column, "title": title} | kind
