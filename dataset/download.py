"""Downloads: the four IDX files of MNIST or Fashion-MNIST, from mirrors, checked and cached."""

import gzip
import shutil
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from filelock import FileLock

from dataset.digits import DataError
from dataset.files import atomic_write, cache_folder
from dataset.idx import read_idx

PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
TIMEOUT = (5, 20)  # seconds to connect; seconds without receiving a byte
CHUNK = 64 * 1024  # bytes between two updates of a progress bar


@dataclass(frozen=True)
class Origin:
    """The mirrors of four files in order, and digests: SHA-256 unpacked, or MD5 of the .gz."""

    mirrors: tuple[str, ...]
    sha256: dict[str, str]
    md5: dict[str, str]


# The training data of the shipped weights, so that they can be tested on mnist-5k.
SHIPPED = "mnist-minus-5k-test"
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

    `progressbar`: True for a bar in the terminal, or an object with total, update(n), reset() and
    close(), as tqdm has. Raises DataError.
    """
    if name == SHIPPED:
        name = "mnist"  # it is a part of MNIST
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
    """Download one file from the first mirror that has it, check it and unpack it to `target`."""
    import pooch
    import requests

    pooch.get_logger().setLevel("WARNING")
    md5 = origin.md5.get(part)
    downloader = pooch.HTTPDownloader(progressbar=progressbar, chunk_size=CHUNK, timeout=TIMEOUT)
    failures = []
    for mirror in origin.mirrors:
        host = urlsplit(mirror).netloc
        try:
            with tempfile.TemporaryDirectory(dir=target.parent) as folder:
                unpacked = pooch.retrieve(
                    f"{mirror}{part}.gz",
                    known_hash=md5 and f"md5:{md5}",
                    fname=f"{part}.gz",
                    path=folder,
                    downloader=downloader,
                    processor=pooch.Decompress(name=part),
                )
                read_idx(Path(unpacked), origin.sha256.get(part, ""))
                with Path(unpacked).open("rb") as source, atomic_write(target) as file:
                    shutil.copyfileobj(source, file)
                return
        except requests.HTTPError as error:
            failures.append(str(error))
        except requests.RequestException:
            failures.append(f"no connection to {host}")
        except (ValueError, EOFError, gzip.BadGzipFile, zlib.error):  # wrong digest, damaged data
            failures.append(f"{host}: its file is not the original one")
    raise DataError(
        f"{name} is not on this computer and cannot be downloaded ({'; '.join(failures)}). "
        f"Use mnist-5k, which needs no network, or put the four files into the folder that DIGITS_DATA names."
    )


def _is_good(path: Path, sha256: str | None) -> bool:
    try:
        read_idx(path, sha256 or "")
    except DataError:
        return False
    return True
