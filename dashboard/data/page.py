"""The Data page: what was collected, to look through and put right, and all that was ever done to it."""

from dashboard.components.views import render_views

PART = "part"  # the name in the address
PARTS = {
    "Drawings": "drawings_view",
    "Suspect labels": "suspects_view",
    "History": "history_view",
    "Import and export": "exchange_view",
}


def render() -> None:
    render_views("Look through the data", PARTS, key=PART, package="dashboard.data")
