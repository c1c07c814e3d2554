"""Corrections: what people said about labels that came with digits, kept beside the drawings; no file is changed."""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from dataset.digits import DIGIT_CLASSES, DataError, Digits
from dataset.drawings import drawings_file
from dataset.drawings.csv_store import Stamp, append, locked, stamp
from dataset.files import open_raw

COLUMNS = ("time", "image", "given", "verdict", "label", "session")
HEADER = ",".join(COLUMNS) + "\n"
RELABELLED, RIGHT, SET_ASIDE, TAKEN_BACK = VERDICTS = ("relabelled", "right", "set aside", "taken back")
NEWEST = "newest"  # the version that is there when it is asked for


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


def corrections_file() -> Path:
    return drawings_file().with_name("label_corrections.csv")


def image_hashes(images: NDArray[np.uint8]) -> list[str]:
    """32 hex digits for each image: the same one has the same, whatever file it is in."""
    return [hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in images]


def correct_label(image: str, verdict: str, *, given: int, label: int, session: str = "") -> None:
    """Put down what was said about the image with this hash, whose label was given as that; for good on return."""
    if verdict not in VERDICTS:
        raise DataError(f"A label is {', '.join(VERDICTS)}, got {verdict!r}.")
    if label not in range(10):
        raise DataError(f"A label must be 0 to 9, got {label!r}.")
    if not f"{image}{session}".isalnum():
        raise DataError(f"The names of an image and of a session are letters and digits, got {image!r}, {session!r}.")
    path = corrections_file()
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = f"{now},{image},{given},{verdict},{label},{session}\n"
    with locked(path):
        before = _bytes(path)
        # a line that a crash left unfinished ends here, and is read as none
        start = "" if before.endswith(b"\n") else "\n" if before else HEADER
        append(path, (start + row).encode())


def load_corrections(version: str = NEWEST) -> Corrections:
    """What holds now, or held in an earlier version; empty: the labels as they came. Raises DataError."""
    if not version:
        return Corrections()
    path = corrections_file()
    newest = _corrections(path, stamp(path), 0)
    if version in (NEWEST, newest.version):
        return newest
    lines = version.partition("-")[0]
    found = _corrections(path, stamp(path), int(lines)) if lines.isdecimal() and int(lines) else Corrections()
    if found.version != version:
        raise DataError(
            f"{path} does not hold the corrected labels {version}. Put that file back, or train on the labels as they "
            "came."
        )
    return found


@lru_cache(maxsize=8)
def _corrections(path: Path, _when: Stamp, lines: int) -> Corrections:
    """By the first so many lines of the file; 0: all that are whole."""
    data = _bytes(path)
    whole = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)[: lines or None]
    verdicts: dict[str, list[tuple[str, Correction]]] = defaultdict(list)  # with who said so
    for line in whole:
        row = line.decode(errors="replace").strip().split(",")
        if len(row) != len(COLUMNS) or row[3] not in VERDICTS or row[4] not in DIGIT_CLASSES:
            continue  # the header, or a damaged line
        _, image, _, verdict, label, session = row
        said = verdicts[image]
        if verdict != TAKEN_BACK:
            said.append((session, Correction(verdict, int(label))))
            continue
        own = [place for place, (who, _) in enumerate(said) if who == session]
        if own:
            del said[own[-1]]  # what others have said since holds
    found = Corrections(
        f"{len(whole)}-{crc32(b''.join(whole)):08x}", {i: said[-1][1] for i, said in verdicts.items() if said}
    )
    return found if found.changed else Corrections("", found.of)


def _bytes(path: Path) -> bytes:
    if not path.exists():
        return b""
    with open_raw(path) as file:
        return file.read()
