"""Run curves: loss, accuracy, learning rate and gradient norm of several runs over one another.

The colour and dashes of a run are in the data, so that other runs change the data only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from dashboard.charts.training import LOSS_TITLES, thinned_rows
from dashboard.charts.vega_marks import NEAREST, VegaFigure, layer, numbers, tip, vega_figure
from dashboard.theme import Palette
from experiments.comparison import mean_and_band

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
    """A column of the history that is drawn, or one for each part of the digits.

    On a logarithmic axis an accuracy is drawn as its error rate.
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
    """One line of every chart: a run, or the mean of runs that differ by their seed only."""

    name: str
    place: int  # 0 to 9: decides colour and dashes
    histories: tuple[pd.DataFrame, ...]


def color(place: int, palette: Palette) -> str:
    """The colour of the run with this place."""
    return palette.digits[place % len(palette.digits)]


def sign(place: int, palette: Palette) -> str:
    """A short piece of a run's line as SVG, the same in tables, keys and charts."""
    dash = DASHES[place % len(DASHES)]
    dashes = " ".join(map(str, dash)) if dash != (1, 0) else "none"
    stroke = f'stroke="{color(place, palette)}" stroke-width="4" stroke-dasharray="{dashes}"'
    line = f'<line x1="1" y1="8" x2="31" y2="8" {stroke}/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" width="32" height="16" viewBox="0 0 32 16">{line}</svg>'


def sign_image(place: int, palette: Palette) -> str:
    """The same as the address of an image, for the cell of a table."""
    return f"data:image/svg+xml;utf8,{quote(sign(place, palette))}"


