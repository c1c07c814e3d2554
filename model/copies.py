"""Copies: training images that count several times, changed a little each time they are shown.

Copies are made from the images when a batch needs them, so they take no memory. An epoch is divided
into blocks, and the copies of a block are made at once, which is faster than one batch at a time.
They depend only on the seed, the epoch and the block: a resumed run makes the same ones.
"""

from dataclasses import dataclass

import numpy as np

from model.arrays import Bytes, Floats, Integers
from model.augmentation import Augmenter
from model.rng import Purpose, rng

BLOCK = 512  # rows of an epoch whose copies are made at once


@dataclass(frozen=True)
class Copies:
    """How the last images are repeated: `times` further copies of the last `of` images.

    The rows of a training set with copies are first all images, then the copies of each.
    """

    of: int
    times: int
    change: Augmenter

    @property
    def count(self) -> int:
        """How many copies there are."""
        return self.of * self.times

    def sources(self, rows: Integers, images: int) -> Integers:
        """The image that each row shows, of a number of images."""
        if not self.count:
            return rows
        return np.where(rows < images, rows, images - self.of + (rows - images) // self.times)


NO_COPIES = Copies(0, 0, Augmenter())


class CopyMaker:
    """Makes the copies that a training shows. `images`: bytes (n, 784)."""

    def __init__(self, copies: Copies | None, images: Bytes, seed: int) -> None:
        self._copies, self._images, self._seed = copies or NO_COPIES, images, seed
        self.rows = len(images) + self._copies.count  # of an epoch
        self._epoch = -1
        self._blocks: dict[int, tuple[Integers, Floats]] = {}

    def sources(self, rows: Integers) -> Integers:
        """The image that each row shows."""
        return self._copies.sources(rows, len(self._images))

    def fill(self, x: Floats, order: Integers, epoch: int, first: int) -> None:
        """Replace those of x (rows, 784) that are copies, by changed ones.

        x shows the rows order[first : first + len(x)] of an epoch.
        """
        if not self._copies.count:
            return
        if epoch != self._epoch:
            self._epoch, self._blocks = epoch, {}
        last = first + len(x)
        needed = range(first // BLOCK, (last - 1) // BLOCK + 1)
        self._blocks = {block: made for block, made in self._blocks.items() if block in needed}
        for block in needed:
            if block not in self._blocks:
                self._blocks[block] = self._make(order, epoch, block)
            places, ink = self._blocks[block]
            inside = slice(*np.searchsorted(places, (first, last)))
            x[places[inside] - first] = ink[inside]

    def _make(self, order: Integers, epoch: int, block: int) -> tuple[Integers, Floats]:
        """The copies of a block: their places in the epoch, and their images from 0 to 1."""
        rows = order[block * BLOCK : (block + 1) * BLOCK]
        copies = np.flatnonzero(rows >= len(self._images))
        ink: Floats = self._images[self.sources(rows[copies])] * np.float32(1 / 255)
        if len(ink):
            self._copies.change.augment(ink, rng(self._seed, Purpose.DRAWINGS, epoch, block), out=ink)
            ink = np.rint(255 * ink.clip(0, 1)) * np.float32(1 / 255)  # as stored images are
        return copies + block * BLOCK, ink
