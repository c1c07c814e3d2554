"""State of a session on the Data page."""

from collections.abc import Iterable
from dataclasses import dataclass

from dashboard.session import PageState, Value

VIEW = "part"  # the name in the address


@dataclass(frozen=True)
class ShownSheet:
    """The page of drawings in the browser: its turn, its ids, and those selected at its start."""

    turn: str = ""
    ids: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()


@dataclass(frozen=True)
class Review:
    """The verdict of a person on one label: `row` of the search, and the hash of its image."""

    search: str
    row: int
    image: str
    given: int
    verdict: str
    label: int


class DataState(PageState):
    """The choices on the Data page; the address carries `version`."""

    version = Value[str](str)  # of the drawings that are shown; empty: the present one
    selected = Value[tuple[str, ...]](tuple)  # ids of drawings, the latest one last
    selection_turn = Value[int](int)  # how often the selection changed other than in the browser
    sheet = Value[ShownSheet](ShownSheet)
    outcome = Value[tuple[str, int | None]](lambda: ("", None))  # of the last edit: text, number of the change
    freed = Value[str](str)  # the outcome of the last removal in the view Space
    imports = Value[int](int)  # how often files were imported
    import_problem = Value[str](str)  # why the last import failed
    review_row = Value[int | None](lambda: None)  # the row under review; None: the first without a verdict
    review_turn = Value[int](int)  # how often the row changed
    reviewed_at = Value[float](float)  # of the last verdict, in seconds of time.monotonic()
    reviews = Value[list[Review]](list)  # of this session, the latest one last

    def select(self, ids: Iterable[str]) -> None:
        """Select these drawings and no others, also if the browser has selected others."""
        self.selected = tuple(ids)
        self.selection_turn += 1

    def selected_among(self, ids: Iterable[str]) -> list[str]:
        """The selected drawings among these, in the order of their selection."""
        among = set(ids)
        return [identity for identity in self.selected if identity in among]


page_state = DataState()
