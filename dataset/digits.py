"""Digits: images with labels, held once in memory and never changed."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

DIGIT_CLASSES = tuple("0123456789")
UNLABELLED = 255


class DataError(ValueError):
    """One sentence: what is wrong with the data, what was expected, what to do."""


@dataclass(frozen=True, eq=False)
class Digits:
    """images uint8 (n, 28, 28), ink 255 on paper 0; labels uint8 (n,), UNLABELLED where a file gives none."""

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
        return not (self.labels == UNLABELLED).any()

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits of the SHA-256 over images and labels: equal digits have equal ones, whatever their source."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels).data)
        return digest.hexdigest()[:16]
