"""IDX, the format of MNIST: a header of sizes, then one byte per pixel or label; raw or gzipped."""

import hashlib
import math
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dataset.digits import UNLABELLED, DataError
from dataset.files import CHUNK, most_unpacked, open_data

MAGIC = b"\0\0\x08"  # two zeros and the type code of unsigned bytes
MOST_AXES = 3  # images, height, width


def is_idx(path: Path) -> bool:
    """Whether the file starts like an IDX file of bytes. Raises DataError if it cannot be read."""
    with open_data(path) as file:
        return file.read(3) == MAGIC


def read_idx(path: Path, sha256: str = "") -> NDArray[np.uint8]:
    """The array in an IDX file, uint8 of any shape. Raises DataError.

    `sha256`: the digest that the decompressed bytes must have; empty: any.
    """
    digest = hashlib.sha256()
    with open_data(path) as file:
        head = file.read(4)
        if len(head) < 4 or head[:3] != MAGIC:
            raise DataError(
                f"{path.name}: expected an IDX file of bytes, which starts with 00 00 08, "
                f"got {head.hex(' ') or 'an empty file'}."
            )
        if not 1 <= head[3] <= MOST_AXES:
            raise DataError(f"{path.name}: expected 1 to {MOST_AXES} sizes in its header, got {head[3]}.")
        sizes = file.read(4 * head[3])
        if len(sizes) < 4 * head[3]:
            raise DataError(f"{path.name}: expected {head[3]} sizes in its header, but the file ends inside it.")
        shape = struct.unpack(f">{head[3]}I", sizes)
        expected = math.prod(shape)
        if expected > most_unpacked(path) or 0 in shape[1:]:
            raise DataError(f"{path.name}: its header gives a size of {expected:,} bytes, more than the file can hold.")
        digest.update(head + sizes)
        values = np.empty(expected, np.uint8)
        received = 0
        while chunk := file.read(CHUNK):
            if received + len(chunk) <= expected:
                values[received : received + len(chunk)] = np.frombuffer(chunk, np.uint8)
            received += len(chunk)
            digest.update(chunk)
    if received != expected:
        size = " x ".join(str(length) for length in shape)
        raise DataError(
            f"{path.name}: expected {expected:,} bytes ({size}) after its header, got {received:,}. Get the file again."
        )
    if sha256 and digest.hexdigest() != sha256:
        raise DataError(
            f"{path.name}: its SHA-256 is {digest.hexdigest()[:12]}..., expected {sha256[:12]}...: "
            f"not the original file. Delete it and get it again."
        )
    return values.reshape(shape)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """The bytes of an IDX file that holds this array."""
    return MAGIC + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def read_idx_pair(
    images_path: Path, labels_path: Path | None, sha256: dict[str, str] | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (n, 28, 28) and labels (n,), UNLABELLED without a labels file. Raises DataError."""
    images = read_idx(images_path, (sha256 or {}).get(idx_name(images_path), ""))
    if images.ndim != 3 or images.shape[1:] != (28, 28):
        size = " x ".join(str(length) for length in images.shape) or "none"
        raise DataError(f"{images_path.name}: expected images of n x 28 x 28, got {size}. Give the images file.")
    if labels_path is None:
        return images, np.full(len(images), UNLABELLED, np.uint8)
    labels = read_idx(labels_path, (sha256 or {}).get(idx_name(labels_path), ""))
    if labels.shape != (len(images),):
        raise DataError(
            f"{labels_path.name}: expected {len(images):,} labels, one for each image of {images_path.name}, "
            f"got {labels.size:,}."
        )
    if (labels > 9).any():
        row = int(np.argmax(labels > 9))
        raise DataError(f"{labels_path.name}: expected labels from 0 to 9, got {labels[row]} at row {row}.")
    return images, labels


def idx_name(path: Path) -> str:
    """The original name of an IDX file: train-images-idx3-ubyte for train-images.idx3-ubyte.gz."""
    return path.name.removesuffix(".gz").replace(".idx", "-idx")


def locate_idx(folder: Path, name: str) -> Path | None:
    """The file `name` in any of its usual spellings, or None. A raw file loads faster."""
    for spelling in (name, name.replace("-idx", ".idx")):
        for path in (folder / spelling, folder / f"{spelling}.gz"):
            if path.is_file():
                return path
    return None
