"""Downloads: the four IDX files of MNIST and Fashion-MNIST, from mirrors in order, checked and put into the cache."""

import hashlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock

from dataset.digits import DataError
from dataset.files import CHUNK, cache_folder, open_data, written_whole
from dataset.idx import read_idx

PARTS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
TIMEOUT = (5, 20)  # seconds to connect, seconds without a byte


@dataclass(frozen=True)
class Origin:
    """Where the four files are, and the digests they must have: SHA-256 unpacked, or MD5 of the .gz."""

    mirrors: tuple[str, ...]
    sha256: dict[str, str]
    md5: dict[str, str]


SHIPPED = "mnist-minus-5k-test"  # what the shipped weights learn from, so that their score on mnist-5k is honest
ORIGINS = {
    "mnist": Origin(
        mirrors=(
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ),
        sha256={
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
        md5={},
    ),
    "fashion-mnist": Origin(
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        sha256={},
        md5={
            "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
            "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
            "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
        },
    ),
}


def download(name: str, progressbar: Any = False) -> Path:
    """Put the four files of `mnist` or `fashion-mnist` into the cache, unpacked; -> their folder.

    progressbar: True for a bar on the terminal, or an object with total, update(n), reset() and close(), as tqdm has.
    """
    if name == SHIPPED:
        name = "mnist"  # of which it is a part
    origin = ORIGINS.get(name)
    if origin is None:
        raise DataError(f"{name!r} cannot be downloaded. Choose one of: {', '.join(ORIGINS)}.")
    folder = cache_folder() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "download.lock"):
            for part in PARTS:
                if not _is_good(folder / part, origin.sha256.get(part)):
                    _fetch(name, part, origin, folder / part, progressbar)
    except OSError as error:
        raise DataError(f"{folder} cannot be written: {error.strerror or error}.") from error
    return folder


def _fetch(name: str, part: str, origin: Origin, target: Path, progressbar: Any) -> None:
    import pooch
    import requests

    failures = []
    for mirror in origin.mirrors:
        host = urlsplit(mirror).netloc
        with tempfile.TemporaryDirectory(dir=target.parent) as folder, _bar(progressbar, part) as bar:
            packed = Path(folder) / f"{part}.gz"
            try:
                fetch = pooch.HTTPDownloader(progressbar=bar, chunk_size=64 * 1024, timeout=TIMEOUT)
                fetch(f"{mirror}{part}.gz", str(packed), None)
                _unpack(packed, target, origin.sha256.get(part), origin.md5.get(part))
                return
            except requests.HTTPError as error:
                failures.append(str(error))
            except requests.RequestException:
                failures.append(f"no connection to {host}")
            except DataError as error:
                failures.append(f"{host}: {error}")
    raise DataError(
        f"{name} is not on this computer and cannot be downloaded ({'; '.join(failures)}). "
        f"Use mnist-5k, which needs no network, or put the four files into the folder that DIGITS_DATA names."
    )


def _unpack(packed: Path, target: Path, sha256: str | None, md5: str | None) -> None:
    if md5 and hashlib.md5(packed.read_bytes(), usedforsecurity=False).hexdigest() != md5:
        raise DataError("its file is not the original one (another MD5)")
    digest = hashlib.sha256()
    with open_data(packed) as source, written_whole(target) as file:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            file.write(chunk)
        if sha256 and digest.hexdigest() != sha256:
            raise DataError("its file is not the original one (another SHA-256)")


def _is_good(path: Path, sha256: str | None) -> bool:
    try:
        read_idx(path, sha256 or "")
    except DataError:
        return False
    return True


@contextmanager
def _bar(progressbar: Any, description: str) -> Iterator[Any]:
    if progressbar is not True:
        yield progressbar
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=sys.stderr)) as progress:
        yield _RichBar(progress, description)


class _RichBar:
    """A rich progress bar with the four names that pooch asks of one."""

    def __init__(self, progress: Any, description: str) -> None:
        self.progress = progress
        self.task = progress.add_task(description)
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, total: int) -> None:
        self._total = total
        self.progress.update(self.task, total=total)

    def update(self, received: int) -> None:
        self.progress.advance(self.task, received)

    def reset(self) -> None:
        self.progress.reset(self.task, total=self._total)

    def close(self) -> None:
        self.progress.update(self.task, completed=self._total)
