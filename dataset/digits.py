"""Digits: images with labels, read-only and shared in memory."""

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.array_files import read_array
from model.errors import DigitLabError

DIGIT_CLASSES = tuple("0123456789")
UNLABELLED = 255


class DataError(DigitLabError):
    """Data cannot be used. The message gives the problem, the expected value and the remedy."""


@dataclass(frozen=True, eq=False)
class Digits:
    """images uint8 (n, 28, 28), ink 255 on paper 0; labels uint8 (n,), UNLABELLED where unknown."""

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    source: str = ""
    classes: tuple[str, ...] = DIGIT_CLASSES

    def __post_init__(self) -> None:
        images, labels = self.images.view(), self.labels.view()
        if images.dtype != np.uint8 or images.shape != (len(labels), 28, 28) or labels.dtype != np.uint8:
            raise DataError(
                f"Digits need uint8 images (n, 28, 28) and uint8 labels (n,), "
                f"got {images.dtype} {images.shape} and {labels.dtype} {labels.shape}."
            )
        images.flags.writeable = labels.flags.writeable = False
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_] | list[int]) -> "Digits":
        """Some of the rows: a view for a slice, a copy for an array of indices or a mask."""
        return Digits(self.images[rows], self.labels[rows], self.source, self.classes)

    take = __getitem__

    @property
    def labelled(self) -> bool:
        """Whether every digit has a label."""
        return not (self.labels == UNLABELLED).any()

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the SHA-256 over images and labels, independent of the source."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()[:16]


def without(digits: Digits, *banned: Digits) -> Digits:
    """The digits without those whose image is in `banned` or among MNIST's 10,000 test images."""
    images = _mnist_test_hashes().union(*(_hashes(other.images) for other in banned))
    keep = np.array([image not in images for image in _hashes(digits.images)], bool)
    return digits if keep.all() else digits[keep]


def _hashes(images: NDArray[np.uint8]) -> list[int]:
    """64-bit hashes. A collision among 100,000 different images has a chance of 1 in 4 billion."""
    return [int.from_bytes(hashlib.blake2b(image.tobytes(), digest_size=8).digest(), "little") for image in images]


@cache
def _mnist_test_hashes() -> frozenset[int]:
    """Hashes of MNIST's test images, so that none is trained on, from any file."""
    return frozenset(read_array(Path(__file__).with_name("mnist_test_hashes.npy"), "u8").tolist())
