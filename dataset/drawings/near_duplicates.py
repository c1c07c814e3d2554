"""Near-duplicates: earlier images that equal a new image nearly pixel for pixel."""

import numpy as np
from numpy.typing import NDArray

NEAR = 0.15
"""Largest distance of near-duplicates, as a share of the longer image's length.

Measurements: no two of 10,000 MNIST digits are this near (nearest: 0.16). Two of 3,000 pen
drawings by 30 people are; both are plain strokes for a 1. Median distances of two copies of one
drawing: 0.06 at another position on the canvas, 0.10 after saving as JPEG, 0.13 with every point
moved by a pixel, and 0.5 if drawn again by hand.
"""
SIDE = 28
BLOCK = 4  # pixels; side of the squares whose sums are compared first
IMAGES_AT_ONCE = 256
PAIRS_AT_ONCE = 4096


class NearDuplicates:
    """An index of images, with a reduced copy of each, so that few full images are compared."""

    def __init__(self) -> None:
        self._reduced = np.empty((0, (SIDE // BLOCK) ** 2), np.float32)
        self._lengths = np.empty(0, np.float32)

    def search(self, known: NDArray[np.uint8], new: NDArray[np.uint8]) -> list[list[int]]:
        """For each new image (n, 784), the earlier rows that are near-duplicates, nearest first.

        Rows count the known images (m, 784) and then the new ones. Known images must only grow
        from call to call.
        """
        added = known[len(self._reduced) :]
        self._reduced = np.concatenate([self._reduced, reduce_images(added)])
        self._lengths = np.concatenate([self._lengths, squared_lengths(added)])
        reduced = np.concatenate([self._reduced, reduce_images(new)])
        lengths = np.concatenate([self._lengths, squared_lengths(new)])
        reduced_lengths = np.einsum("rc,rc->r", reduced, reduced)
        found: list[list[int]] = [[] for _ in new]
        for first in range(len(known), len(reduced), IMAGES_AT_ONCE):
            rows = slice(first, min(first + IMAGES_AT_ONCE, len(reduced)))
            # The reduced distance is at most the true one, so no near-duplicate is missed.
            distances = reduced_lengths[rows, None] + reduced_lengths[None, : rows.stop]
            distances -= 2 * reduced[rows] @ reduced[: rows.stop].T
            limit = NEAR**2 * np.maximum(lengths[rows, None], lengths[None, : rows.stop])
            # 1.001 and 64 allow for rounding.
            candidates = np.argwhere(np.tril(distances <= 1.001 * limit + 64, first - 1))
            near = []
            for start in range(0, len(candidates), PAIRS_AT_ONCE):
                these, others = candidates[start : start + PAIRS_AT_ONCE].T
                images = new[these + first - len(known)].astype(np.int32)
                exact = np.square(images - _select_rows(known, new, others)).sum(axis=1)
                good = exact <= limit[these, others]
                near += list(zip(exact[good], these[good], others[good], strict=True))
            for _, this, other in sorted(near):
                found[first - len(known) + this].append(int(other))
        return found


def with_arrivals(
    found: list[list[int]], known: NDArray[np.uint8], new: NDArray[np.uint8], *, compared: int
) -> list[list[int]]:
    """What `search(known, new)` gives, from `found`, which it gave for the first `compared` images.

    Only the images that were added since are compared, so that this takes little time.
    """
    arrivals = known[compared:]
    if not len(arrivals):
        return found
    result = [[row if row < compared else row + len(arrivals) for row in rows] for rows in found]
    changed: set[int] = set()
    for place, rows in enumerate(NearDuplicates().search(new, arrivals)):
        for row in rows:
            if row < len(new):
                result[row].append(compared + place)
                changed.add(row)
    for place in changed:
        near = np.array(result[place], np.intp)
        distances = np.square(new[place].astype(np.int32) - _select_rows(known, new, near)).sum(axis=1)
        result[place] = near[np.lexsort((near, distances))].tolist()
    return result


def _select_rows(known: NDArray[np.uint8], new: NDArray[np.uint8], rows: NDArray[np.intp]) -> NDArray[np.uint8]:
    """Rows of `known` followed by `new`, without joining the two."""
    images = np.empty((len(rows), new.shape[1]), np.uint8)
    old = rows < len(known)
    images[old], images[~old] = known[rows[old]], new[rows[~old] - len(known)]
    return images


def reduce_images(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 784) -> (n, 49): sums over squares, scaled so that distances never grow."""
    across = SIDE // BLOCK
    squares = images.reshape(len(images), across, BLOCK, across, BLOCK)
    sums: NDArray[np.float32] = squares.sum(axis=(2, 4), dtype=np.float32).reshape(len(images), across**2)
    sums /= BLOCK
    return sums


def squared_lengths(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 784) -> (n,): sums of squares."""
    values = images.astype(np.float32)
    lengths: NDArray[np.float32] = np.einsum("rc,rc->r", values, values)
    return lengths
