"""The state of the Train page; its form and the shown run are shared with other pages."""

from dashboard.session import PageState, Value


class TrainState(PageState):
    """The values of the Train page."""

    preview_draws = Value[int](int)  # how often a person asked for other random changes


page_state = TrainState()
