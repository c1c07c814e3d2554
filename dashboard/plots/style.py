"""Style: how every figure of the app looks."""

import plotly.graph_objects as go

from dashboard.theme import Palette

# For the config of a Vega-Lite chart: Streamlit's theme leaves much air around axes.
VEGA = {"title": {"offset": 14}, "axis": {"titlePadding": 8, "labelPadding": 6}, "legend": {"padding": 0}}

# For st.plotly_chart(figure, config=CONFIG): hover stays, the toolbar and accidental zooming on touch do not.
CONFIG = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}


def styled(
    figure: go.Figure,
    palette: Palette,
    *,
    title: str,
    x: str = "",
    y: str = "",
    height: int = 320,
    legend: bool = False,
) -> go.Figure:
    """Gives a figure its title, axis titles (with units) and the common look. Zooming is off: axes stay put."""
    axis = {
        "fixedrange": True,
        "automargin": True,
        "gridcolor": palette.line,
        "linecolor": palette.line,
        "zerolinecolor": palette.line,
        "tickfont": {"color": palette.muted, "size": 12},
        "title_font": {"color": palette.muted, "size": 13},
    }
    return figure.update_layout(
        title={
            "text": title,
            "font": {"size": 15, "color": palette.text},
            "x": 0,
            "xref": "container",
            "pad": {"l": 4},
        },
        height=height,
        margin={"l": 8, "r": 8, "t": 56 if legend else 40, "b": 8},
        paper_bgcolor=palette.background,
        plot_bgcolor=palette.background,
        font={"color": palette.text},
        showlegend=legend,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"color": palette.text}},
        hoverlabel={"bgcolor": palette.surface, "bordercolor": palette.line, "font": {"color": palette.text}},
        xaxis={**axis, "title": {"text": x}},
        yaxis={**axis, "title": {"text": y}},
        uirevision="keep",  # what a person hid in the legend stays hidden when the data change
    )
