"""Storing: what a new drawing is given: its id, its place among those for training or for testing, its double."""

import json
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import numpy as np

from dataset.csv_format import PIXELS
from dataset.digits import DataError
from dataset.drawings.log import STATES, Drawing, Log, NewDrawing, now, pack
from dataset.drawings.rows import SOURCES, check_of, word

HELD_OUT = 5  # every so manieth drawing of a digit is kept to test with
LONGEST_STROKES = 40_000  # characters once packed; a line of the CSV file stays below 64 KB


def check(new: NewDrawing) -> None:
    """Raises DataError for what is no drawing."""
    if new.image.dtype != np.uint8 or new.image.shape != (28, 28):
        raise DataError(f"A drawing must be uint8 (28, 28), got {new.image.dtype} {new.image.shape}.")
    if new.label not in range(10):
        raise DataError(f"A drawing's label must be 0 to 9, got {new.label!r}.")
    if new.source not in SOURCES:
        raise DataError(f"A drawing is {', '.join(SOURCES)}, got {new.source!r}.")
    if new.state not in STATES:
        raise DataError(f"A drawing is {', '.join(STATES)}, got {new.state!r}.")


def prepare(log: Log, news: Sequence[NewDrawing]) -> list[tuple[Drawing, bytes]]:
    """The drawings and their images, as the next entry of the log stores them.

    One that doubles another is held out if that one is, so that nothing is tested with what was trained on.
    """
    if not news:
        return []
    images = np.stack([new.image.reshape(PIXELS) for new in news])
    originals = Counter(drawing.label for drawing in log.drawings.values() if not drawing.duplicate_of)
    ids = list(log.ids)
    stored: dict[str, Drawing] = {}
    found = []
    for new, image, near in zip(news, images, log.lookalikes(images), strict=True):
        identity = word(new.id) or uuid.uuid4().hex
        ids.append(identity)
        if new.held_out:  # decided when it was stored for the first time
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
            time=new.time or now(),
            predicted=word(new.predicted),
            confidence=f"{new.confidence:.4f}" if isinstance(new.confidence, float) else word(new.confidence),
            model=word(new.model),
            session=word(new.session),
            held_out=held_out,
            duplicate_of=duplicate_of,
            strokes=packed_strokes(new.strokes),
            source=word(new.source),
            state=new.state,
        )
        ink = image.tobytes()
        stored[identity] = drawing = replace(drawing, check=check_of(drawing, ink))
        found.append((drawing, ink))
    return found


def packed_strokes(strokes: str) -> str:
    """Strokes are JSON; those of a scribble without end are left out, for a row of its file must not be endless."""
    if not strokes:
        return ""
    packed = pack(json.dumps(json.loads(strokes), separators=(",", ":")).encode())
    return packed if len(packed) <= LONGEST_STROKES else ""


def numbered(news: Sequence[NewDrawing]) -> list[NewDrawing]:
    """Each with an id made of what it is and how often it came before: the same file gives the same ids again."""
    times: Counter[bytes] = Counter()
    found = []
    for new in news:
        content = bytes([new.label]) + new.image.tobytes()
        times[content] += 1
        again = str(times[content]).encode() if times[content] > 1 else b""
        found.append(replace(new, id=new.id or sha256(content + again).hexdigest()[:32]))
    return found
