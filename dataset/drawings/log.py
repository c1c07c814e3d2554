"""The log of drawings: an entry for each change, from which every version can be rebuilt."""

import binascii
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dataset.csv_format import PIXELS
from dataset.digits import DataError
from dataset.drawings.near_duplicates import NearDuplicates
from model.reading import parse_json

STATES = ("kept", "waiting", "set aside", "deleted")  # only kept drawings train or test a network
VERSION_TEXT = '"version":"%s"'
REWRITTEN_TEXT = '"rewritten":"%s"'
VISITOR = "visitor-"  # begins the session of a visitor's drawing, in an app with an owner
EMPTY_VERSION = "0"  # the version before the first entry

Changes: TypeAlias = dict[str, dict[str, Any]]  # id -> its new label or state


@dataclass(frozen=True, kw_only=True)
class NewDrawing:
    """A drawing to be stored. Fields left empty are filled in when it is stored."""

    image: NDArray[np.uint8]  # (28, 28)
    label: int
    predicted: int | str = ""
    confidence: float | str = ""
    model: str = ""
    session: str = ""
    source: str = "drawn"
    strokes: str = ""  # of the canvas, as JSON
    state: str = "kept"
    id: str = ""
    time: str = ""
    held_out: str = ""
    duplicate_of: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """A stored drawing without its image. Texts are as in the CSV file."""

    label: int
    id: str
    time: str
    predicted: str
    confidence: str
    model: str
    session: str
    held_out: str  # "1" or "0"
    duplicate_of: str
    strokes: str  # JSON, packed
    source: str
    state: str = "kept"
    check: int = 0  # CRC-32 of its line in the CSV file, without the label
    row: int = -1  # row of its image in Log.images


FIELDS = tuple(field.name for field in fields(Drawing) if field.name != "row")
TEXTS = tuple(field.name for field in fields(Drawing) if field.type in (str, "str"))


@dataclass(frozen=True)
class Change:
    """One entry of the log: what was stored or changed, and the version after it."""

    number: int
    version: str
    time: str
    action: str
    stored: tuple[Drawing, ...]
    changes: Changes
    took_back: int | None  # number of the entry that this one undoes
    erases: tuple[str, ...] = ()  # drawings whose content is no longer in the log

    @property
    def ids(self) -> list[str]:
        """The drawings that this entry stored, changed or erased, each once."""
        return list(dict.fromkeys([*(drawing.id for drawing in self.stored), *self.changes, *self.erases]))


class Log:
    """All entries and the present drawings.

    Entries are only added. An erasure is the one exception: it takes the content of drawings out of
    the entries that stored them, and adds an entry that names their ids.
    """

    def __init__(self) -> None:
        self.entries: list[Change] = []
        self.drawings: dict[str, Drawing] = {}
        self.ids: list[str] = []  # id of the drawing in each row of `images`
        self.erased: set[str] = set()
        self._images = np.empty((0, PIXELS), np.uint8)
        self._near_duplicates = NearDuplicates()

    @property
    def version(self) -> str:
        """The name of the present state."""
        return self.entries[-1].version if self.entries else EMPTY_VERSION

    @property
    def images(self) -> NDArray[np.uint8]:
        """The images of all drawings ever stored, uint8 (rows, 784)."""
        return self._images[: len(self.ids)]

    def image(self, drawing: Drawing) -> bytes:
        """The 784 pixels of a drawing."""
        return bytes(self._images[drawing.row])

    def append(self, line: str) -> Change:
        """Parse the next entry and apply it. Raises ValueError for a line that is no entry."""
        try:
            entry = parse_json(line)
            version = str(entry["version"])
            check_entry(line, version, str(entry.get("rewritten", "")))
            abouts, inks = [], []
            for about in entry.get("stored", ()):
                if about["ink"] == "":
                    continue  # it was erased
                inks.append(unpack(about.pop("ink"), PIXELS))
                abouts.append(about)
            change = Change(
                int(entry["number"]),
                version,
                str(entry["time"]),
                str(entry["action"]),
                tuple(Drawing(**about, row=len(self.ids) + place) for place, about in enumerate(abouts)),
                dict(entry.get("changes", {})),
                entry.get("took_back"),
                tuple(map(str, entry.get("erases", ()))),
            )
            _check_entry(change)
            self._add_images(inks)
            self.ids += [drawing.id for drawing in change.stored]
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(f"not an entry: {error}") from error
        self.entries.append(change)
        self.erased.update(change.erases)
        apply(change, self.drawings)
        return change

    def snapshot(self) -> "Log":
        """The log as it is now, also while others append to this one. Nothing is appended to it."""
        copy = Log()
        copy.entries, copy.drawings, copy.ids = self.entries.copy(), self.drawings.copy(), self.ids.copy()
        copy.erased = self.erased.copy()
        copy._images = self._images  # rows that are filled stay as they are
        return copy

    def at(self, version: str) -> dict[str, Drawing]:
        """The drawings of an earlier version. Raises DataError where there is no such version."""
        drawings: dict[str, Drawing] = {}
        if version == EMPTY_VERSION:
            return drawings
        for entry in self.entries:
            apply(entry, drawings)
            if entry.version == version:
                return {identity: drawing for identity, drawing in drawings.items() if identity not in self.erased}
        raise DataError(f"There is no version {version!r} of the drawings; the present one is {self.version}.")

    def next_line(
        self,
        action: str,
        *,
        stored: Iterable[tuple[Drawing, str]] = (),
        changes: Mapping[str, Mapping[str, Any]] | None = None,
        took_back: int | None = None,
        erases: Sequence[str] = (),
    ) -> str:
        """The line of the next entry. It is not applied: it must be on the disk first.

        `stored`: drawings with their packed images.
        """
        number = self.entries[-1].number + 1 if self.entries else 1
        # Each entry names the one before it, and its version is a hash of its whole content.
        entry: dict[str, Any] = {
            "number": number,
            "version": "",
            "after": self.version,
            "time": timestamp(),
            "action": action,
        }
        if took_back is not None:
            entry["took_back"] = took_back
        if changes:
            entry["changes"] = changes
        if erases:
            entry["erases"] = erases
        abouts = [{name: getattr(drawing, name) for name in FIELDS} | {"ink": ink} for drawing, ink in stored]
        if abouts:
            entry["stored"] = abouts
        line = json.dumps(entry, separators=(",", ":"))
        return line.replace(VERSION_TEXT % "", VERSION_TEXT % f"{number}-{digest(line)}", 1)

    def near_duplicates(self, images: NDArray[np.uint8]) -> list[list[int]]:
        """For each new image (n, 784), the rows of its near-duplicates.

        The rows of the new images follow those of the stored images.
        """
        return self._near_duplicates.search(self.images, images)

    def _add_images(self, inks: list[bytes]) -> None:
        if any(len(ink) != PIXELS for ink in inks):
            raise ValueError("not an entry: an image of another size")
        rows = len(self.ids) + len(inks)
        if rows > len(self._images):
            # A new array of twice the length, so that views of the old one stay valid.
            self._images = np.concatenate([self.images, np.empty((max(rows, 256), PIXELS), np.uint8)])
        if inks:
            self._images[len(self.ids) : rows] = np.frombuffer(b"".join(inks), np.uint8).reshape(-1, PIXELS)


