"""Lookalikes: which of many images are one of them again, pixel for pixel or nearly."""

import numpy as np
from numpy.typing import NDArray

NEAR = 0.15
"""Up to this distance, as a share of the longer image's length, two images count as the same drawing.

Of 10,000 MNIST digits not one has another within 0.15 (the nearest: 0.16), of 3,000 pen drawings by 30 people two,
plain strokes for a one. The same strokes on another part of the canvas come back at 0.06 in the median, as a JPEG at
0.10, with every point of the stroke a pixel off at 0.13; drawn by hand once more, at about 0.5.
"""
SIDE = 28
BLOCK = 4  # pixels, the side of the squares that are compared first
AT_ONCE = 256  # new images
MANY = 4096  # pairs


class Lookalikes:
    """Remembers small copies of the images that it was shown before, which only ever grow in number."""

    def __init__(self) -> None:
        self._small = np.empty((0, (SIDE // BLOCK) ** 2), np.float32)
        self._lengths = np.empty(0, np.float32)

    def find(self, known: NDArray[np.uint8], new: NDArray[np.uint8]) -> list[list[int]]:
        """For each new image the rows of those before it, known and then new, that look like it; nearest first."""
        fresh = known[len(self._small) :]
        self._small = np.concatenate([self._small, small(fresh)])
        self._lengths = np.concatenate([self._lengths, squared_lengths(fresh)])
        everything = np.concatenate([self._small, small(new)])
        lengths = np.concatenate([self._lengths, squared_lengths(new)])
        within = np.einsum("rc,rc->r", everything, everything)
        found: list[list[int]] = [[] for _ in new]
        for first in range(len(known), len(everything), AT_ONCE):
            rows = slice(first, min(first + AT_ONCE, len(everything)))
            # Means of squares are never further apart than the images, so whatever is near is among the candidates.
            apart = within[rows, None] + within[None, : rows.stop] - 2 * everything[rows] @ everything[: rows.stop].T
            limit = NEAR**2 * np.maximum(lengths[rows, None], lengths[None, : rows.stop])
            pairs = np.argwhere(np.tril(apart <= 1.001 * limit + 64, first - 1))  # the products are rounded
            near = []
            for start in range(0, len(pairs), MANY):
                places, others = pairs[start : start + MANY].T
                images = new[places + first - len(known)].astype(np.int32)
                distances = np.square(images - rows_of(known, new, others)).sum(axis=1)
                good = distances <= limit[places, others]
                near += list(zip(distances[good], places[good], others[good], strict=True))
            for _, place, other in sorted(near):
                found[first - len(known) + place].append(int(other))
        return found


def rows_of(known: NDArray[np.uint8], new: NDArray[np.uint8], rows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Some rows of both, as if the new ones followed the known ones."""
    images = np.empty((len(rows), new.shape[1]), np.uint8)
    old = rows < len(known)
    images[old], images[~old] = known[rows[old]], new[rows[~old] - len(known)]
    return images


def small(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 784) -> (n, 49): sums over squares, scaled so that distances only shrink."""
    across = SIDE // BLOCK
    squares = images.reshape(len(images), across, BLOCK, across, BLOCK)
    sums: NDArray[np.float32] = squares.sum(axis=(2, 4), dtype=np.float32).reshape(len(images), across**2)
    sums /= BLOCK
    return sums


def squared_lengths(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    values = images.astype(np.float32)
    lengths: NDArray[np.float32] = np.einsum("rc,rc->r", values, values)
    return lengths
