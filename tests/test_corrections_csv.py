"""Corrections in their file: damage costs one line at most."""

from pathlib import Path

import pytest

from dataset import DataError
from dataset.corrections import RELABELLED, RIGHT, correct_label, corrections_file, export_corrections, load_corrections
from tests.made_drawings import forget


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
    assert set(load_corrections().by_image) == {"a" * 32}
    correct_label("c" * 32, RELABELLED, given=1, label=3)
    assert set(load_corrections().by_image) == {"a" * 32, "c" * 32}
    version = load_corrections().version
    forget()
    assert load_corrections().version == version


def test_an_export_leaves_damaged_lines_out():
    correct_label("a" * 32, RELABELLED, given=1, label=7)
    whole = corrections_file().read_bytes()
    with corrections_file().open("ab") as file:
        file.write(b"\0\xff,\n")
    assert export_corrections() == whole


def test_versions_are_named_as_they_were_when_there_was_no_database():
    with corrections_file().open("wb") as file:
        file.write(b"time,image,given,verdict,label,session\n")
        file.write(b"2026-11-21T11:00:00Z,%b,1,relabelled,7,s\n" % (b"a" * 32))
        file.write(b"\0\xff,\n")
        file.write(b"2026-11-21T11:00:01Z,%b,1,set aside,1,\n" % (b"b" * 32))
    assert load_corrections().version == "4-7ac8c87e"
    assert load_corrections("2-a47951f3").changed == 1


def test_a_folder_that_cannot_be_written_to_gives_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "file" / "drawings.csv"))
    with pytest.raises(DataError, match="cannot be written"):
        correct_label("a" * 32, RIGHT, given=1, label=1)


def test_the_file_is_beside_the_drawings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "elsewhere" / "mine.csv"))
    correct_label("a" * 32, RIGHT, given=1, label=1)
    assert (tmp_path / "elsewhere" / "label_corrections.csv").is_file()
