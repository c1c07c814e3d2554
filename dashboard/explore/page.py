"""The Explore page: what settings do. Runs side by side, sweeps, and experiments that are ready to run."""

from dashboard.components.views import render_views

VIEW = "view"  # the name in the address
VIEWS = {
    "Runs": "runs_view",
    "Sweeps": "sweeps_view",
    "Learning-rate test": "range_test_view",
    "Experiments": "guides_view",
}


def render() -> None:
    render_views("Explore settings", VIEWS, key=VIEW, package="dashboard.explore")
