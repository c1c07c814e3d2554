"""Values of JSON files as types: dataclasses, moments and durations; anything else is damage."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import msgspec

from model.reading import DamagedError

T = TypeVar("T")
Moment: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""Seconds since 1970. A page could not show a year above 10,000."""
Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=-1e11, le=1e11)]
"""A duration. It may be negative after a clock was set back."""
MOST_BLANK = 1 << 16  # bytes that a file of zeros may have


def as_type(value: Any, kind: type[T]) -> T:
    """A JSON value as a value of this type. Raises DamagedError."""
    try:
        return msgspec.convert(value, kind)
    except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise DamagedError(f"{error}.") from error


def is_blank(path: Path) -> bool:
    """Whether a file is empty or holds only zeros, as after a power cut."""
    try:
        return path.stat().st_size < MOST_BLANK and not path.read_bytes().strip(b"\0")
    except OSError:
        return False
