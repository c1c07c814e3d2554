"""Rows: drawings as lines of a CSV file, Kaggle's columns and then where each came from."""

import json
import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset.csv_format import PIXELS, Layout, parse_lines, split_line
from dataset.drawings.log import Drawing, NewDrawing, unpack

SOURCES = ("drawn", "uploaded", "imported")  # how a drawing came in
ABOUT = ("id", "time", "predicted", "confidence", "model", "session", "held_out", "duplicate_of", "strokes", "source")
FORMER = ("id", "time", "predicted", "confidence", "model", "session", "source")  # as files had them at first
KAGGLE = ("label", *(f"pixel{i}" for i in range(PIXELS)))
COLUMNS = (*KAGGLE, *ABOUT)
HEADER = ",".join(COLUMNS)
FORMER_HEADER = ",".join((*KAGGLE, *FORMER))
LONGEST_WORD = 100  # characters
PIXEL_TEXT = [f"{value}," for value in range(256)]


@dataclass(frozen=True)
class Contents:
    """What a file of drawings holds: whole lines, their labels and pixels (n, 785), and lines that are no rows."""

    lines: list[str]
    values: NDArray[np.uint8]
    damaged: list[str]

    def about(self, place: int) -> dict[str, str]:
        """The texts of a row; empty ones for the columns of a newer file than this."""
        words = split_line(self.lines[place])[1 + PIXELS :]
        names = ABOUT if len(words) == len(ABOUT) else FORMER
        return dict.fromkeys(ABOUT, "") | dict(zip(names, words, strict=True))


def read_rows(data: bytes) -> Contents:
    """Any bytes at all: what is no row is damaged, and nothing raises."""
    lines = [line.rstrip("\r") for line in text(data.removeprefix(b"\xef\xbb\xbf")).split("\n")]
    headed = tuple(split_line(lines[0])) in (COLUMNS, (*KAGGLE, *FORMER))
    # A row ends with a newline; one that lost it is whole only if even its last word is.
    last = lines.pop()
    torn = [last] if last.rpartition(",")[2] not in SOURCES else []
    lines = [line for line in [*lines[headed:], *([] if torn else [last])] if line.strip()]
    former = [
        len(line.split(",") if '"' not in line else split_line(line)) == len(KAGGLE) + len(FORMER) for line in lines
    ]
    values = np.empty((len(lines), 1 + PIXELS), np.uint8)
    good = np.zeros(len(lines), bool)
    for is_former, about in ((False, ABOUT), (True, FORMER)):
        places = [place for place, found in enumerate(former) if found == is_former]
        layout = Layout(1 + PIXELS + len(about), 0, tuple(range(1, 1 + PIXELS)), header=True)
        parsed, wrong = parse_lines([lines[place] for place in places], layout)
        bad = {place for place, _, _ in wrong}
        whole = [place for number, place in enumerate(places) if number not in bad]
        values[whole], good[whole] = parsed, True
    rows = [line for line, fine in zip(lines, good, strict=True) if fine]
    damaged = [line for line, fine in zip(lines, good, strict=True) if not fine]
    return Contents(rows, values[good], damaged + [line for line in torn if line])


def new_drawing(contents: Contents, place: int) -> NewDrawing:
    """A row as it was once stored, here or elsewhere."""
    texts, values = contents.about(place), contents.values[place]
    about = {name: word(value) for name, value in texts.items()}
    try:
        about["strokes"] = texts["strokes"] and json.dumps(json.loads(unpack(texts["strokes"])))
    except (ValueError, RecursionError, zlib.error):
        about["strokes"] = ""
    if about["held_out"] not in ("0", "1"):
        about["held_out"] = ""
    return NewDrawing(image=values[1:].reshape(28, 28), label=int(values[0]), **about)


def row(drawing: Drawing, image: bytes) -> str:
    return f"{drawing.label},{row_after_label(drawing, image)}"


def row_after_label(drawing: Drawing, image: bytes) -> str:
    """The line of a drawing without its label, which is the one thing in it that can change."""
    return "".join([PIXEL_TEXT[value] for value in image]) + ",".join([getattr(drawing, name) for name in ABOUT])


def check_of(drawing: Drawing, image: bytes) -> int:
    return zlib.crc32(file_bytes(row_after_label(drawing, image)))


def word(value: object) -> str:
    """Any text as one that breaks no row and fills no file."""
    return re.sub(r'[\s,"\x00-\x1f\x7f]+', " ", str(value)).strip()[:LONGEST_WORD]


def text(data: bytes) -> str:
    """Any bytes at all, so that what is damaged can be set aside as it was."""
    return data.decode("utf-8", errors="surrogateescape")


def file_bytes(line: str) -> bytes:
    return line.encode("utf-8", errors="surrogateescape")


def lines_bytes(lines: list[str]) -> bytes:
    return file_bytes("".join(f"{line}\n" for line in lines))
