"""Augmentation: seconds that each change adds to an epoch, compared with scipy.ndimage.

Both take turns on one core, in several rounds of which the fastest counts, and what counts is
processor time: what else the machine does only ever adds. scipy takes fewer images, since it is
slower, and is scaled up. It makes the same kinds of change: linear interpolation at such points,
Gaussian noise as smooth, maxima over the same neighbours.
"""

import benchmarks.one_core  # noqa: F401  # isort: skip

import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage

import dataset
from benchmarks.report import Goal, begin, conclude, table
from model.augmentation import BUMP, Augmenter, affine_sources
from model.preprocessing import SIDE
from model.rng import Purpose, rng

EPOCH, BATCH, ROUNDS = 60_000, 128, 15
OUR_BATCHES, SCIPY_IMAGES = 40, 128
AFFINE = {"shift": 1.0, "rotation": 10.0, "scale": 0.1, "shear": 0.1}
KINDS = {
    "affine (shift, rotation, scale, shear)": AFFINE,
    "elastic": {"elastic": 1.0},
    "stroke width": {"stroke_width": 1.0},
    "all": AFFINE | {"elastic": 1.0, "stroke_width": 1.0},
}
CROSS = ndimage.generate_binary_structure(2, 1)


def digit_lab(augmenter: Augmenter, x: np.ndarray) -> Callable[[], float]:
    """What training does to its batches; -> seconds per epoch."""
    batch = np.empty((BATCH, x.shape[1]), np.float32)

    def run() -> float:
        started = time.process_time()
        for step in range(OUR_BATCHES):
            rows = x[step * BATCH : (step + 1) * BATCH]
            augmenter.augment(rows, rng(0, Purpose.AUGMENTATION, step, 0), out=batch)
        return (time.process_time() - started) * EPOCH / (OUR_BATCHES * BATCH)

    return run


def per_image(augmenter: Augmenter, x: np.ndarray) -> Callable[[], float]:
    """The same changes, drawn and made image by image; -> seconds per epoch."""
    images = x[:SCIPY_IMAGES].reshape(-1, SIDE, SIDE)
    generator = rng(0, Purpose.AUGMENTATION)

    def run() -> float:
        started = time.process_time()
        for image in images:
            scipy_change(augmenter, image, generator)
        return (time.process_time() - started) * EPOCH / SCIPY_IMAGES

    return run


def scipy_change(augmenter: Augmenter, image: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    down, right, turn, tall, wide, slant, width = generator.uniform(-1, 1, 7)
    if augmenter.stroke_width:
        change = ndimage.grey_dilation if width > 0 else ndimage.grey_erosion
        image = image + abs(augmenter.stroke_width * width) / 2 * (change(image, footprint=CROSS) - image)
    if not any((augmenter.shift, augmenter.rotation, augmenter.scale, augmenter.shear, augmenter.elastic)):
        return image
    angle = np.deg2rad(augmenter.rotation * turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1, 0], [augmenter.shear * slant, 1]])
    linear = rotation @ shear @ np.diag([1 + augmenter.scale * tall, 1 + augmenter.scale * wide])
    sources = affine_sources(linear[None], np.array([[augmenter.shift * down, augmenter.shift * right]]))[0]
    if augmenter.elastic:
        noise = generator.standard_normal((2, SIDE, SIDE))
        field = [ndimage.gaussian_filter(each, BUMP, mode="constant") for each in noise]
        spread = 1 / (2 * np.sqrt(np.pi) * BUMP)  # standard deviation that white noise keeps
        sources += augmenter.elastic / spread * np.reshape(field, sources.shape)
    return ndimage.map_coordinates(image, sources.reshape(2, SIDE, SIDE), order=1)


def main() -> None:
    source = "mnist" if dataset.available("mnist") else "mnist-5k"
    digits, _ = dataset.load_training(source, 0)
    rows = np.resize(np.arange(len(digits)), OUR_BATCHES * BATCH)
    x = np.multiply(digits.images[rows].reshape(len(rows), -1), 1 / 255, dtype=np.float32)
    contenders = {
        name: (digit_lab(Augmenter(**strengths), x), per_image(Augmenter(**strengths), x))
        for name, strengths in KINDS.items()
    }
    fastest = {name: [np.inf, np.inf] for name in KINDS}
    for _ in range(ROUNDS):
        for name, pair in contenders.items():
            fastest[name] = [min(best, run()) for best, run in zip(fastest[name], pair, strict=True)]
    begin("Augmentation", f"What an epoch of 60,000 takes longer. Batches of {BATCH} images of {source}, float32.")
    header = ("augmentation", "Digit Lab", "each image with scipy.ndimage", "ratio")
    cells = [
        (name, f"{ours:.2f} s", f"{theirs:.1f} s", f"{theirs / ours:.0f}") for name, (ours, theirs) in fastest.items()
    ]
    print(table(header, cells))
    affine, _, _, everything = (ours for ours, _ in fastest.values())
    conclude(
        Goal("augmentation of an epoch: affine", affine, 0.25, unit=" s"),
        Goal("augmentation of an epoch: all, elastic too", everything, 1.5, unit=" s"),
    )


if __name__ == "__main__":
    main()
