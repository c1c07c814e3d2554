"""The command that makes the shipped weights.

    python -m pretraining.shipped --all --pens pendigits_orig_train.npz \\
        --out model/pretrained/digits.npz

Without --all, some digits are for validation only. With the same machine and libraries, the weights
are the same, bit for bit.
"""

import argparse
import hashlib
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from dataset import Digits, load_training
from dataset.digits import UNLABELLED
from dataset.download import SHIPPED
from dataset.files import atomic_write
from experiments.runs.config import PRESETS, RunConfig
from model import Classifier, DigitLabError, EpochDone, Trainer, build_trainer, preprocessing, save_checkpoint
from model.arrays import Bytes, Floats
from model.classifier import entropy
from model.layers import Dense
from model.metrics import accuracy, auroc
from model.rng import Purpose, rng
from pretraining import out_of_distribution, pens
from pretraining.out_of_distribution import Family, draw_images, families_for_training

RENDERINGS = 6  # images of each pen drawing, with random width, size and position
THICK_RENDERINGS = 3  # more images of each, small and with a thick pen: the hardest to recognize
OUT_OF_DISTRIBUTION = 750  # images of each family
VALIDATION_OUT_OF_DISTRIBUTION = 200  # images of each family
MANNERS = ("whole canvas, 12 px", "whole canvas, 20 px", "whole canvas, 28 px", "small (60 px), 28 px")
OTHERS = "out-of-distribution"

CONFIG = PRESETS["cnn"].replace(
    data=SHIPPED,
    image_layers=("conv 24", "max-pool", "conv 48", "conv 48", "max-pool", "conv 64"),
    hidden=(128,),
    dropout=0.2,
    elastic=0.5,
    stroke_width=0.4,
    epochs=20,
)
TEMPERATURE, REJECTS_ABOVE = 1.008, 1.146
"""Results of `finish` with these settings, for weights trained on validation digits too."""
REJECTED = 0.005
"""Share of the validation digits, of MNIST and of pens, that may be rejected."""


Parts: TypeAlias = dict[str, Digits]


class Material(NamedTuple):
    """Training and validation digits, by name.

    train: "MNIST", "pens", "out-of-distribution". validation: "MNIST" and "out-of-distribution" of
    other images, and a set of pen drawings for each of MANNERS.
    """

    train: Parts
    validation: Parts

    @property
    def pens(self) -> Parts:
        """The pen drawings for validation, by manner."""
        return {manner: self.validation[manner] for manner in MANNERS}

    @property
    def digits(self) -> Digits:
        """All digits for validation."""
        return joined(self.validation["MNIST"], *self.pens.values())


def build_material(pens_file: Path, validation_share: float, seed: int) -> Material:
    """Make the material, without held-out writers and without the test digits of MNIST."""
    everyone = pens.load_pens(pens_file)
    writers, others = everyone.training, everyone.of_writers(pens.VALIDATION)
    train, validation = load_training(SHIPPED, validation_share)
    drawn = [pens.varied_pen_images(writers, rng(seed, Purpose.DRAWINGS, part)) for part in range(RENDERINGS)]
    for part in range(RENDERINGS, RENDERINGS + THICK_RENDERINGS):
        drawn.append(pens.varied_pen_images(writers, rng(seed, Purpose.DRAWINGS, part), (18, 30), (50, 90)))
    return Material(
        {
            "MNIST": train,
            "pens": Digits(np.concatenate(drawn), np.tile(writers.labels, len(drawn))),
            OTHERS: no_digits(families_for_training(train.images), OUT_OF_DISTRIBUTION, seed),
        },
        {
            "MNIST": validation,
            OTHERS: no_digits(families_for_training(validation.images), VALIDATION_OUT_OF_DISTRIBUTION, seed + 1),
        }
        | {manner: Digits(pens.pen_images(others, pens.MANNERS[manner]), others.labels) for manner in MANNERS},
    )


def load_material(folder: Path | None, pens_file: Path, validation_share: float, seed: int) -> Material:
    """The material, from a file in `folder` if there is one, because making it takes minutes."""
    if folder is None:
        return build_material(pens_file, validation_share, seed)
    digest = hashlib.sha256(repr((validation_share, seed)).encode())
    for source in (pens_file, __file__, pens.__file__, out_of_distribution.__file__, preprocessing.__file__):
        digest.update(Path(source).read_bytes())
    file_of_material = folder / f"material-{digest.hexdigest()[:12]}.npz"
    if not file_of_material.exists():
        material = build_material(pens_file, validation_share, seed)
        arrays = {
            f"{side}/{name}/{what}": getattr(digits, what)
            for side, parts in material._asdict().items()
            for name, digits in parts.items()
            for what in ("images", "labels")
        }
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(file_of_material) as file:
            np.savez(file, **arrays)
    sides: dict[str, Parts] = {"train": {}, "validation": {}}
    with np.load(file_of_material, allow_pickle=False) as stored:
        for key in stored.files:
            side, name, what = key.split("/")
            if what == "images":
                sides[side][name] = Digits(stored[key], stored[f"{side}/{name}/labels"])
    return Material(**sides)


def no_digits(families: dict[str, Family], each: int, seed: int) -> Digits:
    """Out-of-distribution images with the label UNLABELLED."""
    images = np.concatenate(list(draw_images(families, each, seed).values()))
    return Digits(images, np.full(len(images), UNLABELLED, np.uint8))


def joined(*parts: Digits) -> Digits:
    """All digits in one set."""
    return Digits(np.concatenate([part.images for part in parts]), np.concatenate([part.labels for part in parts]))


