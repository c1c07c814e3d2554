"""Files: read raw or gzipped, written whole or not at all, added to under a lock; and a cache of parsed arrays."""

import gzip
import hashlib
import os
import shutil
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ENOSPC
from pathlib import Path
from typing import IO

import numpy as np
import platformdirs
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from dataset.digits import DataError

CHUNK = 1 << 20
CACHED_FILES = 8  # 47 MB each for 60,000 images
PATIENCE = 30  # seconds to wait for what another program writes

Stamp = tuple[int, int, int] | None


def path_of(text: str | Path) -> Path:
    """The path that a person wrote: ~ is their home folder, and that of nobody known stays as it is."""
    with suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def is_there(path: Path) -> bool:
    """False too where that cannot be told: the name is too long, or the folder closed."""
    try:
        return path.exists()
    except OSError:
        return False


@contextmanager
def open_raw(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file as they are; a failure to read them becomes a DataError."""
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


@contextmanager
def open_data(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked if they are gzipped, whatever its name says."""
    with open_raw(path) as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not packed:
            yield raw
            return
        try:
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield unpacked  # type: ignore[misc]
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            sentence = f"{path.name}: its gzip data is damaged or cut off ({error}). Get the file again."
            raise DataError(sentence) from error


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `path` only when everything is on the disk."""
    path = path.resolve()  # a link stays a link
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_new(files: dict[Path, bytes]) -> None:
    """Files that were not there before, packed where their name ends in .gz."""
    for path in files:
        if is_there(path):
            raise DataError(f"{path} exists already. Choose another name.")
    for path, data in files.items():
        try:
            with written_whole(path) as file:
                file.write(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error.strerror or error}. Choose another place.") from error


def stamp(path: Path | str) -> Stamp:
    """Changes whenever the file does."""
    try:
        about = os.stat(path)  # noqa: PTH116  # run tables look at thousands: a Path takes twice as long
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


def append(path: Path, data: bytes) -> None:
    """All of it with one write, on the disk when this returns."""
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=PATIENCE):
            yield
    except Timeout as error:
        raise DataError(f"{path} is held by another program for {PATIENCE} s. Close it and try again.") from error
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}. Set DIGITS_DRAWINGS to a file that can."
        ) from error


def cache_folder() -> Path:
    """Where downloads and parsed copies go; everything in it can be made again."""
    return platformdirs.user_cache_path("digit-lab", appauthor=False)


def content_hash(path: Path) -> str:
    """16 hex digits of the SHA-256 of a file."""
    digest = hashlib.sha256()
    with open_raw(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()[:16]


def cached(
    name: str, build: Callable[[], tuple[NDArray[np.uint8], NDArray[np.uint8]]]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images and labels from `<cache>/<name>.npz`, or built and kept there; a damaged copy is built anew."""
    path = cache_folder() / f"{name}.npz"
    with suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        with path.open("rb") as packed, np.load(packed, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
        if images.dtype == labels.dtype == np.uint8 and images.shape == (len(labels), 28, 28):
            return images, labels
    images, labels = build()
    with suppress(OSError):  # a full or read-only disk costs time at the next load, nothing else
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as target:
            np.savez(target, images=images, labels=labels)
        copies = sorted(path.parent.glob("*.npz"), key=lambda copy: copy.stat().st_mtime)
        for copy in copies[:-CACHED_FILES]:
            copy.unlink()
    return images, labels
