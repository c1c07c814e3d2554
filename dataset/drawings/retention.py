"""Retention: drawings of visitors are erased after a number of days."""

from datetime import UTC, datetime, timedelta

from dataset.digits import DataError
from dataset.drawings.editing import erase_drawings
from dataset.drawings.log import VISITOR, Drawing
from dataset.drawings.storage import drawing_storage


def erase_expired(days: int) -> int:
    """Erase the drawings of visitors that are older than this; -> how many there were.

    Drawings of an owner, and those that were stored before visitors were marked, stay. A database
    that cannot be reached is tried again at the next call.
    """
    limit = datetime.now(UTC) - timedelta(days=days)
    try:
        with drawing_storage().reading() as log:
            expired = [drawing.id for drawing in log.drawings.values() if is_expired(drawing, limit)]
        return erase_drawings(expired, f"drawings of visitors, older than {days} days")
    except DataError:
        return 0


def is_expired(drawing: Drawing, limit: datetime) -> bool:
    """Whether a visitor made this drawing before the limit."""
    if not drawing.session.startswith(VISITOR):
        return False
    try:
        made = datetime.fromisoformat(drawing.time)
    except ValueError:  # a person changed it in the file
        return False
    return (made if made.tzinfo else made.replace(tzinfo=UTC)) < limit
