"""Material: all that the shipped weights learn from and are chosen by, as a network sees it."""

import hashlib
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from dataset import Digits, load_training
from dataset.digits import UNLABELLED
from dataset.download import SHIPPED
from dataset.files import written_whole
from model import preprocessing
from model.rng import Purpose, rng
from pretraining import pens, strangers

RENDERINGS = 6  # of each digit by a pen, with another width, size and place each time
BLOTS = 3  # further renderings of each, small and by a thick pen, which are the hardest to read
STRANGERS = 750  # of each family
VALIDATION_STRANGERS = 200  # likewise
MANNERS = ("whole canvas, 12 px", "whole canvas, 20 px", "whole canvas, 28 px", "small (60 px), 28 px")

Parts: TypeAlias = dict[str, Digits]


class Material(NamedTuple):
    """train: "MNIST", "pens", "strangers". validation: the same of other digits and writers, pens by MANNERS."""

    train: Parts
    validation: Parts

    @property
    def pens(self) -> Parts:
        """The digits of the writers for validation, by the manner in which they are drawn."""
        return {manner: self.validation[manner] for manner in MANNERS}

    @property
    def digits(self) -> Digits:
        """All digits for validation."""
        return joined(self.validation["MNIST"], *self.pens.values())


def assemble(pens_file: Path, validation_share: float, seed: int) -> Material:
    """Draw everything. Nothing is by a held-out writer, and nothing is one of the test digits of MNIST or mnist-5k."""
    everyone = pens.load_pens(pens_file)
    writers, others = everyone.training, everyone.by(pens.VALIDATION)
    train, validation = load_training(SHIPPED, validation_share)
    drawn = [pens.varied_pen_images(writers, rng(seed, Purpose.DRAWINGS, part)) for part in range(RENDERINGS)]
    for part in range(RENDERINGS, RENDERINGS + BLOTS):
        drawn.append(pens.varied_pen_images(writers, rng(seed, Purpose.DRAWINGS, part), (18, 30), (50, 90)))
    return Material(
        {
            "MNIST": train,
            "pens": Digits(np.concatenate(drawn), np.tile(writers.labels, len(drawn))),
            "strangers": no_digits(strangers.shown_families(train.images), STRANGERS, seed),
        },
        {
            "MNIST": validation,
            "strangers": no_digits(strangers.shown_families(validation.images), VALIDATION_STRANGERS, seed + 1),
        }
        | {manner: Digits(pens.pen_images(others, *pens.MANNERS[manner]), others.labels) for manner in MANNERS},
    )


def load_material(folder: Path | None, pens_file: Path, validation_share: float, seed: int) -> Material:
    """As assemble, which takes minutes; in `folder`, if one is given, the result is kept for the next time."""
    if folder is None:
        return assemble(pens_file, validation_share, seed)
    digest = hashlib.sha256(repr((validation_share, seed)).encode())
    for source in (pens_file, __file__, pens.__file__, strangers.__file__, preprocessing.__file__):
        digest.update(Path(source).read_bytes())
    kept = folder / f"material-{digest.hexdigest()[:12]}.npz"
    if not kept.exists():
        material = assemble(pens_file, validation_share, seed)
        arrays = {
            f"{side}/{name}/{what}": getattr(digits, what)
            for side, parts in material._asdict().items()
            for name, digits in parts.items()
            for what in ("images", "labels")
        }
        folder.mkdir(parents=True, exist_ok=True)
        with written_whole(kept) as file:
            np.savez(file, **arrays)
    sides: dict[str, Parts] = {"train": {}, "validation": {}}
    with np.load(kept, allow_pickle=False) as stored:
        for key in stored.files:
            side, name, what = key.split("/")
            if what == "images":
                sides[side][name] = Digits(stored[key], stored[f"{side}/{name}/labels"])
    return Material(**sides)


def no_digits(families: dict[str, strangers.Family], each: int, seed: int) -> Digits:
    """Strangers with the label of what is none of the ten."""
    images = np.concatenate(list(strangers.draw_strangers(families, each, seed).values()))
    return Digits(images, np.full(len(images), UNLABELLED, np.uint8))


def joined(*parts: Digits) -> Digits:
    """All of them, one after the other."""
    return Digits(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))
