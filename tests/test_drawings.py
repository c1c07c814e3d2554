"""Drawings: a row once written is never lost, whoever writes at the same time and whenever a program is killed."""

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataset import (
    DataError,
    append_drawing,
    count_by_digit,
    drawings_file,
    load_drawings,
    undo_drawing,
)
from dataset.drawings.exchange import export_drawings, import_drawings
from dataset.drawings.rows import HEADER
from tests.digit_files import csv_lines, images_of, labels_of, write_csv

APPEND = """
import sys
import numpy as np
from dataset import append_drawing
first, count = int(sys.argv[1]), int(sys.argv[2])
for number in range(first, first + count):
    image = np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8)
    print(append_drawing(image, number % 10, predicted=1, confidence=0.5, model="m", session=str(number)), flush=True)
"""


def append(count: int, *, first: int = 0, **provenance: str) -> list[str]:
    about = {"model": "shipped", "session": "s", **provenance}
    images, labels = images_of(first + count)[first:], labels_of(first + count)[first:]
    return [
        append_drawing(image, int(label), predicted=7, confidence=0.25, **about)
        for image, label in zip(images, labels, strict=True)
    ]


def beside(kind: str) -> list[str]:
    path = drawings_file().with_suffix(f".{kind}.csv")
    return path.read_text().splitlines() if path.exists() else []


def test_a_drawing_is_read_back_pixel_for_pixel_with_its_provenance() -> None:
    identities = append(12)
    drawings = load_drawings()
    np.testing.assert_array_equal(drawings.digits.images, images_of(12))
    np.testing.assert_array_equal(drawings.digits.labels, labels_of(12))
    assert drawings.table["id"].tolist() == identities
    assert drawings.table["label"].tolist() == labels_of(12).tolist()
    row = drawings.table.iloc[0]
    assert (row["predicted"], row["confidence"], row["model"], row["session"], row["source"]) == (
        *(7, 0.25, "shipped", "s"),
        "drawn",
    )
    assert pd.Timestamp(row["time"]).tzinfo is not None
    assert drawings.damaged == 0


def test_before_the_first_drawing_there_is_nothing_and_no_file() -> None:
    assert len(load_drawings().digits) == len(load_drawings().table) == count_by_digit().sum() == 0
    assert not undo_drawing("none")
    assert not list(drawings_file().parent.iterdir())


def test_a_reader_of_kaggle_files_reads_the_drawings() -> None:
    append(12)
    table = pd.read_csv(drawings_file())
    np.testing.assert_array_equal(table.iloc[:, 0], labels_of(12))
    np.testing.assert_array_equal(table.iloc[:, 1:785].to_numpy().reshape(-1, 28, 28), images_of(12))


@pytest.mark.parametrize("word", ["a, b", 'say "7"', "two\nlines", "\r\n", "ø7️", "\udc80", "=1+1"])
def test_no_word_of_the_provenance_can_break_a_row(word: str) -> None:
    append(1, model=word, session=word)
    append(1, first=1)
    drawings = load_drawings()
    assert (len(drawings.digits), drawings.damaged) == (2, 0)
    assert len(drawings_file().read_bytes().splitlines()) == 3


