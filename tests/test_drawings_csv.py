"""Drawings in a file: what is kept stands in drawings.csv, and whatever becomes of that file,
nothing is lost.
"""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataset import (
    DataError,
    NewDrawing,
    append_drawings,
    count_by_digit,
    drawings_file,
    drawings_history,
    drawings_version,
    edit_drawings,
    load_drawings,
    undo_change,
)
from dataset.drawings import open_storage
from dataset.drawings.csv_rows import FORMER_HEADER, HEADER
from tests.digit_files import csv_lines, images_of, labels_of, write_csv
from tests.made_drawings import append, program


def beside(kind: str) -> list[str]:
    path = drawings_file().with_suffix(f".{kind}.csv")
    return path.read_text().splitlines() if path.exists() else []


def test_a_reader_of_kaggle_files_reads_the_drawings() -> None:
    append(12)
    table = pd.read_csv(drawings_file())
    np.testing.assert_array_equal(table.iloc[:, 0], labels_of(12))
    np.testing.assert_array_equal(table.iloc[:, 1:785].to_numpy().reshape(-1, 28, 28), images_of(12))


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


def test_a_full_disk_leaves_no_half_row(monkeypatch: pytest.MonkeyPatch) -> None:
    append(1)
    before = drawings_file().read_bytes()
    write = os.write
    monkeypatch.setattr("dataset.files.os.write", lambda file, data: write(file, data[:100]))
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

    monkeypatch.setattr("dataset.files.FileLock", refuse)
    drawings = load_drawings()
    assert (len(drawings.digits), drawings.damaged) == (3, 1)
    assert drawings_file().read_text() == text
    with pytest.raises(DataError, match="cannot be written: Permission denied"):
        append(1)


@pytest.mark.parametrize("word", ["a, b", 'say "7"', "two\nlines", "\r\n", "\udc80"])
def test_no_word_breaks_a_line(word: str) -> None:
    append(1, model=word, session=word)
    append(1, first=1)
    assert len(drawings_file().read_bytes().splitlines()) == 3


def test_the_file_holds_what_is_kept_in_the_order_in_which_it_was_stored() -> None:
    ids = append(5)
    rows = drawings_file().read_text().splitlines()
    edit_drawings(ids[1:3], state="set aside")
    assert drawings_file().read_text().splitlines() == [rows[0], rows[1], *rows[4:]]
    edit_drawings(ids[2:4], state="kept", label=9)
    assert drawings_file().read_text().splitlines() == [*rows[:2], f"9{rows[3][1:]}", f"9{rows[4][1:]}", rows[5]]
    while undo_change():
        pass
    assert drawings_file().read_text().splitlines() == [rows[0]]


DAMAGE = {
    "a value too few": lambda row: row.replace(",", "", 1),
    "text": lambda row: "x" + row,
    "label": lambda row: "10" + row[1:],
    "short": lambda row: row[:2000],
    "two in one": lambda row: row + row,
    "zeros": lambda row: "\x00" * 4096,
    "no UTF-8": lambda row: "\udcff\udcfe" + row,
}


@pytest.mark.parametrize("logged", [True, False], ids=["with its log", "an old file"])
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_row_is_set_aside_byte_for_byte_and_put_back_from_the_log(kind: str, logged: bool) -> None:
    append(3)
    header, first, second, third = drawings_file().read_text().splitlines()
    damaged = DAMAGE[kind](second)
    drawings_file().write_bytes(
        "\n".join([header, first, damaged, third, ""]).encode("utf-8", errors="surrogateescape")
    )
    if not logged:
        drawings_file().with_suffix(".log").unlink()
    drawings = load_drawings()
    assert drawings.digits.labels.tolist() == ([0, 1, 2] if logged else [0, 2])
    assert drawings.damaged == 1
    aside = drawings_file().with_suffix(".damaged.csv")
    assert aside.read_bytes() == (damaged + "\n").encode("utf-8", errors="surrogateescape")
    assert load_drawings().damaged == 0
    assert len(load_drawings().digits) == (3 if logged else 2)
    assert len(pd.read_csv(drawings_file())) == (3 if logged else 2)


def test_a_row_whose_pixels_were_changed_by_hand_is_damaged() -> None:
    append(1)
    header, row = drawings_file().read_text().splitlines()
    label, _, rest = row.split(",", 2)
    drawings_file().write_text(f"{header}\n{label},0,{rest}\n")
    assert load_drawings().damaged == 1
    np.testing.assert_array_equal(load_drawings().digits.images, images_of(1))
    assert drawings_file().read_text().splitlines() == [header, row]


def test_what_a_person_does_to_the_file_counts_and_can_be_taken_back() -> None:
    append(5)
    header, *rows = drawings_file().read_text().splitlines()
    version = drawings_version()
    # one relabelled, one removed, one written twice, one without its provenance, another order
    mine = [rows[4], f"9{rows[0][1:]}", rows[1], rows[1], ",".join(rows[2].split(",")[:785]) + "," * 10]
    drawings_file().write_text("\n".join([header, *mine, ""]))
    drawings = load_drawings()
    assert sorted(drawings.digits.labels.tolist()) == [1, 2, 4, 9]
    assert drawings.damaged == 0
    assert drawings_history()[-1].action == "changed in the file"
    undo_change()
    assert load_drawings().digits.labels.tolist() == load_drawings(version).digits.labels.tolist() == [0, 1, 2, 3, 4]
    assert drawings_file().read_text().splitlines() == [header, *rows]


