"""Chart: shows a Plotly or Vega-Lite figure with its text alternative."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import streamlit as st

from dashboard.session import state

if TYPE_CHECKING:
    from plotly.graph_objects import Figure as PlotlyFigure

    from dashboard.charts.vega_marks import VegaFigure

Figure: TypeAlias = "PlotlyFigure | VegaFigure"

BUTTONS = {  # of Plotly, shown while the pointer is on a chart: the camera saves a PNG
    "displaylogo": False,
    "modeBarButtonsToRemove": ["autoScale2d", "zoom2d", "pan2d", "select2d", "lasso2d"],
    "toImageButtonOptions": {"scale": 2},
}

# Plotly claims every touch on a chart. With this a finger on a chart scrolls the page, and a tap is
# a click for Plotly too, because the browser then sends mouse events.
TOUCH = """<script>
window.chartsLeaveTouches ||= (document.addEventListener("touchstart", event => {
  if (event.target.closest(".stPlotlyChart .nsewdrag")) event.stopPropagation();
}, {capture: true, passive: true}), true);
</script>"""


def render_touch_support() -> None:
    """Lets people scroll and tap on Plotly charts with a finger; once a page, takes no room."""
    st.html(TOUCH, unsafe_allow_javascript=True)


def render_chart(
    figure: Figure,
    *,
    alt: str,
    key: str | None = None,
    width: Literal["stretch", "content"] = "stretch",
    on_click: Callable[[Any], object] | None = None,
    on_brush: Callable[[dict[str, Any]], object] | None = None,
) -> None:
    """Show the figure; screen readers get `alt`.

    `on_click` (Plotly only) gets the value of the mark that a person clicks; `on_brush` (Vega-Lite
    only) gets the selections of the chart by their names. Both need a key.
    """

    def selection() -> Any:
        return state.widget(key or "")["selection"]

    def clicked() -> None:
        for point in selection()["points"]:
            if on_click and point.get("customdata") is not None:
                on_click(point["customdata"])

    if isinstance(figure, dict):
        brush: Any = (lambda: on_brush(selection())) if on_brush else "ignore"
        st.vega_lite_chart(figure, key=key, width=width, on_select=brush, alt=alt)
    else:
        st.plotly_chart(
            figure,
            key=key,
            width=width,
            theme=None,  # the figure has its own look, the same as that of the Vega-Lite charts
            config=BUTTONS,
            on_select=clicked if on_click else "ignore",
            selection_mode="points",
            alt=alt,
        )
