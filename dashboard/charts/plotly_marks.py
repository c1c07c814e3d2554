"""Plotly marks: the parts of charts that stay as they are until a person asks for something else.

Traces are plain dicts, so that Plotly itself (0.3 s to import) is loaded with the first figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd

from dashboard.charts.style import LABEL, plotly_template
from dashboard.theme import Palette

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

Trace: TypeAlias = dict[str, Any]

NEAREST: Trace = {"hovermode": "closest", "hoverdistance": -1}  # the mark nearest to the pointer shows its hover text
BAR, AROUND_BARS = 32, 130  # pixels
DARK_FROM = 0.45  # cells with a shade above this need light text


def plotly_figure(
    traces: Sequence[Trace], palette: Palette, *, title: str, subtitle: str = "", height: int, **layout: Any
) -> PlotlyFigure:
    """A figure in the look of the app; `height` in pixels is that of the whole figure."""
    from plotly.graph_objects import Figure

    heading: Trace = {"text": plain(title)}
    if subtitle:
        heading["subtitle"] = {"text": plain(subtitle)}
        layout["margin"] = {"t": 64}  # or the subtitle would lie on the chart
    return Figure(traces, {"template": plotly_template(palette), "title": heading, "height": height} | layout)


def fixed(title: str, **axis: Any) -> Trace:
    """A titled axis that cannot be zoomed, where a part of it alone would make no sense."""
    return {"title": {"text": title}, "fixedrange": True} | axis


def hover(rows: pd.DataFrame, *lines: str) -> list[str]:
    """A hover text for each row: the lines as format strings, with the columns as names."""
    records = rows.apply(lambda column: column.map(plain) if column.dtype == "str" else column).to_dict("records")
    return ["<br>".join(lines).format_map(dict(row)) for row in records]


def plain(text: str) -> str:
    """The text with markup escaped, so that Plotly shows it unchanged."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clickable(values: Sequence[Any] | pd.Series[Any], texts: Sequence[str], *, opacity: float = 1.0) -> Trace:
    """The options that let points of a scatter trace return a value when clicked."""
    look = {"marker": {"opacity": opacity}}  # a click must not fade the other points
    return {"customdata": values, "hovertext": texts, "hoverinfo": "text", "selected": look, "unselected": look}


def cell_grid_figure(
    cells: pd.DataFrame,
    palette: Palette,
    *,
    across: str,
    down: str,
    colors: Sequence[tuple[float, str]],
    texts: Sequence[str],
    values: Sequence[Any] = (),
    picked: Sequence[int] = (),
    angle: int = 0,
    **layout: Any,
) -> PlotlyFigure:
    """Cells with a short text each, row by row from the top left.

    `cells` has the columns column and row (names), shade (-1 to 1, place 0 to 1 in `colors`), text
    and ink (colour of the text); `across` and `down` are the titles of the axes, `texts` those of
    the hover. With `values` a click on a cell returns its value. The cells with the numbers
    `picked` are outlined.
    """
    columns, rows = cells["column"].unique().tolist(), cells["row"].unique().tolist()
    shades = cells["shade"].to_numpy().reshape(len(rows), len(columns))
    heat = {"type": "heatmap", "x": columns, "y": rows, "z": shades, "zmin": -1, "zmax": 1, "colorscale": colors}
    # Nearly invisible: Streamlit reports clicks on points of a scatter trace, but not on heatmaps.
    squares = {
        "type": "scatter",
        "mode": "markers+text",
        "x": cells["column"],
        "y": cells["row"],
        "text": cells["text"],
    }
    squares |= {"marker": {"symbol": "square", "size": 24, "opacity": 0.01, "color": "gray"}}
    squares |= {"textfont": {"color": cells["ink"], "size": LABEL}}
    names = {"type": "category", "showgrid": False, "dtick": 1}
    places = [divmod(number, len(columns)) for number in picked]
    frames = [{"x0": x - 0.5, "x1": x + 0.5, "y0": y - 0.5, "y1": y + 0.5} for y, x in places]
    line = {"color": palette.validation, "width": 3}
    layout |= NEAREST | {"plot_bgcolor": palette.line}  # between the cells
    return plotly_figure(
        [
            heat | {"xgap": 1, "ygap": 1, "showscale": False, "hoverinfo": "skip"},
            squares | clickable(list(values) or [None] * len(cells), texts, opacity=0.01),
        ],
        palette,
        xaxis=fixed(across, tickangle=angle, range=[-0.5, len(columns) - 0.5], **names),
        yaxis=fixed(down, range=[len(rows) - 0.5, -0.5], **names),
        shapes=[{"type": "rect", "line": line} | frame for frame in frames],
        **layout,
    )


def signed_colors(negative: str, colors: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """The colours of a cell grid with shades from 0 to 1, and one for negative shades."""
    return [(0, negative), (0.499, negative), *((0.5 + place / 2, color) for place, color in colors)]


def interval_bars_figure(
    rows: pd.DataFrame,
    palette: Palette,
    *,
    title: str,
    x: Trace,
    texts: Sequence[str],
    y_title: str = "",
    height: int = 0,
) -> PlotlyFigure:
    """A horizontal bar for each row (name, value, color), the first at the top.

    With columns low and high a bar has its interval. `texts` are those of the hover. A `height` of
    0 gives each bar the same room.
    """
    marker = {"color": rows["color"], "pattern": {"shape": rows.get("pattern", ""), "solidity": 0.25}}
    bars = {"type": "bar", "orientation": "h", "x": rows["value"], "y": rows["name"], "width": 0.62, "marker": marker}
    if "low" in rows:
        ends = {"array": rows["high"] - rows["value"], "arrayminus": rows["value"] - rows["low"]}
        bars["error_x"] = ends | {"symmetric": False, "color": palette.text, "thickness": 1.5, "width": 4}
    y = fixed(y_title, type="category", autorange="reversed", showgrid=False, dtick=1)
    height = height or AROUND_BARS + BAR * len(rows)
    traces = [bars | {"hovertext": texts, "hoverinfo": "text"}]
    return plotly_figure(traces, palette, title=title, height=height, xaxis=x, yaxis=y, hovermode="y")


def percent_axis(title: str, lows: pd.Series[float]) -> Trace:
    """An axis of percentages that starts below the lowest of `lows`, as its title says."""
    start = float(np.clip(10 * np.floor((lows.min() - 1) / 10), 0, 90)) if len(lows) else 0.0
    note = f", axis starts at {start:.0f} %" if start else ""
    step = 2 if start == 90 else 10 if start else 20
    return fixed(f"{title} (%){note}", range=[start, 100 + (100 - start) / 100], tick0=start, dtick=step)
