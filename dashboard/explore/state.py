"""State of a session on the Explore page. The compared runs are in session.py."""

from collections.abc import Iterable
from typing import Any

from dashboard.session import PageState, Value, state

VIEW = "view"  # the name in the address


class ExploreState(PageState):
    """The choices on the Explore page; the address carries `sweep`, `range_test` and `guide`."""

    sweep = Value[str](str)  # id; empty: a new one
    deleted_sweep = Value[str](str)  # id of the one deleted last
    sweep_filters = Value[dict[str, tuple[Any, ...]]](dict)  # by name of an axis
    sweep_brushes = Value[int](int)  # how often a filter was set other than by dragging
    sweep_trial = Value[int | None](lambda: None)  # number of the picked one; None: the best
    sweep_picks = Value[int](int)  # how often a trial was picked
    range_test = Value[str](str)  # id of the learning-rate range test
    guide = Value[str](str)  # name of the prepared experiment
    listed_runs = Value[tuple[str, ...]](tuple)  # ids in the table as it was drawn last
    run_numbers = Value[dict[str, int]](dict)  # of all runs that the table ever listed, by their ids
    deleted_runs = Value[tuple[str, ...]](tuple)  # ids of those deleted last
    notice = Value[str](str)  # the problem to show when the page is drawn next

    def show_sweep(self, sweep_id: str) -> None:
        """Show this sweep; an empty text shows the form for a new one."""
        self.set_in_url("sweep", sweep_id)
        self.sweep_filters, self.sweep_trial = {}, None

    def pick_trial(self, number: int | None) -> None:
        """Show this trial. The count of picks makes a second click on the same trial a change."""
        self.sweep_trial = number
        self.sweep_picks += 1


page_state = ExploreState()


def compare_in_runs(ids: Iterable[str]) -> None:
    """Compare these runs in the view of runs. Callback."""
    state.choose_runs(ids)
    state.set_widget(VIEW, "Runs")
