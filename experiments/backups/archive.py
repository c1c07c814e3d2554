"""Archive: the file of a backup. A zip file without compression, with a list of its contents.

Nothing in it is compressed, so it never unpacks to more than its own size, and a list of all files
with their hashes (backup.json) decides what is restored, and where.
"""

from __future__ import annotations

import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from dataset.files import CHUNK, is_there, path_of
from model.errors import DigitLabError

LIST = "backup.json"
FORMAT, VERSION = "digit-lab-backup", 1
RUNS, DRAWINGS = "runs", "drawings"  # the two folders of an archive
LONGEST_LIST = 1 << 28  # bytes
FORBIDDEN = '\\:*?"<>|' if os.name == "nt" else "\\"  # in the name of a file
LATEST = 2**62  # nanoseconds since 1970, which every file system can store
DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    EOFError,
    ValueError,
    KeyError,
    RuntimeError,  # "encrypted", also NotImplementedError and RecursionError
    OverflowError,
    MemoryError,
)


class BackupError(DigitLabError):
    """A backup that cannot be made or restored, and what to do."""


class Entry(msgspec.Struct, frozen=True):
    """A file of a backup. `modified`: nanoseconds since 1970."""

    bytes: int
    sha256: str
    modified: int


class Contents(msgspec.Struct, frozen=True):
    """The list of a backup. `missing`: sentences about what could not be copied."""

    format: str
    version: int
    created: str
    files: dict[str, Entry]
    folders: dict[str, int]  # the time of change of each
    missing: tuple[str, ...] = ()

    def count(self, folder: str, file: str) -> int:
        """How many folders in this folder have this file."""
        places = (name.removesuffix(f"/{file}") for name in self.files if name.endswith(f"/{file}"))
        return sum(place.rpartition("/")[0] == folder for place in places)


class ArchiveWriter:
    """Writes a new archive into an open file. `close` adds the list."""

    def __init__(self, file: IO[bytes], created: str) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._created = created
        self.files: dict[str, Entry] = {}
        self.folders: dict[str, int] = {}
        self.missing: list[str] = []

    def add_file(self, name: str, path: Path) -> bool:
        """Copy a file as long as it is now; -> whether it was there."""
        try:
            with path.open("rb") as file:
                about = os.fstat(file.fileno())
                chunks = (file.read(min(CHUNK, about.st_size - at)) for at in range(0, about.st_size, CHUNK))
                self._add(name, chunks, about.st_size, about.st_mtime_ns)
        except FileNotFoundError:
            return False
        return True

    def add_bytes(self, name: str, content: bytes, modified: int) -> None:
        """Add a file with this content."""
        self._add(name, iter([content]), len(content), modified)

    def forget(self, folder: str) -> None:
        """Take a folder out of the list, so that it is not restored."""
        self.files = {name: entry for name, entry in self.files.items() if not name.startswith(f"{folder}/")}
        self.folders = {name: at for name, at in self.folders.items() if not f"{name}/".startswith(f"{folder}/")}

    def close(self) -> Contents:
        """Write the list; -> the list."""
        contents = Contents(FORMAT, VERSION, self._created, self.files, self.folders, tuple(self.missing))
        self._zip.writestr(LIST, msgspec.json.encode(contents))
        self._zip.close()
        return contents

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with suppress(ValueError, OSError):  # after an error the file is removed, whatever is in it
            self._zip.close()

    def _add(self, name: str, chunks: Iterator[bytes], expected: int, modified: int) -> None:
        digest, size = sha256(), 0
        with self._zip.open(zipfile.ZipInfo(name), "w", force_zip64=expected > 1 << 30) as target:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        self.files[name] = Entry(size, digest.hexdigest(), max(0, modified))


