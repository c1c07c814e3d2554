"""Files: read raw or gzipped, replace atomically, append under a lock; a cache of parsed arrays."""

import gzip
import hashlib
import io
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path
from typing import IO, Any

import numpy as np
import platformdirs
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from dataset.digits import DataError
from dataset.leftovers import temporary
from model.array_files import open_arrays
from model.reading import DamagedError

CHUNK = 1 << 20
GZIP_RATIO = 100  # unpacked bytes for each packed byte, above the size LEAST_UNPACKED
LEAST_UNPACKED = 1 << 26
GZIP_MAGIC = b"\x1f\x8b"
CACHED_FILES = 8  # 47 MB each for 60,000 images
LOCK_TIMEOUT = 30  # seconds to wait while another program writes

Stamp = tuple[int, int, int] | None


def path_of(text: str | Path) -> Path:
    """The path that a person typed, with ~ expanded if that user exists."""
    with suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def is_there(path: Path) -> bool:
    """Whether a path exists; False for a name that is too long or a folder that is not readable."""
    try:
        return path.exists()
    except OSError:
        return False


@contextmanager
def open_raw(path: Path) -> Iterator[IO[bytes]]:
    """The raw bytes of a file. Raises DataError where it cannot be read."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def open_data(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, decompressed if they are gzip data, for any file name.

    Raises DataError where the gzip data are damaged, or unpack to more than digits ever do.
    """
    with open_raw(path) as raw:
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        if not packed:
            yield raw
            return
        try:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield io.BufferedReader(LimitedReader(unpacked, path.name, most_unpacked(path)), CHUNK)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            sentence = f"{path.name}: its gzip data is damaged or cut off ({error}). Get the file again."
            raise DataError(sentence) from error


def most_unpacked(path: Path) -> int:
    """The most bytes that the gzip data of a file may unpack to. MNIST's have ratios of 5 to 8."""
    return max(LEAST_UNPACKED, GZIP_RATIO * path.stat().st_size)


class LimitedReader(io.RawIOBase):
    """The bytes of an unpacked file; reading more than `most` raises DataError."""

    def __init__(self, file: gzip.GzipFile, name: str, most: int) -> None:
        self._file, self._name, self._most = file, name, most

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read from any place."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        if whence == io.SEEK_END:  # which a GzipFile finds only by reading to its end
            while self._file.read(CHUNK):
                self._check()
            offset, whence = self._file.tell() + offset, io.SEEK_SET
        return self._file.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer; -> the number of bytes, 0 at the end."""
        data = self._file.read(len(memoryview(buffer)))
        self._check()
        memoryview(buffer)[: len(data)] = data
        return len(data)

    def _check(self) -> None:
        if self._file.tell() > self._most:
            raise DataError(f"{self._name} unpacks to more than {self._most:,} bytes. Unpack it yourself and check it.")


@contextmanager
def atomic_write(path: Path, *, durable: bool = True) -> Iterator[IO[bytes]]:
    """A temporary file that replaces `path` after everything is written, if `durable` to the disk.

    Waiting for the disk takes some milliseconds. It is needed for all that a power cut may not
    take away.
    """
    path = path.resolve()  # a link stays a link to the new file
    with temporary(path, lambda new: new.touch(exist_ok=False)) as new:
        with new.open("wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, new)
        new.replace(path)


def write_new(files: dict[Path, bytes]) -> None:
    """Write new files, compressed where the name ends in .gz. Raises DataError if one exists."""
    for path in files:
        if is_there(path):
            raise DataError(f"{path} exists already. Choose another name.")
    for path, data in files.items():
        try:
            with atomic_write(path) as file:
                file.write(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}. Choose another place.") from error


def stamp(path: Path | str) -> Stamp:
    """A value that changes when the file changes; None if there is no file."""
    try:
        # Run tables check thousands of files, and Path.stat takes twice as long.
        about = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


def append(path: Path, data: bytes) -> None:
    """Append with a single write; the data are on the disk when this returns."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o666)
    try:
        size = os.fstat(file).st_size
        if os.write(file, data) < len(data):
            os.ftruncate(file, size)
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        os.fsync(file)
    finally:
        os.close(file)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file that several programs write. Raises DataError after 30 s."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=LOCK_TIMEOUT):
            yield
    except Timeout as error:
        raise DataError(f"{path} is held by another program for {LOCK_TIMEOUT} s. Close it and try again.") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}. Set DIGITS_DRAWINGS to a file that can."
        ) from error


def cache_folder() -> Path:
    """The folder of downloads and parsed copies. All its files can be made again."""
    return platformdirs.user_cache_path("digit-lab", appauthor=False)


def content_hash(path: Path) -> str:
    """16 hex digits of the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open_raw(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()[:16]


def read_digits(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (n, 28, 28) and labels (n,) of a .npz file. Raises OSError and DamagedError."""
    with open_arrays(path) as file:
        labels = file.read("labels", "u1", (None,))
        return file.read("images", "u1", (len(labels), 28, 28)), labels


def cached(
    name: str, build: Callable[[], tuple[NDArray[np.uint8], NDArray[np.uint8]]]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images and labels from `<cache>/<name>.npz`, or built and cached there.

    A damaged copy is built again.
    """
    path = cache_folder() / f"{name}.npz"
    with suppress(OSError, DamagedError):
        return read_digits(path)
    images, labels = build()
    with suppress(OSError):  # on a full or read-only disk the next load is slower
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as target:
            np.savez(target, images=images, labels=labels)
        copies = sorted(path.parent.glob("*.npz"), key=lambda copy: copy.stat().st_mtime)
        for copy in copies[:-CACHED_FILES]:
            copy.unlink()
    return images, labels
