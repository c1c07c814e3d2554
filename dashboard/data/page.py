"""The Data page: drawings, label errors, the history of changes, import, export and space."""

from dashboard.access.decision import Action, refusal_of
from dashboard.components.views import render_views
from dashboard.data.state import VIEW


def render() -> None:
    """Draw the page."""
    views = {
        "Drawings": show_drawings,
        "Label errors": show_label_errors,
        "History": show_history,
        "Import and export": show_exchange,
    }
    if refusal_of(Action.SPACE) is None:
        views["Space"] = show_space
    render_views("Look through the data", views, key=VIEW)


def show_drawings() -> None:
    """The drawings as images."""
    from dashboard.data.drawings import render

    render()


def show_label_errors() -> None:
    """Suspected label errors."""
    from dashboard.data.label_errors import render

    render()


def show_history() -> None:
    """All changes of the drawings."""
    from dashboard.data.history import render

    render()


def show_exchange() -> None:
    """Import and export."""
    from dashboard.data.exchange import render

    render()


def show_space() -> None:
    """How much of the disk is taken by what."""
    from dashboard.data.space import render

    render()
