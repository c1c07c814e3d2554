"""Style: one look for both chart libraries, made from the colours of the theme."""

from typing import Any

from dashboard.theme import Palette

FONT = "Source Sans, sans-serif"  # that of the page
TITLE, AXIS_TITLE, LABEL = 16, 14, 12  # pixels


def vega_config(palette: Palette) -> dict[str, Any]:
    """The `config` of a Vega-Lite chart."""
    axis = {"titlePadding": 8, "labelPadding": 6, "titleFontSize": AXIS_TITLE, "labelFontSize": LABEL}
    return {
        "font": FONT,
        "title": {"offset": 14, "fontSize": TITLE, "color": palette.text, "subtitleColor": palette.muted},
        "axis": axis | {"titleColor": palette.muted, "labelColor": palette.muted, "gridColor": palette.line},
        "legend": {"padding": 0, "labelFontSize": AXIS_TITLE, "labelColor": palette.muted},
    }


def plotly_template(palette: Palette) -> dict[str, Any]:
    """The `layout.template` of a Plotly figure."""
    axis = {
        "automargin": True,
        "gridcolor": palette.line,
        "linecolor": palette.line,
        "zeroline": False,
        "ticks": "",
        "ticklabelstandoff": 4,
        "separatethousands": True,
        "tickfont": {"size": LABEL, "color": palette.muted},
        "title": {"font": {"size": AXIS_TITLE, "color": palette.muted}, "standoff": 8},
    }
    small = {"size": 13, "color": palette.muted, "weight": 400}
    title = {"font": {"size": TITLE, "color": palette.text, "weight": 600}, "subtitle": {"font": small}}
    title |= {"x": 0, "xref": "container", "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 4}}
    return {
        "layout": {
            "font": {"family": FONT, "color": palette.text},
            "title": title,
            "paper_bgcolor": palette.background,
            "plot_bgcolor": palette.background,
            "margin": {"l": 8, "r": 12, "t": 40, "b": 8},
            "xaxis": axis,
            "yaxis": axis,
            "showlegend": False,
            "hoverlabel": {
                "bgcolor": palette.surface,
                "bordercolor": palette.line,
                "font": {"family": FONT, "color": palette.text},
                "align": "left",
            },
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": palette.muted, "activecolor": palette.accent},
            "colorway": palette.digits,
        }
    }  # fmt: skip


def color_scale(colors: tuple[str, ...]) -> list[tuple[float, str]]:
    """The colours at equal distances from 0 to 1, as Plotly takes them."""
    return [(number / (len(colors) - 1), color) for number, color in enumerate(colors)]
