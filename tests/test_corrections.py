"""Corrections: what people say about labels is kept in each of the places where it may live, and
changes no file.
"""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from dataset import DataError, Digits, count_by_digit, load_digits, load_training
from dataset.corrections import (
    RELABELLED,
    RIGHT,
    SET_ASIDE,
    TAKEN_BACK,
    Correction,
    correct_label,
    corrections_file,
    export_corrections,
    image_hashes,
    import_corrections,
    is_corrections,
    load_corrections,
)
from dataset.corrections.log import COLUMNS
from dataset.corrections.storage import correction_storage
from dataset.transfer import move
from experiments.cli.main import main
from experiments.runs.config import RunConfig
from experiments.runs.run import create_run, open_run
from experiments.training.data import load_data
from tests.made_digits import made_digits
from tests.made_drawings import append, forget
from tests.small_runs import to_end

pytest_plugins = ["tests.postgres", "tests.storages"]
pytestmark = pytest.mark.usefixtures("home")
SMALL = RunConfig(hidden=(8,), epochs=1)
CORRECT = """
import sys
from dataset.corrections import correct_label
for number in range(25):
    correct_label(f"{25 * int(sys.argv[1]) + number:032x}", "set aside", given=1, label=1)
"""


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
    assert corrections.by_image[images[3]] == Correction(RIGHT, 3)
    applied = corrections.apply(digits)
    assert applied.labels.tolist() == [0, 7, 3, 4]
    assert np.array_equal(applied.images, digits.images[[0, 1, 3, 4]])
    assert digits.labels.tolist() == [0, 1, 2, 3, 4]


def test_taking_back_brings_back_what_was_said_before():
    correct_label("a" * 32, RELABELLED, given=1, label=7)
    correct_label("a" * 32, SET_ASIDE, given=1, label=1)
    correct_label("a" * 32, TAKEN_BACK, given=1, label=1)
    assert load_corrections().by_image["a" * 32] == Correction(RELABELLED, 7)
    correct_label("a" * 32, TAKEN_BACK, given=1, label=1)
    assert load_corrections().by_image == {}
    correct_label("a" * 32, TAKEN_BACK, given=1, label=1)  # nothing is there any more
    assert load_corrections().by_image == {}


def test_taking_back_leaves_what_others_have_said_since():
    for session, label in (("a", 7), ("b", 8)):
        correct_label("a" * 32, RELABELLED, given=1, label=label, session=session)
    correct_label("a" * 32, TAKEN_BACK, given=1, label=1, session="a")
    assert load_corrections().by_image["a" * 32] == Correction(RELABELLED, 8)


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
        assert load_corrections(version).by_image["a" * 32].label == label


def test_labels_of_which_none_is_changed_have_no_version():
    assert load_corrections().version == load_corrections("").version == ""
    correct_label("a" * 32, RIGHT, given=1, label=1)
    assert load_corrections().version == ""
    correct_label("a" * 32, RELABELLED, given=1, label=2)
    assert load_corrections("").by_image == {}


def test_a_version_that_is_not_there_is_a_sentence():
    with pytest.raises(DataError, match="does not hold the corrected labels 3-00c0ffee"):
        load_corrections("3-00c0ffee")
    with pytest.raises(DataError, match="Restore them"):
        load_corrections("nonsense")


@pytest.mark.parametrize(("verdict", "label"), [("maybe", 1), (RELABELLED, 10), (RELABELLED, -1)])
def test_what_cannot_be_said_of_a_label_is_refused(verdict: str, label: int):
    with pytest.raises(DataError):
        correct_label("a" * 32, verdict, given=1, label=label)
    assert correction_storage().lines() == []


def test_eight_people_at_once_lose_nothing():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: correct_label(f"{i:032x}", RELABELLED, given=1, label=i % 10), range(40)))
    forget()
    assert load_corrections().changed == 40
    assert len(correction_storage().lines()) == 41


@pytest.mark.slow
def test_eight_programs_at_once_lose_nothing_and_see_what_the_others_say():
    correct_label("f" * 32, RELABELLED, given=1, label=7)
    assert load_corrections().changed == 1
    programs = [subprocess.Popen([sys.executable, "-c", CORRECT, str(number)]) for number in range(8)]
    assert [other.wait() for other in programs] == [0] * 8
    assert load_corrections().changed == 1 + 8 * 25
    assert len(correction_storage().lines()) == 2 + 8 * 25


def test_what_another_program_put_in_place_of_it_all_is_seen(home: str):
    correct_label("a" * 32, RELABELLED, given=1, label=7)
    version = load_corrections().version
    if home.endswith(".csv"):
        corrections_file().unlink()
    else:
        with create_engine(home, poolclass=NullPool).begin() as connection:
            connection.execute(text("DELETE FROM label_corrections"))
    assert load_corrections().by_image == {}
    correct_label("b" * 32, RELABELLED, given=1, label=7)
    assert set(load_corrections().by_image) == {"b" * 32}
    with pytest.raises(DataError, match=version):
        load_corrections(version)