def train(trainer: Trainer, material: Material) -> None:
    """Train to the end and print a line for each epoch."""
    started = time.perf_counter()
    for event in trainer.train():
        if isinstance(event, EpochDone):
            classifier = Classifier(trainer.weights_checkpoint())
            right = [f"MNIST {event.validation_accuracy:.2%}"]
            right += [f"{manner} {share:.2%}" for manner, share in accuracies(classifier, material).items()]
            seconds = time.perf_counter() - started
            print(
                f"epoch {event.epoch:3.0f}  loss {event.train_loss:.4f}  {'  '.join(right)}  {seconds:.0f} s",
                flush=True,
            )


def accuracies(classifier: Classifier, material: Material) -> dict[str, float]:
    """Accuracy on the pen drawings for validation, by manner."""
    return {
        manner: accuracy(digits.labels, classifier.predict_proba(digits.images).argmax(axis=1))
        for manner, digits in material.pens.items()
    }


def best_temperature(probabilities: Floats, labels: Bytes) -> float:
    """The temperature T with the lowest cross-entropy of logits / T (Guo et al. 2017)."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-30))
    rows = np.arange(len(labels))

    def cross_entropy(logarithm: float) -> float:
        return -float(log_softmax(logits / np.exp(logarithm), axis=1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-2, 2), method="bounded").x))


def divide_logits(trainer: Trainer, temperature: float) -> None:
    """Divide the last layer by the temperature, so that predictions need no extra step."""
    last = trainer.network.layers[-1]
    assert isinstance(last, Dense)
    last.W /= np.float32(temperature)
    last.b /= np.float32(temperature)


def finish(trainer: Trainer, material: Material) -> dict[str, Any]:
    """Apply the best temperature and choose the rejection threshold. -> facts about the weights."""
    digits, others = material.digits, material.validation[OTHERS]
    temperature = best_temperature(Classifier(trainer.weights_checkpoint()).predict_proba(digits.images), digits.labels)
    divide_logits(trainer, temperature)
    classifier = Classifier(trainer.weights_checkpoint())
    groups = (material.validation["MNIST"], joined(*material.pens.values()))
    entropies = [entropy(classifier.predict_proba(group.images)) for group in groups]
    rejects_above = float(max(np.quantile(group, 1 - REJECTED) for group in entropies))
    of_others = entropy(classifier.predict_proba(others.images))
    mnist = material.validation["MNIST"]
    found = {"MNIST": accuracy(mnist.labels, classifier.predict_proba(mnist.images).argmax(axis=1))}
    return {
        "temperature": temperature,
        "rejects_above": rejects_above,
        "validation": {
            "accuracy": found | accuracies(classifier, material),
            "digits rejected": float(np.mean(np.concatenate(entropies) > rejects_above)),
            "out-of-distribution rejected": float(np.mean(of_others > rejects_above)),
            "AUROC": auroc(of_others, np.concatenate(entropies)),
        },
    }


def description(material: Material) -> dict[str, Any]:
    """The material and the versions that the weights are made with."""
    return {
        "name": "shipped",
        "run": "shipped",
        "data": SHIPPED,
        "classes": list("0123456789"),
        "trained_on": {name: len(part) for name, part in material.train.items()},
        "validated_on": {name: len(part) for name, part in material.validation.items()},
        "renderings_of_each_pen_digit": RENDERINGS + THICK_RENDERINGS,
        "validation_writers": list(pens.VALIDATION),
        "data_fingerprint": joined(*material.train.values()).fingerprint,
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("numpy", "scipy", "pillow", "matplotlib")},
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. -> exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pens", type=Path, required=True, help="the pen drawings, a .npz file")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint to write")
    parser.add_argument("--work", type=Path, help="a folder that stores the material for the next time")
    parser.add_argument("--epochs", help="instead of the epochs declared in this file")
    help_ = "train on the digits for validation too, with the temperature and threshold that were found without"
    parser.add_argument("--all", action="store_true", help=help_)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting, repeatable")
    arguments = parser.parse_args(argv)
    settings = [f"epochs={arguments.epochs}", *arguments.set] if arguments.epochs else arguments.set
    try:
        pairs = [setting.partition("=")[::2] for setting in settings]
        config = CONFIG.replace(**{name: RunConfig.parse(name, text) for name, text in pairs})
        arguments.out.parent.mkdir(parents=True, exist_ok=True)  # fail before the training
        material = load_material(arguments.work, arguments.pens, config.validation_share, config.seed)
        about = description(material)
        print(", ".join(f"{count:,} {name}" for name, count in about["trained_on"].items()), "to train on.", flush=True)
        parts = [*material.train.values(), *([material.digits] if arguments.all else [])]
        with threadpool_limits(1):
            trainer = build_trainer(config, joined(*parts), material.validation["MNIST"])
            train(trainer, material)
            if arguments.all:
                divide_logits(trainer, TEMPERATURE)
                about |= {"temperature": TEMPERATURE, "rejects_above": REJECTS_ABOVE}
                about["trained_on"]["digits for validation"] = len(material.digits)
            else:
                about |= finish(trainer, material)
        checkpoint = trainer.weights_checkpoint(**about)
        if arguments.all:  # for the check of the training overlap
            checkpoint = replace(checkpoint, settings=checkpoint.settings | {"validation_share": 0.0})
        save_checkpoint(arguments.out, checkpoint)
    except (DigitLabError, OSError) as error:
        print(f"shipped: {error}", file=sys.stderr)
        return 2
    for name, value in about.get("validation", {}).items():
        print(f"{name}: {value if isinstance(value, dict) else f'{value:.4f}'}")
    print(f"Temperature {about['temperature']:.3f}, rejects above {about['rejects_above']:.3f} nats.")
    print(f"Written to {arguments.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