@pytest.mark.parametrize(
    ("image", "label", "reason"),
    [
        (images_of(1)[0].astype(np.float32), 3, "must be uint8"),
        (images_of(1), 3, r"got uint8 \(1, 28, 28\)"),
        (images_of(1)[0], 10, "label must be 0 to 9, got 10"),
        (images_of(1)[0], -1, "label must be 0 to 9, got -1"),
    ],
)
def test_what_is_no_drawing_is_refused(image: np.ndarray, label: int, reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        append_drawing(image, label, predicted=1, confidence=0.5, model="m", session="s")
    assert not drawings_file().exists()


def test_counts_follow_every_change() -> None:
    identities = append(12)
    assert count_by_digit().tolist() == [2, 2, 1, 1, 1, 1, 1, 1, 1, 1]
    undo_drawing(identities[0])
    assert count_by_digit().tolist() == [1, 2, 1, 1, 1, 1, 1, 1, 1, 1]


def test_undo_moves_the_row_to_another_file_and_leaves_the_others() -> None:
    identities = append(3)
    before = drawings_file().read_text().splitlines()
    assert undo_drawing(identities[1])
    assert not any(undo_drawing(word) for word in (identities[1], "", "id", "0" * 32))
    assert drawings_file().read_text().splitlines() == [before[0], before[1], before[3]]
    assert beside("undone") == [HEADER, before[2]]


def test_undo_leaves_a_damaged_row_to_be_damaged() -> None:
    identities = append(2)
    drawings_file().write_bytes(drawings_file().read_bytes() + b"1,2,3\n4,5")
    assert undo_drawing(identities[0])
    assert load_drawings().damaged == 2
    assert beside("damaged") == ["1,2,3", "4,5"]
    assert load_drawings().table["id"].tolist() == [identities[1]]


def test_the_file_cut_off_anywhere_loses_no_whole_row_and_merges_none() -> None:
    append(2)
    whole = drawings_file().read_bytes()
    second = whole.rindex(b"\n", 0, -1) + 1
    header = len(HEADER) + 1
    cuts = {1, 5, header - 1, header, header + 1, second - 1, second, second + 1, *range(second + 2, len(whole), 211)}
    for cut in sorted(cuts | set(range(len(whole) - 60, len(whole) + 1))):
        for path in drawings_file().parent.glob("drawings*"):
            path.unlink()
        drawings_file().write_bytes(whole[:cut])
        append(1, first=2)
        rows, torn = drawings_file().read_text().splitlines(), "\n".join(beside("damaged"))
        assert rows[0] == HEADER, cut
        assert load_drawings().digits.images[-1].tobytes() == images_of(3)[2].tobytes()
        assert load_drawings().damaged == 0
        kept = "\n".join(rows[:-1])
        assert whole[:cut].decode().rstrip("\n") in (f"{kept}\n{torn}".rstrip("\n"), kept, torn), cut


@pytest.mark.parametrize(
    "damage",
    [
        lambda row: row.replace(",", "", 1),
        lambda row: "x" + row,
        lambda row: "10" + row[1:],
        lambda row: row[:2000],
        lambda row: row + row,
        lambda row: "",
        lambda row: "\x00" * 4096,
        lambda row: "\udcff\udcfe" + row,
    ],
    ids=["a value too few", "text", "label", "short", "two in one", "empty", "zeros", "no UTF-8"],
)
def test_a_damaged_row_is_damaged_byte_for_byte_and_the_others_are_kept(damage) -> None:  # type: ignore[no-untyped-def]
    append(3)
    header, first, second, third = drawings_file().read_text().splitlines()
    damaged = damage(second)
    text = "\n".join([header, first, damaged, third, ""])
    drawings_file().write_bytes(text.encode("utf-8", errors="surrogateescape"))
    drawings = load_drawings()
    assert drawings.digits.labels.tolist() == [0, 2]
    assert drawings.damaged == (1 if damaged else 0)
    aside = drawings_file().with_suffix(".damaged.csv")
    assert not damaged or aside.read_bytes() == (damaged + "\n").encode("utf-8", errors="surrogateescape")
    assert load_drawings().damaged == 0
    assert len(load_drawings().digits) == 2


@pytest.mark.parametrize(
    "content",
    ["", "\n\n", "nonsense", "label\n1\n", "\x00" * 100, HEADER, HEADER[:100], HEADER + "\r\n"],
    ids=["empty", "lines", "words", "other", "zeros", "no newline", "torn header", "windows"],
)
def test_a_file_without_any_row_is_put_right_and_then_used(content: str) -> None:
    drawings_file().write_bytes(content.encode())
    assert len(load_drawings().digits) == 0
    append(2)
    assert load_drawings().digits.labels.tolist() == [0, 1]
    assert len(pd.read_csv(drawings_file())) == 2
    assert not content.strip() or content.startswith(HEADER) or beside("damaged")


def test_a_file_saved_by_a_spreadsheet_still_works() -> None:
    append(3)
    text = drawings_file().read_text()
    drawings_file().write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    append(1, first=3)
    drawings = load_drawings()
    assert drawings.digits.labels.tolist() == [0, 1, 2, 3]
    assert drawings.table["source"].tolist() == ["drawn"] * 4
    assert drawings.damaged == 0


def test_rows_without_a_header_get_one() -> None:
    append(3)
    drawings_file().write_text("".join(drawings_file().read_text().splitlines(keepends=True)[1:]))
    assert load_drawings().digits.labels.tolist() == [0, 1, 2]
    assert drawings_file().read_text().startswith(HEADER + "\n")


def test_a_row_whose_provenance_is_odd_is_no_damage() -> None:
    append(2)
    drawings_file().write_text(drawings_file().read_text().replace(",7,0.2500,", ",seven,sure,"))
    drawings = load_drawings()
    assert len(drawings.digits) == 2
    assert drawings.table["predicted"].isna().all()
    assert drawings.table["confidence"].isna().all()


@pytest.mark.slow
def test_twenty_programs_at_once_lose_nothing() -> None:
    programs = [
        subprocess.Popen([sys.executable, "-c", APPEND, str(50 * number), "50"], stdout=subprocess.PIPE, text=True)
        for number in range(20)
    ]
    written = [identity for program in programs for identity in program.communicate()[0].split()]
    assert all(program.returncode == 0 for program in programs)
    drawings = load_drawings()
    assert len(written) == len(set(written)) == len(drawings.table) == 1000
    assert set(drawings.table["id"]) == set(written)
    assert drawings.damaged == 0
    numbers = drawings.table["session"].astype(int)
    assert sorted(numbers) == list(range(1000))
    for number, label, image in zip(numbers, drawings.digits.labels, drawings.digits.images, strict=True):
        assert label == number % 10
        np.testing.assert_array_equal(image, np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8))
    assert count_by_digit().tolist() == [100] * 10


