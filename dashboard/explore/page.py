"""The Explore page: runs compared, sweeps, learning-rate range test, prepared experiments."""

from dashboard.components.views import render_views
from dashboard.explore.state import VIEW


def render() -> None:
    """Draw the page."""
    views = {
        "Runs": show_runs,
        "Sweeps": show_sweeps,
        "Learning-rate test": show_range_test,
        "Experiments": show_guides,
    }
    render_views("Explore settings", views, key=VIEW)


def show_runs() -> None:
    """All runs, and some of them compared."""
    from dashboard.explore.runs import render

    render()


def show_sweeps() -> None:
    """A sweep, or the form for a new one."""
    from dashboard.explore.sweeps import render

    render()


def show_range_test() -> None:
    """The learning-rate range test."""
    from dashboard.explore.range_test import render

    render()


def show_guides() -> None:
    """Prepared experiments."""
    from dashboard.explore.guides import render

    render()
