"""Corrections: what people say about labels is kept line by line, names its versions and changes no file."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from dataset import DataError, Digits, load_digits, load_training
from dataset.corrections import (
    RELABELLED,
    RIGHT,
    SET_ASIDE,
    TAKEN_BACK,
    Correction,
    correct_label,
    corrections_file,
    image_hashes,
    load_corrections,
)
from experiments.cli import main
from experiments.run_data import load_data
from experiments.runs import create_run, open_run
from model import TrainConfig
from tests.made_digits import made_digits
from tests.small_runs import to_end

SMALL = TrainConfig(hidden=(8,), epochs=1)


def made(count: int = 5) -> Digits:
    found = made_digits(count)
    return Digits(found.images, np.arange(count, dtype=np.uint8), "made")


def test_labels_are_changed_and_digits_left_out_as_people_said():
    digits = made()
    images = image_hashes(digits.images)
    correct_label(images[1], RELABELLED, given=1, label=7)
    correct_label(images[2], SET_ASIDE, given=2, label=2)
    correct_label(images[3], RIGHT, given=3, label=3)
    corrections = load_corrections()
    assert corrections.changed == 2
    assert corrections.of[images[3]] == Correction(RIGHT, 3)
    applied = corrections.apply(digits)
    assert applied.labels.tolist() == [0, 7, 3, 4]
    assert np.array_equal(applied.images, digits.images[[0, 1, 3, 4]])
    assert digits.labels.tolist() == [0, 1, 2, 3, 4]


def test_taking_back_brings_back_what_was_said_before():
    correct_label("a" * 32, RELABELLED, given=1, label=7)
    correct_label("a" * 32, SET_ASIDE, given=1, label=1)
    correct_label("a" * 32, TAKEN_BACK, given=1, label=1)
    assert load_corrections().of["a" * 32] == Correction(RELABELLED, 7)
    correct_label("a" * 32, TAKEN_BACK, given=1, label=1)
    assert load_corrections().of == {}
    correct_label("a" * 32, TAKEN_BACK, given=1, label=1)  # nothing is there any more
    assert load_corrections().of == {}


def test_taking_back_leaves_what_others_have_said_since():
    for session, label in (("a", 7), ("b", 8)):
        correct_label("a" * 32, RELABELLED, given=1, label=label, session=session)
    correct_label("a" * 32, TAKEN_BACK, given=1, label=1, session="a")
    assert load_corrections().of["a" * 32] == Correction(RELABELLED, 8)


def test_a_name_that_would_make_another_line_is_refused():
    with pytest.raises(DataError, match="letters and digits"):
        correct_label("a" * 32, RELABELLED, given=1, label=7, session="x\nt,b,1,relabelled,3,s")


def test_every_version_can_be_had_again():
    seen = {}
    for label in (4, 5, 6):
        correct_label("a" * 32, RELABELLED, given=1, label=label)
        seen[load_corrections().version] = label
    assert len(seen) == 3
    for version, label in seen.items():
        assert load_corrections(version).version == version
        assert load_corrections(version).of["a" * 32].label == label


def test_labels_of_which_none_is_changed_have_no_version():
    assert load_corrections().version == load_corrections("").version == ""
    correct_label("a" * 32, RIGHT, given=1, label=1)
    assert load_corrections().version == ""
    correct_label("a" * 32, RELABELLED, given=1, label=2)
    assert load_corrections("").of == {}


def test_a_version_that_is_not_there_is_a_sentence():
    with pytest.raises(DataError, match="does not hold the corrected labels 3-00c0ffee"):
        load_corrections("3-00c0ffee")
    with pytest.raises(DataError, match="Put that file back"):
        load_corrections("nonsense")


@pytest.mark.parametrize(("verdict", "label"), [("maybe", 1), (RELABELLED, 10), (RELABELLED, -1)])
def test_what_cannot_be_said_of_a_label_is_refused(verdict: str, label: int):
    with pytest.raises(DataError):
        correct_label("a" * 32, verdict, given=1, label=label)
    assert not corrections_file().exists()


@pytest.mark.parametrize(
    "torn",
    [
        't,b,1,"relabelled,3,s\n',
        "t,b,1,relabelled,,s\n",
        "t,b,1,relabelled,12,s\n",
        "2026-11-21T00:00:00Z,bbbb",
        "x\ny,z\n",
        "\x00\xff,\n",
    ],
)
def test_a_damaged_line_costs_that_line_only(torn: str):
    correct_label("a" * 32, RELABELLED, given=1, label=7)
    with corrections_file().open("a", encoding="utf-8") as file:
        file.write(torn)
    assert set(load_corrections().of) == {"a" * 32}
    correct_label("c" * 32, RELABELLED, given=1, label=3)
    assert set(load_corrections().of) == {"a" * 32, "c" * 32}


def test_eight_people_at_once_lose_nothing():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: correct_label(f"{i:032x}", RELABELLED, given=1, label=i % 10), range(40)))
    assert load_corrections().changed == 40
    assert len(corrections_file().read_text().splitlines()) == 41


def test_a_run_learns_corrected_labels_only_if_asked_and_names_their_version():
    train, validation = load_training("mnist-5k")
    images = image_hashes(train.images[:2])
    correct_label(images[0], RELABELLED, given=int(train.labels[0]), label=9 - int(train.labels[0]))
    correct_label(images[1], SET_ASIDE, given=int(train.labels[1]), label=int(train.labels[1]))
    correct_label(image_hashes(validation.images[:1])[0], RELABELLED, given=0, label=9 - int(validation.labels[0]))
    unasked, _ = load_data(create_run(SMALL))
    assert unasked.fingerprint == train.fingerprint
    run = create_run(SMALL.replace(label_corrections="newest"))
    learned, kept = load_data(run)
    assert len(learned) == len(train) - 1
    assert learned.labels[0] == 9 - train.labels[0]
    assert kept.fingerprint == validation.fingerprint  # so that runs can be compared
    version = open_run(run.folder).config.label_corrections
    assert version == load_corrections().version
    correct_label(images[1], TAKEN_BACK, given=0, label=0)
    again, _ = load_data(create_run(SMALL.replace(label_corrections=version)))
    assert again.fingerprint == learned.fingerprint
    assert to_end(run).state == "finished"


def test_a_run_whose_corrections_are_gone_says_so():
    status = to_end(create_run(SMALL.replace(label_corrections="2-00c0ffee")))
    assert status.state == "failed"
    assert "does not hold the corrected labels" in status.reason


def test_test_digits_keep_the_labels_they_came_with():
    test = load_digits("mnist-5k", "test")
    correct_label(image_hashes(test.images[:1])[0], RELABELLED, given=0, label=9 - int(test.labels[0]))
    assert load_digits("mnist-5k", "test").fingerprint == test.fingerprint


def test_the_command_scores_by_corrected_labels_if_asked_and_says_so(capsys: pytest.CaptureFixture[str]):
    test = load_digits("mnist-5k", "test")
    for image, label in zip(image_hashes(test.images[:50]), test.labels, strict=False):
        correct_label(image, RELABELLED, given=int(label), label=9 - int(label))
    scores = []
    for options in ([], ["--corrected-labels"]):
        assert main(["test", "--data", "mnist-5k", "--json", *options]) == 0
        scores.append(json.loads(capsys.readouterr().out))
    assert scores[0]["correct"] - scores[1]["correct"] > 40
    assert scores[1]["label_corrections"] == load_corrections().version
    assert main(["test", "--data", "mnist-5k", "--corrected-labels"]) == 0
    assert "by the labels as people corrected them" in capsys.readouterr().out


def test_the_file_is_beside_the_drawings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "elsewhere" / "mine.csv"))
    correct_label("a" * 32, RIGHT, given=1, label=1)
    assert (tmp_path / "elsewhere" / "label_corrections.csv").is_file()
