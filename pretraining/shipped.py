"""Shipped: the one command that makes the weights that come with the project.

    python -m pretraining.shipped --all --pens pendigits_orig_train.npz --out model/pretrained/digits.npz

Without --all, digits are held back to choose by. Same machine, same libraries: the same weights, bit for bit.
"""

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from dataset import DataError
from dataset.download import SHIPPED
from experiments.runs.config import RunConfig
from model import CheckpointError, Classifier, ConfigError, Diverged, EpochDone, Trainer, build_trainer, save_checkpoint
from model.arrays import Bytes, Floats
from model.classifier import entropy
from model.layers import Dense
from model.metrics import accuracy, auroc
from pretraining.material import BLOTS, RENDERINGS, Material, joined, load_material
from pretraining.pens import VALIDATION

CONFIG = RunConfig(
    data=SHIPPED,
    image_layers=("conv 24", "max-pool", "conv 48", "conv 48", "max-pool", "conv 64"),
    batch_norm=True,
    hidden=(128,),
    dropout=0.2,
    optimizer="adamw",
    learning_rate=0.004,
    weight_decay=0.05,
    shift=1.0,
    rotation=10.0,
    scale=0.1,
    shear=0.1,
    elastic=0.5,
    stroke_width=0.4,
    epochs=20,
)
TEMPERATURE, REJECTS_ABOVE = 1.008, 1.146
"""What `finish` found with these settings, for the weights that learn from the digits for validation too."""
REJECTED = 0.005
"""Share of digits for validation, of MNIST and of pens alike, that may be taken for no digit."""


def train(trainer: Trainer, material: Material) -> None:
    """Train to the end, with a line for each epoch."""
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
    """The share read right of the digits of the writers for validation, by manner."""
    return {
        manner: accuracy(digits.labels, classifier.predict_proba(digits.images).argmax(axis=1))
        for manner, digits in material.pens.items()
    }


def best_temperature(probabilities: Floats, labels: Bytes) -> float:
    """The T by which logits are to be divided so that the labels surprise least (Guo 2017)."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-30))
    rows = np.arange(len(labels))

    def surprise(logarithm: float) -> float:
        return -float(log_softmax(logits / np.exp(logarithm), axis=1)[rows, labels].mean())

    return float(np.exp(minimize_scalar(surprise, bounds=(-2, 2), method="bounded").x))


def divide_logits(trainer: Trainer, temperature: float) -> None:
    """In the last layer, once and for all: who uses the weights need not know of it."""
    last = trainer.network.layers[-1]
    assert isinstance(last, Dense)
    last.W /= np.float32(temperature)
    last.b /= np.float32(temperature)


def finish(trainer: Trainer, material: Material) -> dict[str, Any]:
    """Temper the weights and choose what is rejected; returns what there is to say about it."""
    digits, no_digits = material.digits, material.validation["strangers"]
    temperature = best_temperature(Classifier(trainer.weights_checkpoint()).predict_proba(digits.images), digits.labels)
    divide_logits(trainer, temperature)
    classifier = Classifier(trainer.weights_checkpoint())
    groups = (material.validation["MNIST"], joined(*material.pens.values()))
    doubts = [entropy(classifier.predict_proba(group.images)) for group in groups]
    rejects_above = float(max(np.quantile(group, 1 - REJECTED) for group in doubts))
    doubted = entropy(classifier.predict_proba(no_digits.images))
    mnist = material.validation["MNIST"]
    found = {"MNIST": accuracy(mnist.labels, classifier.predict_proba(mnist.images).argmax(axis=1))}
    return {
        "temperature": temperature,
        "rejects_above": rejects_above,
        "validation": {
            "accuracy": found | accuracies(classifier, material),
            "digits rejected": float(np.mean(np.concatenate(doubts) > rejects_above)),
            "strangers rejected": float(np.mean(doubted > rejects_above)),
            "AUROC": auroc(doubted, np.concatenate(doubts)),
        },
    }


def description(material: Material) -> dict[str, Any]:
    """What the weights were made from and with."""
    return {
        "name": "shipped",
        "run": "shipped",
        "data": SHIPPED,
        "classes": list("0123456789"),
        "trained_on": {name: len(part) for name, part in material.train.items()},
        "validated_on": {name: len(part) for name, part in material.validation.items()},
        "renderings_of_each_pen_digit": RENDERINGS + BLOTS,
        "validation_writers": list(VALIDATION),
        "data_fingerprint": joined(*material.train.values()).fingerprint,
        "versions": {"python": platform.python_version()}
        | {package: version(package) for package in ("numpy", "scipy", "pillow", "matplotlib")},
    }


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pens", type=Path, required=True, help="the pen drawings, a .npz file")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint to write")
    parser.add_argument("--work", type=Path, help="a folder that keeps the drawings for the next time")
    parser.add_argument("--epochs", help="instead of the epochs declared in this file")
    help_ = "train on the digits for validation too, with the temperature and threshold that were found without"
    parser.add_argument("--all", action="store_true", help=help_)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="another setting, repeatable")
    arguments = parser.parse_args(words)
    settings = [f"epochs={arguments.epochs}", *arguments.set] if arguments.epochs else arguments.set
    try:
        pairs = [setting.partition("=")[::2] for setting in settings]
        config = CONFIG.replace(**{name: RunConfig.parse(name, text) for name, text in pairs})
        arguments.out.parent.mkdir(parents=True, exist_ok=True)  # now, not after the training
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
        if arguments.all:  # so that whoever asks which digits these weights have seen hears of them
            checkpoint = replace(checkpoint, settings=checkpoint.settings | {"validation_share": 0.0})
        save_checkpoint(arguments.out, checkpoint)
    except (CheckpointError, ConfigError, DataError, Diverged, OSError) as error:
        print(f"shipped: {error}", file=sys.stderr)
        return 2
    for name, value in about.get("validation", {}).items():
        print(f"{name}: {value if isinstance(value, dict) else f'{value:.4f}'}")
    print(f"Temperature {about['temperature']:.3f}, rejects above {about['rejects_above']:.3f} nats.")
    print(f"Written to {arguments.out}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
