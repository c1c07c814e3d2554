"""Strokes: what the canvas sent as JSON, packed for storing and unpacked one drawing at a time."""

import json
from collections.abc import Sequence
from typing import overload

from dataset.drawings.log import pack, unpack
from model.reading import DamagedError, parse_json

PACKED_LIMIT = 40_000  # characters; a line of the CSV file stays below 64 KB
UNPACKED_LIMIT = 200_000  # bytes of JSON; a long drawing by hand has 60,000


def pack_strokes(strokes: str) -> str:
    """The strokes' JSON, packed; empty where it is damaged or too long to be stored."""
    if not strokes:
        return ""
    try:
        text = json.dumps(parse_json(strokes), separators=(",", ":")).encode()
    except DamagedError:
        return ""
    packed = pack(text) if len(text) <= UNPACKED_LIMIT else ""
    return packed if len(packed) <= PACKED_LIMIT else ""


def unpack_strokes(packed: str) -> str:
    """The strokes' JSON; empty where it is too long or damaged."""
    try:
        return unpack(packed, UNPACKED_LIMIT).decode()
    except ValueError:
        return ""


class PackedStrokes(Sequence[str]):
    """The strokes of many drawings as JSON. Each is unpacked when it is asked for, and not kept."""

    def __init__(self, packed: Sequence[str]) -> None:
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "PackedStrokes": ...
    def __getitem__(self, place: int | slice) -> "str | PackedStrokes":
        found = self._packed[place]
        return unpack_strokes(found) if isinstance(found, str) else PackedStrokes(found)