def test_a_file_that_was_deleted_is_empty_until_that_is_taken_back() -> None:
    append(3)
    drawings_file().unlink()
    assert len(load_drawings().digits) == 0
    undo_change()
    assert load_drawings().digits.labels.tolist() == [0, 1, 2]


def former_file(count: int) -> list[str]:
    """A file as the first release wrote it: no log, and seven columns of provenance."""
    lines = [FORMER_HEADER]
    for number, line in enumerate(csv_lines(count)[1:]):
        lines.append(f"{line},{number:032x},2026-11-20T12:00:{number:02}Z,7,0.2500,shipped,s,drawn")
    write_csv(drawings_file(), lines)
    return lines


def test_a_file_of_the_first_release_is_read_on_and_gets_a_log() -> None:
    lines = former_file(50)
    drawings = load_drawings()
    np.testing.assert_array_equal(drawings.digits.images, images_of(50))
    assert drawings.id.tolist() == [f"{number:032x}" for number in range(50)]
    assert drawings.time[1] == "2026-11-20T12:00:01Z"
    assert np.bincount(drawings.held_out.labels, minlength=10).tolist() == [1] * 10
    assert [line.split(",")[:791] for line in drawings_file().read_text().splitlines()[1:]] == [
        line.split(",")[:791] for line in lines[1:]
    ]
    append(1, first=50)
    assert len(load_drawings().digits) == 51
    assert [change.action for change in drawings_history()] == ["changed in the file", "stored"]


def test_a_row_whose_provenance_is_odd_is_no_damage() -> None:
    write_csv(drawings_file(), [line.replace(",7,0.2500,", ",seven,sure,") for line in former_file(2)])
    drawings = load_drawings()
    assert len(drawings.digits) == 2
    assert drawings.predicted.tolist() == [-1, -1]
    assert np.isnan(drawings.confidence).all()
    assert drawings.table["predicted"].isna().all()


# Each writes half of what it should and is killed: the CSV file is written first, then the log.
KILLED = """
import os, signal
from dataset.drawings import csv_storage
write, written = os.write, []
def half(file, data):
    written.append(file)
    if len(written) < {which}:
        return write(file, data)
    write(file, data[: len(data) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
csv_storage.os.write = half
"""


@pytest.mark.parametrize(("which", "left"), [(1, 2), (2, 3)], ids=["in the CSV file", "in the log"])
def test_a_program_killed_inside_a_write_leaves_files_that_are_read(which: int, left: int) -> None:
    append(2)
    with program(5, 1, KILLED.replace("{which}", str(which))) as killed:
        assert killed.stdout is not None
        assert killed.stdout.read() == ""  # nothing was promised
    assert killed.returncode == -signal.SIGKILL
    assert load_drawings().digits.labels.tolist() == [0, 1, 5][:left]
    append(1, first=2)
    assert load_drawings().digits.labels.tolist() == [*[0, 1, 5][:left], 2]
    assert len(beside("damaged")) == (which == 1)
    open_storage.cache_clear()
    assert load_drawings().digits.labels.tolist() == [*[0, 1, 5][:left], 2]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_damaged_entry_of_the_log_costs_no_drawing(place: int) -> None:
    append(3)
    log = drawings_file().with_suffix(".log")
    lines = log.read_bytes().splitlines()
    lines[place] = lines[place][:50] + b"\xff" + lines[place][60:]
    log.write_bytes(b"\n".join(lines) + b"\n")
    open_storage.cache_clear()
    assert sorted(load_drawings().digits.labels.tolist()) == [0, 1, 2]
    append(1, first=3)
    open_storage.cache_clear()
    assert sorted(load_drawings().digits.labels.tolist()) == [0, 1, 2, 3]
    assert log.with_suffix(".damaged.log").read_bytes() == lines[place] + b"\n"


def test_a_full_disk_while_the_log_is_written_leaves_both_files_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    append(1)
    paths = [drawings_file(), drawings_file().with_suffix(".log")]
    before = [path.read_bytes() for path in paths]
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(
            "dataset.files.os.write",
            lambda file, data: write(file, data if data[:1] != b"{" else data[:100]),
        )
        with pytest.raises(DataError, match="cannot be written: No space left on device"):
            append(1, first=1)
    assert [path.read_bytes() for path in paths] == before
    assert len(load_drawings().digits) == 1


@pytest.mark.alone
def test_ten_thousand_drawings_are_read_and_added_to_quickly() -> None:
    squares = np.random.default_rng(0).integers(0, 256, (10_000, 7, 7), dtype=np.uint8)
    images = squares.repeat(4, axis=1).repeat(4, axis=2)
    append_drawings([NewDrawing(image=image, label=number % 10) for number, image in enumerate(images)])
    open_storage.cache_clear()

    def seconds(action: Callable[[], object], times: int) -> float:
        """Processor time, the best of several: other work on the machine does not count."""
        best = float("inf")
        for _ in range(times):
            began = time.process_time()
            action()
            best = min(best, time.process_time() - began)
        return best

    assert seconds(load_drawings, 1) < 0.5
    assert seconds(load_drawings, 3) < 0.01
    append(1)
    assert seconds(lambda: append(1, first=2), 5) < 0.02