class ArchiveReader:
    """Reads an archive that may be damaged or made by an attacker: each fault is a BackupError."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.path = path
        self._zip = archive
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in archive.infolist():
            self._check_member(member)
            self._members[member.filename] = member
        if sum(member.file_size for member in self._members.values()) > path.stat().st_size:
            raise self._refused("its files are larger than the archive")
        self.contents = self._read_list()
        for name in {*self.contents.files, *self.contents.folders}:
            self._check_name(name)
        for name, entry in self.contents.files.items():
            if name not in self._members or self._members[name].file_size != entry.bytes:
                raise self._refused(f"{name!r} is missing or of another length")

    @property
    def size(self) -> int:
        """The bytes of all files."""
        return sum(entry.bytes for entry in self.contents.files.values())

    def extract(self, target: Path) -> None:
        """Write all files into a new folder, and compare each with its hash."""
        target.mkdir()
        for name in self.contents.folders:
            (target / name).mkdir(parents=True, exist_ok=True)
        for name, entry in self.contents.files.items():
            path, digest = target / name, sha256()
            path.parent.mkdir(parents=True, exist_ok=True)
            with readable(self.path), self._zip.open(self._members[name]) as source, path.open("xb") as file:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            if digest.hexdigest() != entry.sha256:
                raise self._refused(f"{name!r} has another content than when it was saved")
            os.utime(path, ns=(entry.modified, entry.modified))
        for name in sorted(self.contents.folders, key=len, reverse=True):  # the inner ones first
            os.utime(target / name, ns=(self.contents.folders[name],) * 2)

    def _read_list(self) -> Contents:
        member = self._members.get(LIST)
        if member is None or member.file_size > LONGEST_LIST:
            raise BackupError(f"{self.path} is not a backup of Digit Lab: it has no {LIST}.")
        with readable(self.path):
            contents = msgspec.json.decode(self._zip.read(member), type=Contents)
        if contents.format != FORMAT or contents.version != VERSION:
            raise BackupError(
                f"{self.path} is a backup of version {contents.version}, and this Digit Lab reads version {VERSION}. "
                "Restore it with the Digit Lab that made it."
            )
        return contents

    def _check_member(self, member: zipfile.ZipInfo) -> None:
        mode = member.external_attr >> 16
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise self._refused(f"{member.filename!r} is compressed, which a backup never is")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG) or member.flag_bits & 1:
            raise self._refused(f"{member.filename!r} is no ordinary file")
        if member.filename in self._members:
            raise self._refused(f"{member.filename!r} is there twice")

    def _check_name(self, name: str) -> None:
        top, _, rest = name.partition("/")
        entry = self.contents.files.get(name)
        modified = entry.modified if entry else self.contents.folders[name]
        if not is_safe_name(name) or top not in (RUNS, DRAWINGS) or (entry and not rest):
            raise self._refused(f"{name!r} is no name of a file in a backup")
        if not 0 <= modified < LATEST:
            raise self._refused(f"{name!r} has an impossible time")

    def _refused(self, fault: str) -> BackupError:
        return BackupError(f"{self.path} is damaged or is no backup: {fault}. Nothing was restored. Use another copy.")


@contextmanager
def open_archive(path: str | Path) -> Iterator[ArchiveReader]:
    """The archive in this file, with its list checked. Raises BackupError."""
    path = path_of(path)
    if not is_there(path):
        raise BackupError(f"There is no file {path}. Give the path of a backup.")
    with readable(path), zipfile.ZipFile(path) as archive:
        reader = ArchiveReader(path, archive)
        yield reader


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn the errors of a damaged archive into a BackupError."""
    try:
        yield
    except DigitLabError:
        raise
    except OSError as error:
        raise BackupError(f"{path} cannot be restored: {error.strerror or error}.") from error
    except DAMAGE as error:
        raise BackupError(f"{path} is damaged or is no backup: {error}. Nothing was restored.") from error


def is_safe_name(name: str) -> bool:
    """Whether a path stays in its folder: relative, without "..", and printable."""
    parts = name.split("/")
    return (
        name.isprintable()
        and len(name) <= 1000
        and not set(name) & set(FORBIDDEN)
        and all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in parts)
    )
