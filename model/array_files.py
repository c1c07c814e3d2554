"""Array files: arrays by name in a .npz file, each checked by its header before it is read.

Nothing is unpickled, no header is evaluated, and no array is read that nobody asked for.
"""

import math
import os
import re
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from model.reading import DamagedError, decoding

Array: TypeAlias = npt.NDArray[Any]
CURE = "use another copy of the file."
CHUNK = 1 << 18  # bytes read at once, few enough for the cache of the processor
KINDS = {"f": "float", "i": "int", "U": "a text"}
MOST_BYTES = 1 << 29  # of an array whose shape is not known in advance
MOST_DIRECTORY = 1 << 20  # bytes of the table of contents, about 10,000 arrays
DIRECTORY_END = struct.Struct("<4s4H2LH")  # the last bytes of a .zip file without a comment
MAGIC = b"\x93NUMPY\x01\x00"
HEADER = re.compile(
    rb"\{'descr': '([<>|=]?[biufU]\d{1,8})', 'fortran_order': (True|False), 'shape': \(([\d, ]{0,120})\), \} *\n"
)


class Header(NamedTuple):
    """Type and shape of an array, and where its numbers begin."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    is_fortran: bool  # whether the first axis varies fastest
    start: int

    @property
    def size(self) -> int:
        """Bytes of its numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


class ArrayFile:
    """An open .npz file."""

    def __init__(self, archive: zipfile.ZipFile, subject: object) -> None:
        self._archive, self._subject = archive, subject
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    @property
    def names(self) -> list[str]:
        """The names of its arrays."""
        return list(self._entries)

    def read(self, name: str, kinds: str, shape: tuple[int | None, ...] | None = None, most: int = MOST_BYTES) -> Array:
        """An array, if its type is one of `kinds` and its shape fits. Raises DamagedError.

        A kind is a letter of NumPy, with or without its bytes: "f" or "u1". None in the shape, or
        instead of it, fits any length, as long as the array has at most `most` bytes.
        """
        if name not in self._entries:
            raise DamagedError(f"{self._subject} lacks the array {name!r}; {CURE}")
        entry = self._entries[name]
        # Stored as it is, an array cannot take more memory than the file has bytes.
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise DamagedError(f"{self._subject}: the array {name!r} is compressed; {CURE}")
        with decoding(self._subject, CURE), self._archive.open(entry) as file:
            header = _read_header(file)
            self._check(name, header, kinds, shape, most)
            values = np.empty(math.prod(header.shape), header.dtype)
            data, filled = values.view(np.uint8).data, 0
            while filled < header.size:
                count = file.readinto(data[filled : filled + CHUNK])  # type: ignore[attr-defined]
                if not count:
                    raise EOFError(f"the array {name!r} is cut off")
                filled += count
            file.read(1)  # at the end of the data its checksum is compared
            return values.reshape(header.shape, order="F" if header.is_fortran else "C")

    def _check(self, name: str, header: Header, kinds: str, shape: tuple[int | None, ...] | None, most: int) -> None:
        """Raise DamagedError unless the array is what was asked for, and as long as it says."""
        is_wanted = {header.dtype.kind, header.dtype.str[1:]} & set(kinds.split())
        if not is_wanted or not _fits(header.shape, shape):
            wanted, found = KINDS.get(kinds, kinds), f"{header.dtype} {header.shape}"
            raise DamagedError(f"{self._subject}: the array {name!r} should be {wanted} {shape}, got {found}.")
        if (shape is None or None in shape) and header.size > most:
            raise DamagedError(f"{self._subject}: {name!r} has {header.size:,} bytes, expected at most {most:,}.")
        if self._entries[name].file_size != header.start + header.size:
            raise DamagedError(f"{self._subject} is damaged: the array {name!r} is not as long as it should be; {CURE}")

    def text(self, name: str, most: int = 1 << 24) -> str:
        """The text in an array of one text. Raises DamagedError."""
        text = self.read(name, "U", (), most)
        with decoding(self._subject, CURE):
            order = "be" if text.dtype.str[0] == ">" else "le"
            return text.tobytes().decode(f"utf-32-{order}").rstrip("\0")


@contextmanager
def open_arrays(path: str | os.PathLike[str]) -> Iterator[ArrayFile]:
    """The arrays of a .npz file. Raises OSError where it cannot be opened, and DamagedError."""
    with Path(path).open("rb") as file:
        with decoding(path, CURE):
            _check_directory(file, path)
            arrays = ArrayFile(zipfile.ZipFile(file), path)
        yield arrays


def read_array(path: str | os.PathLike[str], kinds: str) -> Array:
    """The only array of a .npy file. Raises OSError, and DamagedError for another type."""
    with Path(path).open("rb") as file, decoding(path, CURE):
        header = _read_header(file)
        if header.dtype.str[1:] not in kinds.split() or header.start + header.size != Path(path).stat().st_size:
            raise DamagedError(f"{path} should hold one array of {kinds}.")
        return np.frombuffer(file.read(), header.dtype).reshape(header.shape)


def _check_directory(file: IO[bytes], path: object) -> None:
    """Raise DamagedError for a table of contents that is longer than the arrays need.

    The class ZipFile reads the whole table, at a place that the end of the file gives. It looks for
    this end in other places too, for formats that NumPy writes only for files above 2 GB.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - DIRECTORY_END.size - 20))
    tail = file.read()
    if len(tail) < DIRECTORY_END.size:
        raise DamagedError(f"{path} is not a .npz file, or is incomplete; {CURE}")
    magic, *_, length, _, comment = DIRECTORY_END.unpack(tail[-DIRECTORY_END.size :])
    if magic != b"PK\5\6" or comment or tail.startswith(b"PK\6\7") or length > min(size, MOST_DIRECTORY):
        raise DamagedError(f"{path} is not a .npz file, or is incomplete; {CURE}")
    file.seek(0)


def _read_header(file: Any) -> Header:
    """The header of an array, which NumPy writes as the text of a Python dict.

    NumPy's own reader evaluates that text as Python code, which raises many types of exceptions.
    """
    start = file.read(len(MAGIC) + 2)
    if len(start) < len(MAGIC) + 2 or not start.startswith(MAGIC):
        raise ValueError("a header is not that of an array")
    length = int.from_bytes(start[-2:], "little")
    found = HEADER.fullmatch(file.read(length))
    if not found:
        raise ValueError("a header is not that of an array of numbers")
    kind, is_fortran, sizes = found.groups()
    shape = tuple(int(size) for size in sizes.split(b",") if size.strip())
    return Header(np.dtype(kind.decode()), shape, is_fortran == b"True", len(start) + length)


def _fits(shape: tuple[int, ...], expected: tuple[int | None, ...] | None) -> bool:
    if expected is None:
        return True
    return len(shape) == len(expected) and all(
        wanted in (None, length) for length, wanted in zip(shape, expected, strict=True)
    )
