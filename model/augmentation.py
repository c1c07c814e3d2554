"""Augmentation: small random shifts, turns, stretches and slants, so that a network meets more handwriting."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from model.preprocessing import CENTRE, SIDE

POOL = 32  # warps drawn once an epoch: building one costs as much as warping 20 images with it
RUN = 8  # images in a row that share a warp; the sparse product takes a third of the time it takes one by one


@dataclass(frozen=True)
class Augmenter:
    """Random affine warps.   shift: pixels; rotation: degrees; scale and shear: shares of 1. Zeros change nothing.

    A pool of warps is drawn per epoch, and every batch is cut into short runs of images, each with a warp of the pool::

        pool = augmenter.pool(rng(seed, AUGMENT, epoch))
        augmenter.augment(x, pool, rng(seed, AUGMENT, step), out=x)
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0

    @property
    def active(self) -> bool:
        return any((self.shift, self.rotation, self.scale, self.shear))

    def pool(self, generator: np.random.Generator, count: int = POOL) -> list[sparse.csr_array]:
        """Draw warps: matrices (784, 784) that turn a flat image into its warped self. Same generator, same warps."""
        return [self._draw(generator) for _ in range(count)]

    def augment(
        self,
        x: NDArray[np.uint8] | NDArray[np.float32],
        pool: list[sparse.csr_array],
        generator: np.random.Generator,
        *,
        out: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Write warped x (images, 784) into out, which may be x itself.

        The rows of a batch are in shuffled order already, so neighbours in a run have nothing else in common.
        """
        if out is not x:
            np.copyto(out, x)
        runs = -(-len(out) // RUN)
        for run, warp in enumerate(generator.permutation(np.arange(runs) % len(pool))):
            images = out[run * RUN : (run + 1) * RUN]
            images[...] = (pool[warp] @ images.T).T
        return out

    def _draw(self, generator: np.random.Generator) -> sparse.csr_array:
        # Every draw uses all six numbers, so that changing one strength leaves the others' draws alone.
        down, right, turn, tall, wide, slant = generator.uniform(-1, 1, 6)
        angle = np.deg2rad(self.rotation * turn)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        # Height and width are scaled apart: centring fits every drawing to 20 pixels, what still varies is its aspect.
        scale = np.diag([1 + self.scale * tall, 1 + self.scale * wide])
        shear = np.array([[1, 0], [self.shear * slant, 1]])
        return warp_matrix(rotation @ shear @ scale, (self.shift * down, self.shift * right))


def warp_matrix(linear: NDArray[np.float64], shift: tuple[float, float]) -> sparse.csr_array:
    """The bilinear warp  point -> linear @ (point - centre) + centre + shift,  as a matrix on flat images.

    Each row of the matrix holds the at most four pixels around the point an output pixel comes from, by nearness;
    what would come from outside the image is paper.
    """
    points = np.indices((SIDE, SIDE)).reshape(2, -1) - CENTRE
    source = np.linalg.inv(linear) @ (points - np.reshape(shift, (2, 1))) + CENTRE
    corner = np.floor(source)
    near = source - corner
    y, x = corner.astype(np.int32)
    corners = [(y + dy, x + dx, (near[0] if dy else 1 - near[0]) * (near[1] if dx else 1 - near[1]))
               for dy in (0, 1) for dx in (0, 1)]  # fmt: skip
    rows, columns, weights = [], [], []
    for y, x, weight in corners:
        inside = (y >= 0) & (y < SIDE) & (x >= 0) & (x < SIDE) & (weight > 0)
        rows.append(np.flatnonzero(inside).astype(np.int32))
        columns.append((y * SIDE + x)[inside])
        weights.append(weight[inside].astype(np.float32))
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_array(entries, shape=(SIDE * SIDE, SIDE * SIDE))
