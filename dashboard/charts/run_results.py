"""Run results: bars of the best validation accuracy and loss of several runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from dashboard.charts.plotly_marks import fixed, hover, interval_bars_figure, percent_axis, plain
from dashboard.charts.run_curves import color
from dashboard.theme import Palette
from model.metrics import wilson_interval

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

LONG = 24  # letters; longer names are cut in the middle, since names often differ at the end


@dataclass(frozen=True)
class Outcome:
    """The score of a run on its validation digits."""

    name: str
    place: int
    accuracy: float | None
    loss: float | None
    images: int


def accuracy_bars(outcomes: Sequence[Outcome], palette: Palette) -> PlotlyFigure:
    """A bar for each run with its 95 % Wilson interval, the best first.

    The axis says where it starts.
    """
    rows = _rows(outcomes, "accuracy", palette).sort_values("value", ascending=False, kind="stable")
    ends = [wilson_interval(round(share * n), n) for share, n in zip(rows["value"], rows["images"], strict=True)]
    rows = rows.assign(
        value=100 * rows["value"], low=[100 * low for low, _ in ends], high=[100 * high for _, high in ends]
    )
    texts = hover(rows, "{run}", "Read correctly: {value:.2f} %", "95 % interval: {low:.2f} to {high:.2f} %")
    title, x = "Best validation accuracy, with its 95 % interval", percent_axis("Read correctly", rows["low"])
    return interval_bars_figure(rows, palette, x=x, texts=texts, title=title)


def loss_bars(outcomes: Sequence[Outcome], palette: Palette) -> PlotlyFigure:
    """A bar for each run, the lowest first."""
    rows = _rows(outcomes, "loss", palette).sort_values("value", kind="stable")
    texts = hover(rows, "{run}", "Validation loss: {value:.4f}")
    x = fixed("Loss", rangemode="tozero", nticks=6)
    return interval_bars_figure(rows, palette, x=x, texts=texts, title="Lowest validation loss")


def _rows(outcomes: Sequence[Outcome], score: str, palette: Palette) -> pd.DataFrame:
    """Rows (run, name, value, images, color) of the runs that have this score."""
    rows = []
    for number, one in enumerate(outcomes):
        short = one.name if len(one.name) <= LONG else f"{one.name[: LONG - 9]}…{one.name[-9:]}"
        name = plain(short) + number * "\N{ZERO WIDTH SPACE}"  # Plotly would put bars of one name on each other
        rows.append((one.name, name, getattr(one, score), one.images, color(one.place, palette)))
    return pd.DataFrame(rows, columns=["run", "name", "value", "images", "color"]).dropna().astype({"value": float})
