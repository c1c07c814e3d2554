"""Judging: what was said about a label."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Judged:
    """The image with this hash, in this row of the search with this id, and what was said."""

    search: str
    row: int
    image: str
    given: int
    verdict: str
    label: int
