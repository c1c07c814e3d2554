"""Moving: all that people made, drawings and corrected labels with their history, from one home to another."""

from dataset.corrections import home as corrections
from dataset.digits import DataError
from dataset.drawings import home as drawings
from dataset.files import path_of
from dataset.store import EntryLog, Store


def move(place: str) -> tuple[int, int]:
    """Copy everything to a database's address or a CSV file; -> how many drawings are there, and judged labels.

    What is there must be a part of that history, so that nothing is mixed or lost.
    """
    beside = place
    if "://" not in place:
        file = path_of(place)
        place, beside = str(file), str(file.with_name(corrections.CORRECTIONS))
    drawn, said = drawings.open_store(place), corrections.open_store(beside)
    if drawings.store() is drawn:
        raise DataError(f"The drawings are in {drawn.name} already.")
    for only_look in (True, False):  # nothing is written where one of the two cannot be
        copy(drawings.store(), drawn, "drawings", only_look=only_look)
        copy(corrections.store(), said, "corrected labels", only_look=only_look)
    with drawn.reading() as log, said.reading() as judged:
        return len(log.drawings), len(judged.corrections().of)


def copy(source: Store[EntryLog], target: Store[EntryLog], what: str, *, only_look: bool) -> None:
    """The entries that the target lacks; DataError where it has others."""
    with source.reading() as log:
        entries = list(zip((entry.version for entry in log.entries), source.lines(), strict=False))
    if not entries:
        return
    with target.reading() if only_look else target.writing() as log:
        there = [entry.version for entry in log.entries]
        if there != [version for version, _ in entries[: len(there)]]:
            raise DataError(f"{target.name} has other {what} already. Choose an empty place.")
        lines = [line for _, line in entries[len(there) :]]
        if lines and not only_look:
            target.write(*lines)
