"""Style: how every chart of the app looks, beyond what Streamlit's theme gives it."""

# For the config of a Vega-Lite chart: the theme leaves much air around axes.
VEGA = {"title": {"offset": 14}, "axis": {"titlePadding": 8, "labelPadding": 6}, "legend": {"padding": 0}}
