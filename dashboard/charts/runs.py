"""Charts of runs side by side, as Vega-Lite: curves over one another, bars of what came out, two models' difference.

A run's colour and dashes are in the data, so that the specification stays the same whatever runs are chosen.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

import numpy as np
import pandas as pd

from dashboard.charts.style import VEGA
from dashboard.charts.training import HOVER, LOSS_TITLES, thinned_rows
from dashboard.theme import Palette
from experiments.comparison import mean_and_band
from model.metrics import wilson_interval

Figure: TypeAlias = dict[str, Any]  # for st.vega_lite_chart

MOST = 10  # lines in one chart: more cannot be told apart
POINTS = 2400  # of all lines of a chart together
DECADES = 1.5  # values that span as many powers of ten get a logarithmic axis
TICKS = [float(f"{digit}e{power}") for power in range(-7, 10) for digit in (1, 3)]  # of a logarithmic axis
TICK = "datum.value < 10000 ? format(datum.value, '.4~g') : format(datum.value, '~s')"
DASHES = ((1, 0), (6, 3), (2, 2), (9, 2, 2, 2))  # colour is not the only sign
AGAINST = {"step": "Step", "epoch": "Epoch", "seconds": "Seconds of training"}
PARTS = {"validation": "Validation", "train": "Training"}


@dataclass(frozen=True)
class Quantity:
    """What is drawn: a column of the history, or one for each part of the digits.

    A share that is good is drawn as what is missing to 1 where the axis is logarithmic.
    """

    title: str
    axis: str
    tip: str
    parted: bool = False
    share: bool = False
    smooth: bool = True


QUANTITIES = {
    "loss": Quantity("Loss", LOSS_TITLES["cross-entropy"], ".4~g", parted=True),
    "accuracy": Quantity("Accuracy", "Images read correctly", ".2~%", parted=True, share=True),
    "learning_rate": Quantity("Learning rate", "Rate", ".3~g", smooth=False),
    "gradient_norm": Quantity("Gradient norm", "Length of the gradient", ".3~g"),
}


@dataclass(frozen=True, eq=False)
class Line:
    """One line of every chart: a run, or the runs that differ by their seed only, of which the mean is drawn."""

    name: str
    place: int  # 0 to 9: decides colour and dashes
    histories: tuple[pd.DataFrame, ...]


def color(place: int, palette: Palette) -> str:
    return palette.digits[place % len(palette.digits)]


def dash(place: int) -> tuple[int, ...]:
    return DASHES[place % len(DASHES)]


def sign(place: int, palette: Palette) -> str:
    """A short piece of a run's line as SVG, the same in tables, keys and charts."""
    dashes = " ".join(map(str, dash(place))) if dash(place) != (1, 0) else "none"
    stroke = f'stroke="{color(place, palette)}" stroke-width="4" stroke-dasharray="{dashes}"'
    line = f'<line x1="1" y1="8" x2="31" y2="8" {stroke}/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="16" viewBox="0 0 32 16">{line}</svg>'


def sign_image(place: int, palette: Palette) -> str:
    """The same as the address of an image, for the cell of a table."""
    return f"data:image/svg+xml;utf8,{quote(sign(place, palette))}"


# Curves.


