"""The log of label corrections: a line for each judgement, and the corrections that result."""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from dataset.digits import Digits

RELABELLED, RIGHT, SET_ASIDE, TAKEN_BACK = VERDICTS = ("relabelled", "right", "set aside", "taken back")
COLUMNS = {  # the content of each column, as a pattern and in words
    "time": ("[ -~]+", "a time"),
    "image": ("[0-9a-f]{32}", "the 32 hex digits of an image"),
    "given": ("[0-9]", "a label from 0 to 9"),
    "verdict": ("|".join(VERDICTS), ", ".join(VERDICTS[:-1]) + f" or {VERDICTS[-1]}"),
    "label": ("[0-9]", "a label from 0 to 9"),
    "session": ("[0-9A-Za-z]*", "letters and digits"),
}
HEADER = ",".join(COLUMNS)


@dataclass(frozen=True)
class Correction:
    """The judgement of an image: relabelled, right or set aside; `label` is the correct label."""

    verdict: str
    label: int


@dataclass(frozen=True, eq=False)
class Corrections:
    """The correction of each image, by the hash of the image.

    `version` names this state; it is empty if no label changes.
    """

    version: str = ""
    by_image: dict[str, Correction] = dataclass_field(default_factory=dict)

    @property
    def changed(self) -> int:
        """The number of images that are relabelled or left out."""
        return sum(correction.verdict != RIGHT for correction in self.by_image.values())

    def apply(self, digits: Digits) -> Digits:
        """The digits with corrected labels, without those that are set aside."""
        if not self.changed:
            return digits
        labels, kept = digits.labels.copy(), np.ones(len(digits), bool)
        for row, image in enumerate(image_hashes(digits.images)):
            correction = self.by_image.get(image)
            if correction is None or correction.verdict == RIGHT:
                continue
            kept[row] = correction.verdict == RELABELLED
            labels[row] = correction.label
        return Digits(digits.images, labels, digits.source, digits.classes)[kept if not kept.all() else slice(None)]


def image_hashes(images: NDArray[np.uint8]) -> list[str]:
    """32 hex digits for each image. Equal images have equal hashes in every file."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in images]


@dataclass(frozen=True)
class Line:
    """One line of the log, and the version after it."""

    number: int
    version: str
    text: str


class CorrectionLog:
    """All lines. The header and damaged lines change no correction, but they change the version."""

    def __init__(self) -> None:
        self.entries: list[Line] = []
        self._check = 0
        # image -> (session, correction)
        self._history: dict[str, list[tuple[str, Correction]]] = defaultdict(list)

    @property
    def version(self) -> str:
        """The name of the present state; empty before the first line."""
        return self.entries[-1].version if self.entries else ""

    def append(self, line: str) -> Line:
        """Apply the next line. TAKEN_BACK removes the session's last correction of the image."""
        self._check = crc32(encode_line(line), self._check)
        number = len(self.entries) + 1
        self.entries.append(Line(number, f"{number}-{self._check:08x}", line))
        fields = split_fields(line)
        if first_fault(fields) is None:
            _, image, _, verdict, label, session = fields
            history = self._history[image]
            own = [place for place, (other, _) in enumerate(history) if other == session]
            if verdict != TAKEN_BACK:
                history.append((session, Correction(verdict, int(label))))
            elif own:
                del history[own[-1]]  # later corrections by others stay
        return self.entries[-1]

    def corrections(self) -> Corrections:
        """The present correction of each image."""
        latest = {image: history[-1][1] for image, history in self._history.items() if history}
        found = Corrections(self.version, latest)
        return found if found.changed else Corrections("", found.by_image)

    def at(self, version: str) -> "CorrectionLog | None":
        """The log of an earlier version, None where there is no such version."""
        if version not in (line.version for line in self.entries):
            return None
        earlier = CorrectionLog()
        for line in self.entries:
            if earlier.version != version:
                earlier.append(line.text)
        return earlier


def split_fields(line: str) -> list[str]:
    """The fields of a line, which a spreadsheet may have ended with a carriage return."""
    return line.rstrip("\r").split(",")


def first_fault(fields: list[str]) -> tuple[str, str] | None:
    """The first fault of the fields, as (what was expected, what was found); None without one."""
    if len(fields) != len(COLUMNS):
        return f"{len(COLUMNS)} values", str(len(fields))
    for (name, (pattern, expected)), field in zip(COLUMNS.items(), fields, strict=True):
        if not re.fullmatch(pattern, field):
            return f"{expected} ({name})", repr(field[:40])
    return None


def decode_line(data: bytes) -> str:
    """Any bytes as text, one character for each byte, so that damaged lines stay unchanged.

    Byte 0 becomes another character, because PostgreSQL stores no text that contains it.
    """
    return data.decode("latin-1").replace("\0", "\u0100")


def encode_line(text: str) -> bytes:
    """The bytes of a line with its newline, the inverse of `decode_line`."""
    return text.replace("\u0100", "\0").encode("latin-1") + b"\n"