def curve_points(
    lines: Sequence[Line], quantity: str, *, against: str, parts: Sequence[str], smoothing: float, palette: Palette
) -> pd.DataFrame:
    """Rows (name, color, dash, part, curve, x, value, raw, low, high), for `curves_figure`.

    `value` is smoothed, `raw` is not; `low` and `high` are the band of runs with several seeds,
    else nothing.
    """
    kinds = [(part, f"{part}_{quantity}") for part in parts] if QUANTITIES[quantity].parted else [("", quantity)]
    smoothing = smoothing if QUANTITIES[quantity].smooth else 0.0
    limit = max(50, POINTS // max(1, len(lines) * len(kinds)))
    columns: dict[str, list[np.ndarray]] = {name: [] for name in ("x", "value", "raw", "low", "high")}
    looks: list[tuple[str, str, int, str, str]] = []
    # one table at the end instead of one for each line, which would take ten times as long
    for line in lines:
        for part, column in kinds:
            points = _points(line.histories, against, column, smoothing)
            rows = np.flatnonzero(points["x"] > 0)  # a logarithmic axis has no zero
            rows = rows[thinned_rows(len(rows), limit)]
            for name, values in points.items():
                columns[name].append(values[rows])
            look = color(line.place, palette), line.place % len(DASHES)
            looks += [(line.name, *look, PARTS.get(part, ""), f"{line.place} {part}")] * len(rows)
    table = pd.DataFrame(looks, columns=["name", "color", "dash", "part", "curve"])
    return table.assign(**{name: np.concatenate(parts) if parts else [] for name, parts in columns.items()})


def _points(histories: Sequence[pd.DataFrame], against: str, column: str, smoothing: float) -> dict[str, np.ndarray]:
    if len(histories) == 1:
        rows = histories[0].dropna(subset=[column])
        raw, nothing = rows[column].to_numpy(float), np.full(len(rows), np.nan)
        value = smoothed(raw, smoothing)
        return {"x": rows[against].to_numpy(float), "value": value, "raw": raw, "low": nothing, "high": nothing}
    table = mean_and_band([smoothed_table(table, column, smoothing) for table in histories], against, column)
    raw = mean_and_band(histories, against, column)["mean"].to_numpy()
    low, high = table["low"].to_numpy(), table["high"].to_numpy()
    return {"x": table[against].to_numpy(), "value": table["mean"].to_numpy(), "raw": raw, "low": low, "high": high}


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Exponential moving average without bias; the `weight` of the past is 0 to 1."""
    return pd.Series(values).ewm(alpha=1 - weight).mean().to_numpy() if weight else values


def smoothed_table(table: pd.DataFrame, column: str, weight: float) -> pd.DataFrame:
    """The table with one column smoothed, without the rows where it is empty."""
    rows = table.dropna(subset=[column])
    return rows.assign(**{column: smoothed(rows[column].to_numpy(), weight)})


def spans_decades(values: Iterable[float]) -> bool:
    """Whether a linear axis would hide the smallest of the positive values."""
    array = np.asarray(list(values), float)
    array = array[array > 0]
    return len(array) > 1 and float(np.log10(array.max() / array.min())) > DECADES


def log_by_itself(points: pd.DataFrame, quantity: str) -> bool:
    """Whether a chart of these points is better logarithmic: an accuracy by how much is wrong.

    Schedules end close to 0 with all settings, so only the highest rate of each run counts.
    """
    values = points["value"].dropna()
    if quantity == "learning_rate":
        return spans_decades(points.groupby("curve")["value"].max())
    if QUANTITIES[quantity].share:  # of one batch of training digits often all are right
        values = 1 - values[points["part"] != PARTS["train"]]
    return spans_decades(values)


def loss_axis(losses: Iterable[str]) -> str:
    """The title of the axis of runs with these losses."""
    titles = {LOSS_TITLES[loss] for loss in losses}
    return titles.pop() if len(titles) == 1 else "Loss, each of its own kind"


def lowest_rate(points: pd.DataFrame) -> float:
    """The lower end of a logarithmic axis of rates, as schedules may end close to 0."""
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
    title: str = "",
) -> VegaFigure:
    """The curves of `curve_points` over one another; `faint` draws the unsmoothed ones behind them.

    `axis` (of the values) and `title` replace the usual ones.
    """
    what = QUANTITIES[quantity]
    name, axis = what.title, axis or what.axis
    if log:
        points = _positive(points, share=what.share)
        name, axis = ("Error rate", "Images read wrongly") if what.share else (name, axis)
    lowest = lowest_rate(points) if log and quantity == "learning_rate" else 0.0
    # a point or a tick below the axis would take room from the chart
    points = points[~(points["value"] < lowest)]
    x = numbers("x", AGAINST[against], scale={"type": "log"} if log_x else {"zero": True, "nice": False})
    x["axis"] = {"grid": False, "tickCount": 5, "format": ",~f", "labelOverlap": True}

    def y(field: str) -> dict[str, Any]:
        return {"y": numbers(field, axis, **_y_axis(log=log, share=what.share, lowest=lowest))}

    look = {"color": {"field": "color", "type": "nominal", "scale": None}}
    look |= {"detail": {"field": "curve", "type": "nominal"}}
    strokes = {"domain": list(range(len(DASHES))), "range": [list(dash) for dash in DASHES]}
    dashes = {"strokeDash": {"field": "dash", "type": "ordinal", "scale": strokes, "legend": None}}
    weights = {"strokeWidth": {"condition": {"test": "datum.part == 'Training'", "value": 1.1}, "value": 2.2}}
    tips = [tip("name", "Run"), tip("part", "Digits"), tip("value", name, what.tip), tip("x", x["title"], ",.4~g")]
    layers = [
        layer("isValid(datum.low)", {"type": "area", "opacity": 0.18}, look | y("low") | {"y2": {"field": "high"}}),
        layer("true", {"type": "line", "strokeWidth": 1, "opacity": 0.3 if faint else 0}, look | y("raw")),
        {"mark": {"type": "line"}, "encoding": look | y("value") | dashes | weights},
        NEAREST | {"encoding": y("value") | {"tooltip": tips}},
    ]
    return vega_figure(points, palette, layers, title=title or name, height=270, encoding={"x": x})


def _positive(points: pd.DataFrame, *, share: bool) -> pd.DataFrame:
    """The points for a logarithmic axis, which has no zero: a share becomes 1 - share."""
    values = points[["value", "raw", "low", "high"]].astype(float)
    if share:
        values = 1 - values
        values[["low", "high"]] = values[["high", "low"]].to_numpy()
    positive = values["value"][values["value"] > 0]
    return points.assign(**values.clip(lower=positive.min() / 2 if len(positive) else 1e-7))


def _y_axis(*, log: bool, share: bool, lowest: float) -> dict[str, Any]:
    """Scale and axis of the values; a logarithmic one starts at `lowest`, unless that is 0."""
    label = {"format": "~%" if share else ".4~g"}
    if not log:
        return {"scale": {"zero": False}, "axis": label | {"tickCount": 5}}
    label |= {} if share else {"labelExpr": TICK}
    ticks = {"values": [tick for tick in TICKS if tick >= lowest], "labelOverlap": "parity"}
    return {"scale": {"type": "log"} | ({"domainMin": lowest} if lowest else {}), "axis": label | ticks}
