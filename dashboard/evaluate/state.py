"""State of a session on the Evaluate page."""

from dashboard.session import PageState, Value


class EvaluateState(PageState):
    """The choices on the Evaluate page; the address carries `data` and `split`."""

    data = Value[str](str)  # the source of digits; empty: the one that suits the model
    split = Value[str](str)  # likewise
    cell = Value[tuple[int, int] | None](lambda: None)  # (true, predicted) of the confusion matrix
    cells_picked = Value[int](int)  # number of choices of a cell
    sample_seed = Value[int](int)
    disturbed = Value[tuple[str, float, int]](lambda: ("rotation", 30, 0))  # name, strength, number of changes

    def choose_digits(self, data: str, split: str) -> None:
        """Show these digits; an empty text stands for those that suit the model."""
        self.set_in_url("data", data)
        self.set_in_url("split", split)

    def disturb(self, name: str, strength: float) -> None:
        """Show images with this disturbance."""
        self.disturbed = name, strength, self.disturbed[2] + 1


page_state = EvaluateState()
