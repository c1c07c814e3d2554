"""Digit files for the tests: small CSV and IDX files with known content."""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HEADER = ",".join(["label", *(f"pixel{i}" for i in range(784))])


def images_of(count: int, *, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def labels_of(count: int) -> NDArray[np.uint8]:
    return (np.arange(count) % 10).astype(np.uint8)


def csv_lines(count: int, *, seed: int = 0) -> list[str]:
    """A header and `count` rows, labelled 0, 1, ..., 9, 0, ..."""
    images, labels = images_of(count, seed=seed), labels_of(count)
    rows = [",".join(map(str, [label, *image.ravel()])) for label, image in zip(labels, images, strict=True)]
    return [HEADER, *rows]


def write_csv(path: Path, lines: list[str], *, ending: str = "\n") -> Path:
    path.write_bytes("".join(line + ending for line in lines).encode())
    return path


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx(path: Path, array: NDArray[np.uint8]) -> Path:
    data = idx_bytes(array)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def write_small_mnist(folder: Path, *, train: int = 24, test: int = 10, seed: int = 0, ending: str = "") -> Path:
    """A folder as MNIST's, but with few digits."""
    write_idx(folder / f"train-images-idx3-ubyte{ending}", images_of(train, seed=seed))
    write_idx(folder / f"train-labels-idx1-ubyte{ending}", labels_of(train))
    write_idx(folder / f"t10k-images-idx3-ubyte{ending}", images_of(test, seed=seed + 1))
    write_idx(folder / f"t10k-labels-idx1-ubyte{ending}", labels_of(test))
    return folder
