"""Augmentation: small random changes of the training images, so that a network meets more handwriting."""

import math
from dataclasses import dataclass

import numpy as np
import scipy

from model.arrays import Bytes, Floats
from model.preprocessing import CENTRE, SIDE

RUN = 8  # images that share a warp; a warp for each would take three times as long, and teaches a network no more
FRAMED = SIDE + 3  # pixels, of an image in a frame of paper: one pixel before it, two after it
BUMP = 4.0  # pixels: elastic fields are sums of random Gaussian bumps with this standard deviation, as in Simard 2003
KNOTS = np.arange(-2 * BUMP, SIDE + 2 * BUMP, BUMP)  # a bump sits on each point of this grid, beyond the image too
BUMPS = np.exp(-((np.arange(SIDE)[:, None] - KNOTS) ** 2) / (2 * BUMP**2)).astype(np.float32)
BUMPS /= np.linalg.norm(BUMPS, axis=1, keepdims=True)  # a field then has standard deviation 1 at every pixel
POINTS = np.indices((SIDE, SIDE), np.float32).reshape(2, -1) - np.float32(CENTRE)


@dataclass(frozen=True)
class Augmenter:
    """Random changes of images, each with its own strength; 0 is none.

    shift and stroke_width: pixels; rotation: degrees; scale and shear: shares of 1; of these, up to so much either way.
    elastic: pixels, the root mean square by which points move down, and to the right; seldom is it twice as much.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    stroke_width: float = 0.0

    @property
    def active(self) -> bool:
        return self._warping or bool(self.stroke_width)

    @property
    def _warping(self) -> bool:
        return any((self.shift, self.rotation, self.scale, self.shear, self.elastic))

    def augment(self, x: Bytes | Floats, generator: np.random.Generator, *, out: Floats) -> Floats:
        """Write changed x (images, 784) into out, which may be x itself. Same generator, same changes.

        The rows of a batch are in shuffled order already, so images that share a warp have nothing else in common.
        """
        if out is not x:
            np.copyto(out, x)
        warps = math.ceil(len(out) / RUN)
        # Drawn whatever the strengths, and what is not comes last: changing one leaves the others' draws alone.
        affine = 2 * generator.random((6, warps), np.float32) - 1
        widths = 2 * generator.random(len(out), np.float32) - 1
        if self.stroke_width:
            change_strokes(out.reshape(-1, SIDE, SIDE), self.stroke_width * widths)
        if self._warping:
            sources = self._affine_sources(affine)
            if self.elastic:
                sources += np.float32(self.elastic) * elastic_fields(generator, warps)
            warp(out, sources)
        return out

    def _affine_sources(self, draws: Floats) -> Floats:
        down, right, turn, tall, wide, slant = draws
        one, zero, angle = np.ones_like(turn), np.zeros_like(turn), np.deg2rad(self.rotation * turn)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        shear = np.array([[one, zero], [self.shear * slant, one]])
        # Height and width are scaled apart: centring fits every drawing to 20 pixels, what still varies is its aspect.
        scale = np.array([[1 + self.scale * tall, zero], [zero, 1 + self.scale * wide]])
        linear = np.einsum("ijw,jkw,klw->wil", rotation, shear, scale)
        return affine_sources(linear, self.shift * np.stack([down, right], axis=1))


def affine_sources(linear: Floats, shift: Floats) -> Floats:
    """Where each pixel comes from when  point -> linear @ (point - centre) + centre + shift.

    linear (warps, 2, 2), shift (warps, 2) -> (warps, 2, 784)
    """
    return np.linalg.inv(linear) @ (POINTS - shift[:, :, None]) + np.float32(CENTRE)


def elastic_fields(generator: np.random.Generator, count: int) -> Floats:
    """Smooth random displacements (count, 2, 784) with mean 0 and standard deviation 1."""
    heights = generator.standard_normal((count, 2, len(KNOTS), len(KNOTS)), np.float32)
    return (BUMPS @ heights @ BUMPS.T).reshape(count, 2, SIDE * SIDE)


def warp(x: Floats, sources: Floats) -> None:
    """Fill x (images, 784) with what is at the sources (warps, 2, 784), bilinearly; outside the image is paper.

    Image i takes warp i % warps: then all warps are the blocks of one sparse matrix with four entries a row, and the
    images side by side, `warps` to a row of `framed`, are what it multiplies.
    """
    warps = len(sources)
    framed = np.zeros((math.ceil(len(x) / warps) * warps, FRAMED, FRAMED), np.float32)
    framed[: len(x), 1:-2, 1:-2] = x.reshape(-1, SIDE, SIDE)
    sources = np.clip(sources, -1, SIDE) + np.float32(1)
    corners = np.floor(sources)
    down, right = (sources - corners).swapaxes(0, 1)
    row, column = corners.astype(np.int32).swapaxes(0, 1)
    first = row * FRAMED + column + FRAMED**2 * np.arange(warps, dtype=np.int32)[:, None]
    places, weights = np.empty((*first.shape, 4), np.int32), np.empty((*first.shape, 4), np.float32)
    for corner, (dy, dx) in enumerate(np.ndindex(2, 2)):
        places[..., corner] = first + (dy * FRAMED + dx)
        weights[..., corner] = (down if dy else 1 - down) * (right if dx else 1 - right)
    starts = np.arange(0, weights.size + 1, 4, dtype=np.int32)
    shape = (warps * SIDE**2, warps * FRAMED**2)
    matrix = scipy.sparse.csr_array((weights.ravel(), places.ravel(), starts), shape)
    x[...] = (matrix @ framed.reshape(-1, shape[1]).T).T.reshape(-1, SIDE**2)[: len(x)]


def change_strokes(images: Floats, change: Floats) -> None:
    """Make the strokes of images (images, 28, 28), in place, thicker by change (images) pixels, -2 to 2.

    Two pixels are one on each side: the border around a core, which is the stroke itself where that is made thicker.
    What is too thin for a core has no border to lose, so that no stroke is ever lost.
    """
    cores, thinner = images.copy(), np.flatnonzero(change < 0)
    cores[thinner] = _neighbourhood(np.minimum, images[thinner])
    images += change[:, None, None] / 2 * (_neighbourhood(np.maximum, cores) - cores)


def _neighbourhood(extreme: np.ufunc, images: Floats) -> Floats:
    """The maximum, or minimum, of each pixel and its four neighbours."""
    result = images.copy()
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[:, :, 1:], np.s_[:, :, :-1])):
        extreme(result[here], images[there], out=result[here])
        extreme(result[there], images[here], out=result[there])
    return result
