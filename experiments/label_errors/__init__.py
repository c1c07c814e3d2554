"""Suspects: labels that networks doubt which never saw them, the most doubtful first."""

from experiments.label_errors.ranking import (
    NETWORKS,
    PARTS,
    Part,
    Suspects,
    as_part,
    check,
    expected_seconds,
    find,
    judged,
    neighbours,
    parts_of,
)
from experiments.label_errors.search import (
    Search,
    SearchStatus,
    make_search,
    run_search,
    search_of,
    start_search,
)

__all__ = [
    "NETWORKS",
    "PARTS",
    "Part",
    "Search",
    "SearchStatus",
    "Suspects",
    "as_part",
    "check",
    "expected_seconds",
    "find",
    "judged",
    "make_search",
    "neighbours",
    "parts_of",
    "run_search",
    "search_of",
    "start_search",
]
