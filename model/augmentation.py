"""Augmentation: small random changes of the training images, as in other handwriting."""

import math
from dataclasses import dataclass

import numpy as np
import scipy

from model.arrays import Bytes, Floats
from model.preprocessing import CENTRE, SIDE

IMAGES_PER_WARP = 8  # a warp for each image takes three times as long, without a benefit
FRAMED = SIDE + 3  # pixels of an image with a margin: one pixel before it, two after it
# Elastic fields are sums of random Gaussian bumps, as in Simard 2003.
BUMP = 4.0  # standard deviation of a bump, in pixels
KNOTS = np.arange(-2 * BUMP, SIDE + 2 * BUMP, BUMP)  # positions of bumps, also outside the image
BUMPS = np.exp(-((np.arange(SIDE)[:, None] - KNOTS) ** 2) / (2 * BUMP**2)).astype(np.float32)
BUMPS /= np.linalg.norm(BUMPS, axis=1, keepdims=True)  # fields of standard deviation 1
POINTS = np.indices((SIDE, SIDE), np.float32).reshape(2, -1) - np.float32(CENTRE)


@dataclass(frozen=True)
class Augmenter:
    """Random changes of images. Each kind of change has a strength; 0 means no change.

    shift and stroke_width (pixels), rotation (degrees), scale and shear (shares): the largest
    change in both directions. elastic: root mean square of the movements down and to the right, in
    pixels.
    """

    shift: float = 0.0
    rotation: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    stroke_width: float = 0.0

    @property
    def active(self) -> bool:
        """Whether any strength is above 0."""
        return self._warping or bool(self.stroke_width)

    @property
    def _warping(self) -> bool:
        return any((self.shift, self.rotation, self.scale, self.shear, self.elastic))

    def augment(self, x: Bytes | Floats, generator: np.random.Generator, *, out: Floats) -> Floats:
        """Write the changed images x (images, 784) to out, which may be x itself.

        The batches are shuffled, so the images that share a warp are a random choice.
        """
        if out is not x:
            np.copyto(out, x)
        warps = math.ceil(len(out) / IMAGES_PER_WARP)
        # Always draw every random number, optional ones last, so that changing one strength leaves
        # the draws of the others unchanged.
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
        # Separate scales: preprocessing fits every drawing to 20 pixels, so only its aspect varies.
        scale = np.array([[1 + self.scale * tall, zero], [zero, 1 + self.scale * wide]])
        linear = np.einsum("ijw,jkw,klw->wil", rotation, shear, scale)
        return affine_sources(linear, self.shift * np.stack([down, right], axis=1))


def affine_sources(linear: Floats, shift: Floats) -> Floats:
    """The source of each pixel for the map point -> linear @ (point - centre) + centre + shift.

    linear (warps, 2, 2), shift (warps, 2) -> (warps, 2, 784)
    """
    return np.linalg.inv(linear) @ (POINTS - shift[:, :, None]) + np.float32(CENTRE)


def elastic_fields(generator: np.random.Generator, count: int) -> Floats:
    """Smooth random displacements (count, 2, 784) with mean 0 and standard deviation 1."""
    heights = generator.standard_normal((count, 2, len(KNOTS), len(KNOTS)), np.float32)
    return (BUMPS @ heights @ BUMPS.T).reshape(count, 2, SIDE * SIDE)


def warp(x: Floats, sources: Floats) -> None:
    """Replace x (images, 784) by its values at the sources (warps, 2, 784), with paper outside.

    Bilinear interpolation. Image i has warp i % warps. All warps are the blocks of one sparse
    matrix with four entries in each row, multiplied with rows of `warps` images side by side.
    """
    warps = len(sources)
    framed = np.zeros((math.ceil(len(x) / warps) * warps, FRAMED, FRAMED), np.float32)
    framed[: len(x), 1:-2, 1:-2] = x.reshape(-1, SIDE, SIDE)
    sources = np.clip(sources, -1, SIDE) + np.float32(1)
    corners = np.floor(sources)
    down, right = (sources - corners).swapaxes(0, 1)
    row, column = corners.astype(np.int32).swapaxes(0, 1)
    first = row * FRAMED + column + FRAMED**2 * np.arange(warps, dtype=np.int32)[:, None]
    indices, weights = np.empty((*first.shape, 4), np.int32), np.empty((*first.shape, 4), np.float32)
    for corner, (dy, dx) in enumerate(np.ndindex(2, 2)):
        indices[..., corner] = first + (dy * FRAMED + dx)
        weights[..., corner] = (down if dy else 1 - down) * (right if dx else 1 - right)
    starts = np.arange(0, weights.size + 1, 4, dtype=np.int32)
    shape = (warps * SIDE**2, warps * FRAMED**2)
    matrix = scipy.sparse.csr_array((weights.ravel(), indices.ravel(), starts), shape)
    x[...] = (matrix @ framed.reshape(-1, shape[1]).T).T.reshape(-1, SIDE**2)[: len(x)]


def change_strokes(images: Floats, change: Floats) -> None:
    """Make the strokes of images (images, 28, 28) thicker by change (images) pixels, in place.

    change: -2 to 2; a change of 2 adds or removes one pixel on each side. To thicken a stroke, the
    pixels around it are filled. To thin it, its outermost pixels are faded, except those of a
    stroke that has no other pixels, so that no stroke disappears.
    """
    cores, thinner = images.copy(), np.flatnonzero(change < 0)
    cores[thinner] = _neighbourhood(np.minimum, images[thinner])
    images += change[:, None, None] / 2 * (_neighbourhood(np.maximum, cores) - cores)


def _neighbourhood(extreme: np.ufunc, images: Floats) -> Floats:
    """Maximum or minimum of each pixel and its four neighbours."""
    result = images.copy()
    for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[:, :, 1:], np.s_[:, :, :-1])):
        extreme(result[here], images[there], out=result[here])
        extreme(result[there], images[here], out=result[there])
    return result
