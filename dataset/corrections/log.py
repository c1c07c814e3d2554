"""The log of corrections: line after line what was said of an image's label, and so what holds after each."""

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from dataset.digits import Digits

RELABELLED, RIGHT, SET_ASIDE, TAKEN_BACK = VERDICTS = ("relabelled", "right", "set aside", "taken back")
COLUMNS = {  # what stands in each column, as a pattern and in words
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
    """What holds for an image: its label is another, or right, or it is set aside."""

    verdict: str
    label: int


@dataclass(frozen=True, eq=False)
class Corrections:
    """What holds for each image by its hash. `version` names this state for ever; empty where no label is changed."""

    version: str = ""
    of: dict[str, Correction] = field(default_factory=dict)

    @property
    def changed(self) -> int:
        """Images that have another label, or are left out."""
        return sum(correction.verdict != RIGHT for correction in self.of.values())

    def apply(self, digits: Digits) -> Digits:
        """The digits with the labels that people gave them, without those that were set aside."""
        if not self.changed:
            return digits
        labels, kept = digits.labels.copy(), np.ones(len(digits), bool)
        for row, image in enumerate(image_hashes(digits.images)):
            correction = self.of.get(image)
            if correction is None or correction.verdict == RIGHT:
                continue
            kept[row] = correction.verdict == RELABELLED
            labels[row] = correction.label
        return Digits(digits.images, labels, digits.source, digits.classes)[kept if not kept.all() else slice(None)]


def image_hashes(images: NDArray[np.uint8]) -> list[str]:
    """32 hex digits for each image: the same one has the same, whatever file it is in."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in images]


@dataclass(frozen=True)
class Line:
    """One entry, and the name of the version that came of it."""

    number: int
    version: str
    text: str


class CorrectionLog:
    """All lines, and what was said of each image by them. The header and damaged lines say nothing, and count."""

    def __init__(self) -> None:
        self.entries: list[Line] = []
        self._check = 0
        self._said: dict[str, list[tuple[str, Correction]]] = defaultdict(list)  # with who said so

    @property
    def version(self) -> str:
        return self.entries[-1].version if self.entries else ""

    def add(self, line: str) -> Line:
        self._check = crc32(line_bytes(line), self._check)
        number = len(self.entries) + 1
        self.entries.append(Line(number, f"{number}-{self._check:08x}", line))
        found = words(line)
        if fault(found) is None:
            _, image, _, verdict, label, session = found
            said = self._said[image]
            own = [place for place, (who, _) in enumerate(said) if who == session]
            if verdict != TAKEN_BACK:
                said.append((session, Correction(verdict, int(label))))
            elif own:
                del said[own[-1]]  # what others have said since holds
        return self.entries[-1]

    def corrections(self) -> Corrections:
        """What holds now."""
        found = Corrections(self.version, {image: said[-1][1] for image, said in self._said.items() if said})
        return found if found.changed else Corrections("", found.of)

    def at(self, version: str) -> "CorrectionLog | None":
        """The log as it was in an earlier version, None where there was none of that name."""
        if version not in (line.version for line in self.entries):
            return None
        earlier = CorrectionLog()
        for line in self.entries:
            if earlier.version != version:
                earlier.add(line.text)
        return earlier


def words(line: str) -> list[str]:
    return line.rstrip("\r").split(",")  # as a spreadsheet saves it


def fault(found: list[str]) -> tuple[str, str] | None:
    """What was expected and what is there, where the words of a line say nothing of an image."""
    if len(found) != len(COLUMNS):
        return f"{len(COLUMNS)} values", str(len(found))
    for (name, (pattern, what)), word in zip(COLUMNS.items(), found, strict=True):
        if not re.fullmatch(pattern, word):
            return f"{what} ({name})", repr(word[:40])
    return None


def line_text(data: bytes) -> str:
    """Any bytes at all, each as a letter, so that a damaged line is kept as it is; PostgreSQL takes no letter 0."""
    return data.decode("latin-1").replace("\0", "\u0100")


def line_bytes(text: str) -> bytes:
    return text.replace("\u0100", "\0").encode("latin-1") + b"\n"
