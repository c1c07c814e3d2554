"""Preparation: check new drawings, and give each an id, its near-duplicate and its holdout flag."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from dataset.csv_format import PIXELS
from dataset.digits import DataError
from dataset.drawings.csv_rows import SOURCES, checksum, clean_text
from dataset.drawings.log import EMPTY_VERSION, STATES, Drawing, Log, NewDrawing, pack, timestamp
from dataset.drawings.near_duplicates import with_arrivals
from dataset.drawings.strokes import pack_strokes

HELD_OUT = 5  # every 5th drawing of a digit is held out for testing


def check_drawing(new: NewDrawing) -> None:
    """Raise DataError unless image, label, source and state are valid."""
    if new.image.dtype != np.uint8 or new.image.shape != (28, 28):
        raise DataError(f"A drawing must be uint8 (28, 28), got {new.image.dtype} {new.image.shape}.")
    if new.label not in range(10):
        raise DataError(f"A drawing's label must be 0 to 9, got {new.label!r}.")
    for value, allowed in ((new.source, SOURCES), (new.state, STATES)):
        if value not in allowed:
            raise DataError(f"A drawing is {', '.join(allowed)}, got {value!r}.")


@dataclass(frozen=True, eq=False)
class Comparison:
    """New drawings with their packed images, compared with a log as it was at one moment.

    An import of 60,000 drawings takes a minute to compare: that is done before the storage is
    locked. Inside the lock only the drawings that were stored meanwhile are compared.
    """

    new: list[NewDrawing]
    images: NDArray[np.uint8]  # (n, 784)
    packed: list[str]
    near: list[list[int]]
    compared: int  # images of the log
    entries: int  # of the log
    version: str

    def near_duplicates(self, log: Log) -> list[list[int]]:
        """For each new image, the rows of its near-duplicates, nearest first."""
        last = log.entries[self.entries - 1] if 0 < self.entries <= len(log.entries) else None
        if (last.version if last else EMPTY_VERSION) != self.version:  # the log was replaced
            return log.near_duplicates(self.images)
        return with_arrivals(self.near, log.images, self.images, compared=self.compared)


def compare(log: Log, new_drawings: Sequence[NewDrawing]) -> Comparison:
    """Compare the drawings that the log does not have yet with it.

    Outside a lock, `log` must be a snapshot.
    """
    new = [new for new in new_drawings if not new.id or new.id not in log.drawings]
    images = np.array([drawing.image for drawing in new], np.uint8).reshape(-1, PIXELS)
    packed = [pack(image.tobytes()) for image in images]
    return Comparison(new, images, packed, log.near_duplicates(images), len(log.ids), len(log.entries), log.version)


def prepare_drawings(
    log: Log, new_drawings: Sequence[NewDrawing], comparison: Comparison | None = None
) -> list[tuple[Drawing, str]]:
    """The drawings and their packed images, as the next entry of the log stores them.

    Drawings that the log has are left out. A near-duplicate is held out if its original is, so that
    no test uses a training image.
    """
    if comparison is None or any(new.id in log.drawings for new in comparison.new):
        comparison = compare(log, new_drawings)
    if not comparison.new:
        return []
    nearest = comparison.near_duplicates(log)
    originals = Counter(drawing.label for drawing in log.drawings.values() if not drawing.duplicate_of)
    ids = list(log.ids)
    stored: dict[str, Drawing] = {}
    prepared = []
    for new, image, packed, near in zip(comparison.new, comparison.images, comparison.packed, nearest, strict=True):
        identity = clean_text(new.id) or uuid.uuid4().hex
        ids.append(identity)
        if new.held_out:  # decided when it was first stored
            held_out, duplicate_of = new.held_out, new.duplicate_of
        else:
            others = [stored.get(ids[row]) or log.drawings.get(ids[row]) for row in near]
            original = next((other for other in others if other and other.state != "deleted"), None)
            duplicate_of = (original.duplicate_of or original.id) if original else ""
            nth = originals[new.label] + 1
            held_out = original.held_out if original else str(int(nth % HELD_OUT == 0))
        originals[new.label] += not duplicate_of
        drawing = Drawing(
            label=int(new.label),
            id=identity,
            time=clean_text(new.time) or timestamp(),
            predicted=clean_text(new.predicted),
            confidence=f"{new.confidence:.4f}" if isinstance(new.confidence, float) else clean_text(new.confidence),
            model=clean_text(new.model),
            session=clean_text(new.session),
            held_out=held_out,
            duplicate_of=duplicate_of,
            strokes=pack_strokes(new.strokes),
            source=clean_text(new.source),
            state=new.state,
        )
        stored[identity] = drawing = replace(drawing, check=checksum(drawing, image.tobytes()))
        prepared.append((drawing, packed))
    return prepared


def assign_ids(new_drawings: Sequence[NewDrawing]) -> list[NewDrawing]:
    """Give each drawing without an id a hash of its content: a file always has the same ids."""
    counts: Counter[bytes] = Counter()
    result = []
    for new in new_drawings:
        content = bytes([new.label]) + new.image.tobytes()
        counts[content] += 1
        repetition = str(counts[content]).encode() if counts[content] > 1 else b""
        result.append(replace(new, id=new.id or sha256(content + repetition).hexdigest()[:32]))
    return result
