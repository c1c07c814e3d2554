"""Checkpoint: what was saved comes back, and what is no checkpoint is refused in one sentence."""

import json

import numpy as np
import pytest

from experiments.runs.config import RunConfig
from model import CheckpointError, build_trainer, load_checkpoint, load_classifier
from model.checkpoint import save_checkpoint
from tests.made_digits import made_digits

CONFIG = RunConfig(hidden=(8,), batch_size=16, epochs=1)


@pytest.fixture
def trainer():
    trainer = build_trainer(CONFIG, made_digits(40), made_digits(10))
    list(trainer.train())
    return trainer


@pytest.fixture
def path(trainer, tmp_path):
    trainer.save(tmp_path / "last.npz", data="made", classes=list("abcdefghij"))
    return tmp_path / "last.npz"


def arrays_of(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_weights_config_and_what_was_said_about_them_come_back(trainer, path):
    checkpoint = load_checkpoint(path)
    assert RunConfig.from_dict(checkpoint.settings) == CONFIG
    assert checkpoint.about == {"data": "made", "classes": list("abcdefghij")}
    for name, array in trainer.network.weights.items():
        np.testing.assert_array_equal(checkpoint.weights[name], array)
    assert set(checkpoint.state) == {"mean", "square"}


def test_saving_again_gives_the_same_fingerprint_and_other_weights_another(trainer, path):
    before = load_checkpoint(path).fingerprint
    assert trainer.weights_checkpoint().fingerprint == before
    trainer.network.parameters[0] += 1
    assert trainer.weights_checkpoint().fingerprint != before


def test_a_missing_file_a_text_and_another_archive_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load_checkpoint(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(CheckpointError, match=r"is not a \.npz file, or is incomplete"):
        load_checkpoint(tmp_path / "text.npz")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(CheckpointError, match="not a Digit Lab checkpoint"):
        load_checkpoint(tmp_path / "other.npz")
    np.savez(tmp_path / "pickled.npz", meta=np.array([{}], object))
    with pytest.raises(CheckpointError, match="its description is missing or damaged"):
        load_checkpoint(tmp_path / "pickled.npz")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


def test_a_flipped_byte_is_noticed(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.pop("weights/dense1.b"), "lacks the array 'weights/dense1.b'"),
        (lambda a: a.pop("state/mean"), "lacks the array 'state/mean'"),
        (
            lambda a: a.update({"weights/dense1.b": np.zeros(9, np.float32)}),
            r"should be float \(8,\), got float32 \(9,\)",
        ),
        (lambda a: a.update({"weights/dense1.b": np.zeros(8, int)}), r"should be float \(8,\), got int64"),
        (lambda a: a.update({"weights/dense1.b": np.full(8, np.nan)}), "holds NaN or infinity"),
        (lambda a: a.update(meta=np.array("{")), "its description is missing or damaged"),
        (lambda a: a.update(meta=np.array("[]")), "its description is missing or damaged"),
        (lambda a: a.update(meta=np.array(json.dumps({"format": "digit-lab 9"}))), "has the format 'digit-lab 9'"),
    ],
)
def test_a_checkpoint_with_a_fault_is_refused_by_its_name(path, change, message):
    arrays = arrays_of(path)
    change(arrays)
    np.savez(path, **arrays)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


def test_a_failed_save_leaves_the_old_file_and_no_other(trainer, path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError("no space left")))
    with pytest.raises(OSError, match="no space"):
        save_checkpoint(path, trainer.weights_checkpoint())
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["last.npz"]


def test_a_classifier_answers_in_probabilities_and_knows_its_classes(path):
    classifier = load_classifier(path)
    images = made_digits(1500).images
    answers = classifier.predict_proba(images)
    assert answers.shape == (1500, 10)
    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(answers[:1], classifier.predict_proba(images[:1]), rtol=1e-4)
    assert classifier.classes == tuple("abcdefghij")
    assert classifier.predict_proba(images[:0]).shape == (0, 10)


def test_a_classifier_says_what_it_reads(path):
    with pytest.raises(ValueError, match=r"needs uint8 images \(n, 28, 28\), got float64 \(1, 784\)"):
        load_classifier(path).predict_proba(np.zeros((1, 784)))