def _check_entry(entry: Change) -> None:
    """Raise ValueError for a field of another type, or a value that no drawing has."""
    for drawing in entry.stored:
        if not all(type(getattr(drawing, name)) is str for name in TEXTS) or type(drawing.check) is not int:
            raise ValueError("not an entry: a field of a drawing has another type")
    values = [{"label": drawing.label, "state": drawing.state} for drawing in entry.stored]
    for changed in [*values, *entry.changes.values()]:
        label, state = changed.get("label", 0), changed.get("state", STATES[0])
        if changed.keys() - {"label", "state"} or type(label) is not int or not 0 <= label <= 9 or state not in STATES:
            raise ValueError(f"not an entry: a drawing cannot have {changed!r:.60}")
    if not isinstance(entry.took_back, int | None):
        raise ValueError("not an entry: it takes back no number")


def apply(entry: Change, drawings: dict[str, Drawing]) -> None:
    """Apply an entry to the drawings, by their ids."""
    for drawing in entry.stored:
        drawings[drawing.id] = drawing
    for identity, values in entry.changes.items():
        if identity in drawings:
            drawings[identity] = replace(drawings[identity], **values)
    for identity in entry.erases:
        drawings.pop(identity, None)


def has_changes(line: str) -> bool:
    """Whether an entry changes stored drawings, without parsing it.

    Quotes inside a text are escaped, so that no text contains this.
    """
    return '"changes":{' in line or '"erases":[' in line


def check_entry(line: str, version: str, rewritten: str) -> None:
    """Raise ValueError unless the line is as it was written.

    The version is a hash of it. An entry from which drawings were erased keeps its version, by
    which runs name the drawings that they were trained on, and has a hash of what is left.
    """
    if rewritten:
        intact = rewritten == digest(line.replace(REWRITTEN_TEXT % rewritten, REWRITTEN_TEXT % "", 1))
    else:
        intact = version.endswith(digest(line.replace(VERSION_TEXT % version, VERSION_TEXT % "", 1)))
    if not intact:
        raise ValueError("not an entry: it is damaged")


def without_content(line: str, ids: Collection[str]) -> str:
    """An entry without the pixels, the strokes and the origin of these drawings."""
    if '"stored":[' not in line or not any(f'"id":{json.dumps(identity)}' in line for identity in ids):
        return line
    entry = parse_json(line)
    wanted = set(ids)
    entry["stored"] = [
        dict.fromkeys(about, "") | {"id": about["id"]} if about["id"] in wanted else about for about in entry["stored"]
    ]
    entry["rewritten"] = ""
    line = json.dumps(entry, separators=(",", ":"))
    return line.replace(REWRITTEN_TEXT % "", REWRITTEN_TEXT % digest(line), 1)


def digest(line: str) -> str:
    """8 hex digits of the SHA-256 of an entry without its version."""
    return sha256(line.encode()).hexdigest()[:8]


def pack(data: bytes) -> str:
    """Compressed, as text without commas or quotes."""
    return b64encode(zlib.compress(data)).decode()


def unpack(text: str, most: int) -> bytes:
    """The bytes that `pack` compressed.

    Raises ValueError if there are more than `most` of them, or if `pack` has not made the text. No
    more than that is ever unpacked: a few bytes could unpack to gigabytes.
    """
    try:
        data = zlib.decompressobj().decompress(b64decode(text, validate=True), most + 1)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"not a packed text: {error}") from error
    if len(data) > most:
        raise ValueError(f"more than {most} bytes when unpacked")
    return data


def timestamp() -> str:
    """The present time in UTC, to the second: 2026-01-31T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
