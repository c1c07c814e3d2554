"""Shipped: the command that makes the weights, on a little material."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from dataset import Digits
from experiments.runs.config import RunConfig
from model import build_trainer, load_checkpoint, load_classifier
from pretraining import shipped
from pretraining.pens import HELD_OUT, VALIDATION
from pretraining.shipped import MANNERS, OTHERS, Material
from tests.made_digits import made_digits


def digits(count: int, seed: int) -> Digits:
    made = made_digits(count, seed=seed)
    return Digits(made.images, made.labels)


@pytest.fixture
def little() -> Material:
    noise = np.random.default_rng(5).integers(0, 256, (60, 28, 28)).astype(np.uint8)
    others = Digits(noise, np.full(60, 255, np.uint8))
    validation = {"MNIST": digits(80, 2), OTHERS: others} | {name: digits(40, 3) for name in MANNERS}
    return Material({"MNIST": digits(400, 0), "pens": digits(100, 1), OTHERS: others}, validation)


@pytest.fixture
def make(little: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shipped, "load_material", lambda *_: little)

    plain = ["image_layers=", "batch_norm=false", "hidden=32", "dropout=0", "batch_size=16", "learning_rate=0.002"]
    plain += [f"{change}=0" for change in ("shift", "rotation", "scale", "shear", "elastic", "stroke_width")]
    settings = [word for setting in plain for word in ("--set", setting)]

    def run(name: str, *words: str) -> Path:
        path = tmp_path / name
        assert shipped.main(["--pens", "pens.npz", "--out", str(path), *settings, *words]) == 0
        return path

    return run


def test_the_command_writes_weights_that_say_what_they_were_made_from(make, capsys):
    checkpoint = load_checkpoint(make("digits.npz", "--epochs", "4"))
    assert checkpoint.config.hidden == (32,)
    assert checkpoint.about["trained_on"] == {"MNIST": 400, "pens": 100, OTHERS: 60}
    assert json.dumps(checkpoint.about["versions"])
    out = capsys.readouterr().out
    assert "epoch   4" in out
    assert all(manner in out for manner in ("MNIST", *MANNERS))


def test_the_weights_reject_what_they_were_shown_to_be_no_digit_and_keep_the_digits(make, little: Material):
    classifier = load_classifier(make("digits.npz", "--epochs", "6"))
    assert np.mean(classifier.knows(classifier.predict_proba(little.digits.images))) >= 0.98
    assert not np.any(classifier.knows(classifier.predict_proba(little.validation[OTHERS].images)))


def test_making_them_twice_gives_the_same_weights(make):
    first, second = (load_checkpoint(make(name, "--epochs", "2")) for name in ("a.npz", "b.npz"))
    assert first.fingerprint == second.fingerprint
    assert first.about == second.about


def test_with_the_digits_for_validation_the_weights_say_that_they_have_seen_them(make, little: Material):
    checkpoint = load_checkpoint(make("digits.npz", "--epochs", "1", "--all"))
    assert checkpoint.settings["validation_share"] == 0
    assert checkpoint.about["trained_on"]["digits for validation"] == len(little.digits)
    assert checkpoint.about["rejects_above"] == shipped.REJECTS_ABOVE


def test_an_overconfident_network_gets_the_temperature_that_makes_up_for_it():
    logits = np.random.default_rng(0).normal(0, 2, (20_000, 10))
    probabilities = softmax(logits, axis=1)
    labels = (probabilities.cumsum(axis=1) > np.random.default_rng(1).random((20_000, 1))).argmax(axis=1)
    assert shipped.best_temperature(softmax(3 * logits, axis=1), labels) == pytest.approx(3, rel=0.05)


def test_dividing_the_logits_is_what_the_temperature_means():
    made = made_digits(20)
    trainer = build_trainer(RunConfig(hidden=(8,)), made, made)
    x = made.images.reshape(20, -1) / np.float32(255)
    before = trainer.network.forward(x, None).copy()
    shipped.divide_logits(trainer, 2.5)
    np.testing.assert_allclose(trainer.network.forward(x, None), before / 2.5, rtol=1e-5, atol=1e-6)


def test_a_wrong_setting_or_a_missing_file_is_one_line_and_status_2(tmp_path: Path, capsys):
    for words in (["--set", "hidden=x"], ["--epochs", "0"], []):
        assert shipped.main(["--pens", str(tmp_path / "no.npz"), "--out", str(tmp_path / "o.npz"), *words]) == 2
        assert capsys.readouterr().err.startswith("shipped: ")


@pytest.mark.slow
def test_no_digit_of_a_held_out_writer_is_in_the_material(
    reference_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    drawn: set[int] = set()
    monkeypatch.setenv("DIGITS_DATA", str(reference_data / "mnist"))
    monkeypatch.setattr(shipped, "OUT_OF_DISTRIBUTION", 1)
    monkeypatch.setattr(shipped, "VALIDATION_OUT_OF_DISTRIBUTION", 1)

    def note(pens, *_):
        drawn.update(pens.writers.tolist())
        return np.zeros((len(pens), 28, 28), np.uint8)

    monkeypatch.setattr(shipped.pens, "varied_pen_images", note)
    file = reference_data / "pen-drawings" / "pendigits_orig_train.npz"
    with monkeypatch.context() as patch:
        patch.setattr(shipped.pens, "pen_images", note)
        found = shipped.load_material(tmp_path, file, 0.1, 0)
    assert not drawn & set(HELD_OUT)
    assert set(VALIDATION) < drawn
    again = shipped.load_material(tmp_path, file, 0.1, 0)
    for name, part in found.train.items():
        assert part.fingerprint == again.train[name].fingerprint
