"""Transfer: copy drawings and label corrections with their history to another storage."""

from dataset.corrections import storage as corrections
from dataset.digits import DataError
from dataset.drawings import storage as drawings
from dataset.files import path_of
from dataset.storage import EntryLog, Storage


def move(place: str) -> tuple[int, int]:
    """Copy everything to the database or CSV file at `place`.

    -> the numbers of drawings and corrections there. Raises DataError if the target
    holds entries that are not part of this history.
    """
    corrections_place = place
    if "://" not in place:
        file = path_of(place)
        place, corrections_place = str(file), str(file.with_name(corrections.CORRECTIONS))
    new_drawings = drawings.open_storage(place)
    new_corrections = corrections.open_storage(corrections_place)
    if drawings.drawing_storage() is new_drawings:
        raise DataError(f"The drawings are in {new_drawings.name} already.")
    for check_only in (True, False):  # write nothing unless both can be copied
        _copy(drawings.drawing_storage(), new_drawings, "drawings", check_only=check_only)
        _copy(corrections.correction_storage(), new_corrections, "corrected labels", check_only=check_only)
    with new_drawings.reading() as log, new_corrections.reading() as corrected:
        return len(log.drawings), len(corrected.corrections().by_image)


def _copy(source: Storage[EntryLog], target: Storage[EntryLog], noun: str, *, check_only: bool) -> None:
    """Append the entries that the target lacks. Raises DataError if it has different ones."""
    with source.reading() as log:
        entries = list(zip((entry.version for entry in log.entries), source.lines(), strict=False))
    if not entries:
        return
    with target.reading() if check_only else target.writing() as log:
        present = [entry.version for entry in log.entries]
        if present != [version for version, _ in entries[: len(present)]]:
            raise DataError(f"{target.name} has other {noun} already. Choose an empty place.")
        lines = [line for _, line in entries[len(present) :]]
        if lines and not check_only:
            target.write(*lines)