def test_programs_killed_at_random_moments_leave_every_row_they_reported() -> None:
    reported: list[str] = []
    for number in range(6):
        arguments = [sys.executable, "-c", APPEND, str(1000 * number), "1000"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as program:
            assert program.stdout is not None
            reported.append(program.stdout.readline().strip())
            time.sleep(0.013 * number)
            program.send_signal(signal.SIGKILL)
            reported += program.stdout.read().split()
    drawings = load_drawings()
    assert set(reported) <= set(drawings.table["id"])
    assert len(drawings.table) <= len(reported) + 6  # a row may be written and its program killed before it says so


def test_a_program_killed_inside_a_write_leaves_a_readable_file() -> None:
    append(2)
    code = (
        "import os, signal; from dataset.drawings import csv_store; write = os.write\n"
        "def half(file, data):\n"
        "    write(file, data[: len(data) // 2])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "csv_store.os.write = half\n"
    )
    killed = subprocess.run([sys.executable, "-c", code + APPEND, "5", "1"], check=False)
    assert killed.returncode == -signal.SIGKILL
    append(1, first=2)
    assert load_drawings().digits.labels.tolist() == [0, 1, 2]
    assert len(beside("damaged")) == 1


def test_a_full_disk_leaves_no_half_row(monkeypatch: pytest.MonkeyPatch) -> None:
    append(1)
    before = drawings_file().read_bytes()
    write = os.write
    monkeypatch.setattr("dataset.drawings.csv_store.os.write", lambda file, data: write(file, data[:100]))
    with pytest.raises(DataError, match="cannot be written: No space left on device"):
        append(1)
    assert drawings_file().read_bytes() == before


def test_a_folder_that_cannot_be_written_to_gives_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "file" / "drawings.csv"))
    with pytest.raises(DataError, match=r"cannot be written: .* Set DIGITS_DRAWINGS"):
        append(1)
    assert len(load_drawings().digits) == count_by_digit().sum() == 0


def test_drawings_in_a_read_only_folder_are_read_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    append(3)
    text = drawings_file().read_text() + "torn"
    drawings_file().write_text(text)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("dataset.drawings.csv_store.FileLock", refuse)
    drawings = load_drawings()
    assert (len(drawings.digits), drawings.damaged) == (3, 1)
    assert drawings_file().read_text() == text
    with pytest.raises(DataError, match="cannot be written: Permission denied"):
        append(1)


def test_what_is_exported_can_be_imported_elsewhere_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    identities = append(3)
    assert export_drawings(tmp_path / "mine.csv") == 3
    assert import_drawings(tmp_path / "mine.csv") == 0
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "elsewhere" / "drawings.csv"))
    assert import_drawings(tmp_path / "mine.csv") == 3
    assert import_drawings(tmp_path / "mine.csv") == 0
    assert load_drawings().table["id"].tolist() == identities
    assert drawings_file().read_bytes() == (tmp_path / "mine.csv").read_bytes()


def test_an_export_may_be_gzipped_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(3)
    (tmp_path / "mine.csv.gz").write_bytes(gzip.compress(drawings_file().read_bytes()))
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "elsewhere" / "drawings.csv"))
    assert import_drawings(tmp_path / "mine.csv.gz") == 3


def test_an_export_overwrites_nothing(tmp_path: Path) -> None:
    append(1)
    (tmp_path / "mine.csv").write_text("precious")
    with pytest.raises(DataError, match="exists already"):
        export_drawings(tmp_path / "mine.csv")


def test_digits_of_any_csv_file_are_imported_once(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "kaggle.csv", csv_lines(12))
    assert import_drawings(path) == 12
    assert import_drawings(path) == 0
    drawings = load_drawings()
    np.testing.assert_array_equal(drawings.digits.images, images_of(12))
    assert drawings.table["source"].unique().tolist() == ["imported"]
    assert drawings.table["predicted"].isna().all()


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([csv_lines(2)[0], csv_lines(2)[1] + ",1"], "other.csv line 2: expected 785 values, got 786"),
        ([line.partition(",")[2] for line in csv_lines(2)], "has no labels"),
        ([HEADER, "1,2,3"], "other.csv has damaged rows: 1"),
    ],
    ids=["damaged", "unlabelled", "damaged drawings"],
)
def test_a_file_with_a_problem_is_not_imported_at_all(tmp_path: Path, lines: list[str], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        import_drawings(write_csv(tmp_path / "other.csv", lines))
    assert not drawings_file().exists()
