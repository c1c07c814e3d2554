"""Array types: the names that the signatures of this package use."""

from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.floating[Any]]
"""float32, or float64 in gradient checks."""
Bytes: TypeAlias = npt.NDArray[np.uint8]
Integers: TypeAlias = npt.NDArray[np.integer[Any]]


class LabelledImages(Protocol):
    """Data to learn from: images uint8 (n, 28, 28) and labels uint8 (n,)."""

    @property
    def images(self) -> Bytes:
        """uint8 (n, 28, 28)."""
        ...

    @property
    def labels(self) -> Bytes:
        """uint8 (n,)."""
        ...


def flat(digits: LabelledImages) -> tuple[Bytes, Integers]:
    """Images (n, 784), and labels as indices, converted once instead of in each step."""
    _, height, width = digits.images.shape
    return digits.images.reshape(-1, height * width), digits.labels.astype(np.intp)