def said_by(session: str, *labels: int) -> None:
    for label in labels:
        correct_label(f"{label:032x}", RELABELLED, given=0, label=label, session=session)


def test_corrections_move_there_and_back_and_every_byte_is_the_same(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DIGITS_DATABASE", raising=False)
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "from" / "drawings.csv"))
    append(1)
    said_by("a", 1, 2, 3)
    with corrections_file().open("ab") as file:
        file.write(b"\0\xff\xc4\x80 is left of a line\n")
    before = load_corrections().version
    said_by("b", 4)
    assert move(home) == (1, 4)
    said_by("a", 5)
    assert move(home) == (1, 5)  # what has come since
    content, newest = corrections_file().read_bytes(), load_corrections().version
    monkeypatch.setenv("DIGITS_DRAWINGS" if home.endswith(".csv") else "DIGITS_DATABASE", home)
    assert load_corrections().version == newest
    assert (load_corrections(before).version, load_corrections(before).changed) == (before, 3)
    assert move(str(tmp_path / "back" / "drawings.csv")) == (1, 5)
    assert (tmp_path / "back" / corrections_file().name).read_bytes() == content


def test_where_other_corrections_are_nothing_is_moved(home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    said_by("a", 1)
    monkeypatch.delenv("DIGITS_DATABASE", raising=False)
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "from" / "drawings.csv"))
    append(1)
    said_by("b", 2)
    with pytest.raises(DataError, match=r"has other corrected labels already\. Choose an empty place"):
        move(home)
    monkeypatch.setenv("DIGITS_DRAWINGS" if home.endswith(".csv") else "DIGITS_DATABASE", home)
    assert (count_by_digit().sum(), set(load_corrections().by_image)) == (0, {f"{1:032x}"})


def test_what_was_exported_brings_back_every_version_of_an_emptied_home(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    said_by("a", 1, 2)
    version = load_corrections().version
    correct_label(f"{2:032x}", TAKEN_BACK, given=0, label=0, session="a")
    said_by("a", 2)  # the same line twice within a second is no double
    exported, newest = export_corrections(), load_corrections().version
    file = tmp_path / "saved.csv"
    file.write_bytes(exported)
    assert is_corrections(file)
    assert import_corrections(file) == 0
    monkeypatch.delenv("DIGITS_DATABASE", raising=False)
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "anew" / "drawings.csv"))
    assert import_corrections(file) == 4
    assert (load_corrections().version, load_corrections(version).version) == (newest, version)
    assert export_corrections() == exported


def test_an_import_adds_what_is_missing_and_what_was_said_later_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    a, b = "a" * 32, "b" * 32
    monkeypatch.setattr("dataset.corrections.storage.timestamp", lambda: "2026-11-21T12:00:00Z")
    correct_label(a, RELABELLED, given=1, label=7)
    correct_label(b, RELABELLED, given=1, label=7)
    file = tmp_path / "theirs.csv"
    lines = [",".join(COLUMNS), f"2026-11-21T11:00:00Z,{a},1,right,1,s", f"2026-11-21T13:00:00Z,{b},1,set aside,1,s"]
    file.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())  # as a spreadsheet saves it
    assert import_corrections(file) == 1
    assert load_corrections().by_image == {a: Correction(RELABELLED, 7), b: Correction(SET_ASIDE, 1)}
    assert import_corrections(file) == 0


GOOD = f"2026-11-21T11:00:00Z,{'a' * 32},1,right,1,s"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "line 1: expected time,image,given,verdict,label,session, got an empty file"),
        ("label,pixel0\n", "line 1: expected time,image,given,verdict,label,session, got 'label,pixel0'"),
        (f"{GOOD}\n{GOOD},\n", "line 3: expected 6 values, got 7"),
        (f"{GOOD}\n\n{GOOD[:-9]}\n", "line 4: expected 6 values, got 4"),
        (GOOD.replace("a" * 32, "7"), r"line 2: expected the 32 hex digits of an image \(image\), got '7'"),
        (GOOD.replace("right", "wrong"), "line 2: expected relabelled, right, set aside or taken back .*, got 'wrong'"),
        (GOOD.replace(",1,s", ",12,s"), r"line 2: expected a label from 0 to 9 \(label\), got '12'"),
        (GOOD + " t", r"line 2: expected letters and digits \(session\), got 's t'"),
        (GOOD + "\0", "line 2: expected letters and digits"),
    ],
)
def test_a_file_with_a_fault_is_not_imported_at_all(tmp_path: Path, content: str, reason: str):
    file = tmp_path / "bad.csv"
    file.write_text(content if not content or "pixel" in content else f"{','.join(COLUMNS)}\n{content}")
    with pytest.raises(DataError, match=f"bad.csv {reason}"):
        import_corrections(file)
    assert correction_storage().lines() == []


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
