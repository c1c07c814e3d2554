"""The log: entry after entry, what was stored and what was changed, and so which drawings there were after each."""

import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dataset.csv_format import PIXELS
from dataset.digits import DataError
from dataset.drawings.lookalikes import Lookalikes

STATES = ("kept", "waiting", "set aside", "deleted")  # only what is kept is trained on or tested with
MOST_BYTES = 1 << 22  # of an image or of strokes
VERSION = '"version":"%s"'
NOTHING = "0"  # the version before the first entry

Changes: TypeAlias = dict[str, dict[str, Any]]  # id -> its new label or state


@dataclass(frozen=True, kw_only=True)
class NewDrawing:
    """What there is to be stored; what is left empty is filled in then."""

    image: NDArray[np.uint8]  # (28, 28)
    label: int
    predicted: int | str = ""
    confidence: float | str = ""
    model: str = ""
    session: str = ""
    source: str = "drawn"
    strokes: str = ""  # of the canvas, JSON
    state: str = "kept"
    id: str = ""
    time: str = ""
    held_out: str = ""
    duplicate_of: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """One drawing but for its image; its texts as they stand in a file of drawings."""

    label: int
    id: str
    time: str
    predicted: str
    confidence: str
    model: str
    session: str
    held_out: str  # "1", or "0"
    duplicate_of: str
    strokes: str  # packed
    source: str
    state: str = "kept"
    check: int = 0  # CRC-32 of its line in the CSV file, without the label
    row: int = -1  # where in the log its image lies


FIELDS = tuple(field.name for field in fields(Drawing) if field.name != "row")


@dataclass(frozen=True)
class Change:
    """One entry: what was done to which drawings, and the name of the version that came of it."""

    number: int
    version: str
    time: str
    action: str
    stored: tuple[Drawing, ...]
    changes: Changes
    took_back: int | None  # the number of the entry that this one undoes

    @property
    def ids(self) -> list[str]:
        return list(dict.fromkeys([*(drawing.id for drawing in self.stored), *self.changes]))


class Log:
    """All entries, and the drawings as they are now: what was once added is never altered."""

    def __init__(self) -> None:
        self.entries: list[Change] = []
        self.drawings: dict[str, Drawing] = {}
        self.ids: list[str] = []  # of the drawing whose image lies in each row
        self._images = np.empty((0, PIXELS), np.uint8)
        self._lookalikes = Lookalikes()

    @property
    def version(self) -> str:
        return self.entries[-1].version if self.entries else NOTHING

    @property
    def images(self) -> NDArray[np.uint8]:
        """The ink of all that was ever stored (rows, 784)."""
        return self._images[: len(self.ids)]

    def image(self, drawing: Drawing) -> bytes:
        return bytes(self._images[drawing.row])

    def add(self, line: str) -> Change:
        """Take in the next entry; a line that is none raises ValueError."""
        try:
            entry = json.loads(line)
            version = str(entry["version"])
            if not version.endswith(digest(line.replace(VERSION % version, VERSION % "", 1))):
                raise ValueError("not an entry: it is damaged")
            abouts, inks = [], []
            for about in entry.get("stored", ()):
                inks.append(unpack(about.pop("ink")))
                abouts.append(about)
            change = Change(
                int(entry["number"]),
                version,
                str(entry["time"]),
                str(entry["action"]),
                tuple(Drawing(**about, row=len(self.ids) + place) for place, about in enumerate(abouts)),
                dict(entry.get("changes", {})),
                entry.get("took_back"),
            )
            self._add_images(inks)
            self.ids += [drawing.id for drawing in change.stored]
        except (KeyError, TypeError, AttributeError, RecursionError, zlib.error) as error:
            raise ValueError(f"not an entry: {error}") from error
        self.entries.append(change)
        apply(change, self.drawings)
        return change

    def at(self, version: str) -> dict[str, Drawing]:
        """The drawings of an earlier version."""
        drawings: dict[str, Drawing] = {}
        if version == NOTHING:
            return drawings
        for entry in self.entries:
            apply(entry, drawings)
            if entry.version == version:
                return drawings
        raise DataError(f"There is no version {version!r} of the drawings; the present one is {self.version}.")

    def next(
        self,
        action: str,
        *,
        stored: Iterable[tuple[Drawing, bytes]] = (),
        changes: Mapping[str, Mapping[str, Any]] | None = None,
        took_back: int | None = None,
    ) -> str:
        """The line of the entry that comes next. It is not added: first it must be on the disk."""
        number = self.entries[-1].number + 1 if self.entries else 1
        # each entry names the one before it, and its own name is made of all that it says
        entry: dict[str, Any] = {
            "number": number,
            "version": "",
            "after": self.version,
            "time": now(),
            "action": action,
        }
        if took_back is not None:
            entry["took_back"] = took_back
        if changes:
            entry["changes"] = changes
        abouts = [{name: getattr(drawing, name) for name in FIELDS} | {"ink": pack(ink)} for drawing, ink in stored]
        if abouts:
            entry["stored"] = abouts
        line = json.dumps(entry, separators=(",", ":"))
        return line.replace(VERSION % "", VERSION % f"{number}-{digest(line)}", 1)

    def lookalikes(self, images: NDArray[np.uint8]) -> list[list[int]]:
        """For each new image (n, 784) the rows that look like it, nearest first; rows go on with the new images."""
        return self._lookalikes.find(self.images, images)

    def _add_images(self, inks: list[bytes]) -> None:
        if any(len(ink) != PIXELS for ink in inks):
            raise ValueError("not an entry: an image of another size")
        rows = len(self.ids) + len(inks)
        if rows > len(self._images):
            # a new array, and twice as long: those who hold a view of the old one keep it
            self._images = np.concatenate([self.images, np.empty((max(rows, 256), PIXELS), np.uint8)])
        if inks:
            self._images[len(self.ids) : rows] = np.frombuffer(b"".join(inks), np.uint8).reshape(-1, PIXELS)


def apply(entry: Change, drawings: dict[str, Drawing]) -> None:
    for drawing in entry.stored:
        drawings[drawing.id] = drawing
    for identity, values in entry.changes.items():
        if identity in drawings:
            drawings[identity] = replace(drawings[identity], **values)


def digest(line: str) -> str:
    """8 hex digits of an entry without its version."""
    return sha256(line.encode()).hexdigest()[:8]


def pack(data: bytes) -> str:
    """As text without a comma or a quote, and short: an image is mostly paper."""
    return b64encode(zlib.compress(data)).decode()


def unpack(text: str) -> bytes:
    # so much at most: a few bytes can be made to unpack to any number
    return zlib.decompressobj().decompress(b64decode(text, validate=True), MOST_BYTES)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