def curve_points(
    lines: Sequence[Line], quantity: str, *, against: str, parts: Sequence[str], smoothing: float, palette: Palette
) -> pd.DataFrame:
    """Rows (name, color, dash, part, curve, x, value, raw, low, high), for `curves_figure`.

    `value` is smoothed, `raw` is not; `low` and `high` are the band of runs with several seeds, else nothing.
    """
    kinds = [(part, f"{part}_{quantity}") for part in parts] if QUANTITIES[quantity].parted else [("", quantity)]
    smoothing = smoothing if QUANTITIES[quantity].smooth else 0.0
    limit = max(50, POINTS // max(1, len(lines) * len(kinds)))
    numbers: dict[str, list[np.ndarray]] = {name: [] for name in ("x", "value", "raw", "low", "high")}
    looks: list[tuple[str, str, int, str, str]] = []
    # one table at last, and none for each line: that would take ten times as long
    for line in lines:
        for part, column in kinds:
            points = _points(line.histories, against, column, smoothing)
            rows = np.flatnonzero(points["x"] > 0)  # a logarithmic axis has no zero
            rows = rows[thinned_rows(len(rows), limit)]
            for name, values in points.items():
                numbers[name].append(values[rows])
            look = color(line.place, palette), line.place % len(DASHES)
            looks += [(line.name, *look, PARTS.get(part, ""), f"{line.place} {part}")] * len(rows)
    table = pd.DataFrame(looks, columns=["name", "color", "dash", "part", "curve"])
    return table.assign(**{name: np.concatenate(parts) if parts else [] for name, parts in numbers.items()})


def _points(histories: Sequence[pd.DataFrame], against: str, column: str, smoothing: float) -> dict[str, np.ndarray]:
    if len(histories) == 1:
        raw, x = (histories[0][name].to_numpy(float) for name in (column, against))
        there = ~np.isnan(raw)
        raw, nothing = raw[there], np.full(there.sum(), np.nan)
        return {"x": x[there], "value": smoothed(raw, smoothing), "raw": raw, "low": nothing, "high": nothing}
    table = mean_and_band([smoothed_table(table, column, smoothing) for table in histories], against, column)
    raw = mean_and_band(histories, against, column)["mean"]
    return {"x": table[against].to_numpy(), "value": table["mean"].to_numpy(), "raw": raw.to_numpy()} | {
        name: table[name].to_numpy() for name in ("low", "high")
    }


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Exponential moving average that starts at the first value: s <- weight s + (1 - weight) v, without its bias."""
    if not weight or not len(values):
        return values
    total, share, made = 0.0, 0.0, np.empty(len(values))
    for place, value in enumerate(values):
        total = weight * total + (1 - weight) * value
        share = weight * share + (1 - weight)
        made[place] = total / share
    return made


def smoothed_table(table: pd.DataFrame, column: str, weight: float) -> pd.DataFrame:
    rows = table.dropna(subset=[column])
    return rows.assign(**{column: smoothed(rows[column].to_numpy(), weight)})


def spans_decades(values: Iterable[float]) -> bool:
    """Whether values are so far apart that a linear axis would hide the small ones; zeros and less do not count."""
    array = np.asarray(list(values), float)
    array = array[array > 0]
    return len(array) > 1 and float(np.log10(array.max() / array.min())) > DECADES


def log_by_itself(points: pd.DataFrame, quantity: str) -> bool:
    """Whether a chart of these points is better logarithmic: an accuracy by how much is wrong.

    A schedule goes down to nothing whatever the settings: what counts is how high the rates of the runs go.
    """
    values = points["value"].dropna()
    if quantity == "learning_rate":
        return spans_decades(points.groupby("curve")["value"].max())
    if QUANTITIES[quantity].share:  # of one batch of training digits often all are right
        values = 1 - values[points["part"] != PARTS["train"]]
    return spans_decades(values)


def loss_axis(losses: Iterable[str]) -> str:
    """What the axis of runs with these losses is called."""
    titles = {LOSS_TITLES[loss] for loss in losses}
    return titles.pop() if len(titles) == 1 else "Loss, each of its own kind"


def lowest_rate(points: pd.DataFrame) -> float:
    """Where a logarithmic axis of rates ends below: a schedule that goes down to nothing would take all of it."""
    peaks = points.groupby("curve")["value"].max()
    return float(10 ** (np.floor(np.log10(peaks.min())) - 1)) if len(peaks) and peaks.min() > 0 else 1e-7


def curves_figure(
    points: pd.DataFrame,
    quantity: str,
    palette: Palette,
    *,
    against: str,
    log: bool,
    log_x: bool,
    faint: bool,
    axis: str = "",
) -> Figure:
    """The curves of `curve_points` over one another; `faint` draws what was not smoothed behind them.

    `axis` is the title of the vertical one, where it is not the usual.
    """
    what = QUANTITIES[quantity]
    title, axis, tip = what.title, axis or what.axis, what.tip
    columns = ["value", "raw", "low", "high"]
    if log:
        values = points[columns].astype(float)
        if what.share:
            title, axis, values = "Error rate", "Images read wrongly", 1 - values
            values[["low", "high"]] = values[["high", "low"]].to_numpy()
        positive = values["value"][values["value"] > 0]
        points = points.assign(**values.clip(lower=positive.min() / 2 if len(positive) else 1e-7))  # it has no zero
    y_axis = {"format": "~%" if what.share else ".4~g"}
    scale: dict[str, Any] = {"type": "log"} if log else {"zero": False}
    lowest = lowest_rate(points) if log and quantity == "learning_rate" else 0.0
    if lowest:
        scale["domainMin"] = lowest
        points = points[points["value"] >= lowest]
    # a point or a tick below the axis would take room from the chart
    ticks = {"values": [tick for tick in TICKS if tick >= lowest], "labelOverlap": "parity"}
    y_axis |= ticks | ({} if what.share else {"labelExpr": TICK}) if log else {"tickCount": 5}
    y = {"type": "quantitative", "scale": scale, "axis": y_axis, "title": axis}
    x_axis = {"grid": False, "tickCount": 5, "format": ",~f", "labelOverlap": True}
    x = {"field": "x", "type": "quantitative", "title": AGAINST[against], "axis": x_axis}
    x["scale"] = {"type": "log"} if log_x else {"zero": True, "nice": False}
    look = {
        "color": {"field": "color", "type": "nominal", "scale": None},
        "detail": {"field": "curve", "type": "nominal"},
    }
    strokes = [list(one) for one in DASHES]
    dashes = {"field": "dash", "type": "ordinal", "scale": {"domain": [0, 1, 2, 3], "range": strokes}, "legend": None}
    weights = {"condition": {"test": "datum.part == 'Training'", "value": 1.1}, "value": 2.2}
    tips = [
        {"field": "name", "title": "Run", "type": "nominal"},
        {"field": "part", "title": "Digits", "type": "nominal"},
        _tip("value", title, tip),
        _tip("x", AGAINST[against], ",.4~g"),
    ]
    return {
        "data": points,
        "height": 270,
        "title": title,
        "encoding": {"x": x},
        "layer": [
            {
                "transform": [{"filter": "isValid(datum.low)"}],
                "mark": {"type": "area", "opacity": 0.18, "aria": False},
                "encoding": look | {"y": y | {"field": "low"}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "line", "strokeWidth": 1, "opacity": 0.3 if faint else 0, "aria": False},
                "encoding": look | {"y": y | {"field": "raw"}},
            },
            {
                "mark": {"type": "line"},
                "encoding": look | {"y": y | {"field": "value"}, "strokeDash": dashes, "strokeWidth": weights},
            },
            HOVER | {"encoding": {"y": y | {"field": "value"}, "tooltip": tips}},
        ],
        "config": VEGA,
    }


# What came out.


@dataclass(frozen=True)
class Outcome:
    """The model that a run stands for, on its validation digits."""

    name: str
    place: int
    accuracy: float | None
    loss: float | None
    images: int


def accuracy_bars(outcomes: Sequence[Outcome], palette: Palette) -> Figure:
    """A bar for each run with its 95 % Wilson interval, the best first. The axis says where it starts."""
    known = [outcome for outcome in outcomes if outcome.accuracy is not None]
    bounds = [wilson_interval(round(outcome.accuracy * outcome.images), outcome.images) for outcome in known]
    table = _bars(known, [100 * outcome.accuracy for outcome in known], palette)
    table[["low", "high"]] = 100 * np.array(bounds).reshape(-1, 2)
    start = float(np.clip(10 * np.floor((table["low"].min() - 1) / 10), 0, 90)) if known else 0.0
    note = f", axis starts at {start:.0f} %" if start else ""
    scale = {"domain": [start, 100], "nice": False, "zero": False}
    x = {"type": "quantitative", "title": f"Read correctly (%){note}", "scale": scale, "axis": {"tickCount": 6}}
    interval = {
        "mark": {"type": "errorbar", "ticks": {"size": 8}, "color": palette.text, "thickness": 1.5},
        "encoding": {"x": x | {"field": "low"}, "x2": {"field": "high"}},
    }
    tips = [
        _tip("value", "Read correctly (%)", ".2f"),
        _tip("low", "95 % interval from (%)", ".2f"),
        _tip("high", "to (%)", ".2f"),
    ]
    title = "Best validation accuracy, with its 95 % interval"
    return _bars_figure(table.sort_values("value", ascending=False, kind="stable"), title, x, start, tips, interval)


def loss_bars(outcomes: Sequence[Outcome], palette: Palette) -> Figure:
    """A bar for each run, the lowest first."""
    known = [outcome for outcome in outcomes if outcome.loss is not None]
    table = _bars(known, [outcome.loss for outcome in known], palette).sort_values("value", kind="stable")
    x = {"type": "quantitative", "title": "Loss", "scale": {"zero": True}, "axis": {"tickCount": 5}}
    return _bars_figure(table, "Lowest validation loss", x, 0.0, [_tip("value", "Validation loss", ".4f")])


def _bars(outcomes: Sequence[Outcome], values: Sequence[float], palette: Palette) -> pd.DataFrame:
    names, colors = [one.name for one in outcomes], [color(one.place, palette) for one in outcomes]
    return pd.DataFrame({"name": names, "color": colors, "value": np.array(values, float)})


def _bars_figure(
    table: pd.DataFrame, title: str, x: dict[str, Any], start: float, tips: list[dict[str, Any]], *layers: Figure
) -> Figure:
    y = {"field": "name", "type": "nominal", "sort": None, "title": None, "axis": {"labelLimit": 200}}
    return {
        "data": table,
        "height": 90 + 32 * len(table),
        "title": title,
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "height": {"band": 0.6}},
                "encoding": {
                    "x": x | {"field": "value"},
                    "x2": {"datum": start},
                    "color": {"field": "color", "type": "nominal", "scale": None},
                    "tooltip": [{"field": "name", "title": "Run", "type": "nominal"}, *tips],
                },
            },
            *layers,
        ],
        "config": VEGA,
    }


# Two models.


def difference_figure(
    difference: np.ndarray, classes: tuple[str, ...], colors: tuple[str, str], palette: Palette
) -> Figure:
    """How many more images of each cell the second model has, in the colour of the model that does better there."""
    table = difference_cells(difference, classes)
    slanted = any(len(name) > 2 for name in classes)
    scale = {"domain": [-1, 0, 1], "range": [colors[0], palette.background, colors[1]], "interpolate": "lab"}
    x = {"field": "predicted", "type": "nominal", "sort": None, "title": "Predicted class"}
    tips = [
        {"field": "true", "title": "True class", "type": "nominal"},
        {"field": "predicted", "title": "Predicted class", "type": "nominal"},
        _tip("more", "More images with the second", "+,"),
    ]
    return {
        "data": table,
        "title": "Second minus first",
        "encoding": {
            "x": x | {"axis": {"labelAngle": -60 if slanted else 0, "labelOverlap": False}},
            "y": {"field": "true", "type": "nominal", "sort": None, "title": "True class"},
        },
        "layer": [
            {
                "mark": {"type": "rect", "stroke": palette.line},
                "encoding": {
                    "color": {"field": "gain", "type": "quantitative", "scale": scale, "legend": None},
                    "tooltip": tips,
                    "description": {"field": "description"},
                },
            },
            {
                "mark": {"type": "text", "fontSize": 12, "aria": False},
                "encoding": {
                    "text": {"field": "number"},
                    "color": {
                        "condition": {"test": "abs(datum.gain) > 0.6", "value": palette.background},
                        "value": palette.text,
                    },
                },
            },
        ],
        "config": VEGA,
    }


def difference_cells(difference: np.ndarray, classes: tuple[str, ...]) -> pd.DataFrame:
    """One row per cell. `gain` runs from -1, where the first model does better, to 1, where the second does."""
    true, predicted = np.indices(difference.shape).reshape(2, -1)
    more = difference.ravel()
    better = np.where(true == predicted, more, -more)  # more is better on the diagonal, and worse beside it
    names = np.array(classes)
    sentences = zip(more, names[true], names[predicted], strict=True)
    return pd.DataFrame(
        {
            "true": names[true],
            "predicted": names[predicted],
            "more": more,
            "gain": better / (np.abs(more).max() or 1),
            "number": [f"{count:+,}".replace("-", "−") if count else "" for count in more],
            "description": [f"{count:+,} of {name} taken for {answer}" for count, name, answer in sentences],
        }
    )


def _tip(column: str, title: str, number: str) -> dict[str, str]:
    return {"field": column, "title": title, "type": "quantitative", "format": number}
