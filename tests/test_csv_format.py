"""CSV files: each way a file can be wrong is named with its line, and each harmless variation is
read.
"""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataset import UNLABELLED, DataError, check_csv, load_digits
from dataset.csv_format import read_csv
from tests.digit_files import csv_lines, images_of, labels_of, write_csv


def replaced(line: str, column: int, value: str) -> str:
    fields = line.split(",")
    fields[column] = value
    return ",".join(fields)


def problem(path: Path) -> str:
    with pytest.raises(DataError) as error:
        read_csv(path)
    assert str(check_csv(path)[0]) == str(error.value)
    return str(error.value)


def assert_is_read(path: Path, count: int = 5) -> None:
    images, labels = read_csv(path)
    np.testing.assert_array_equal(images, images_of(count))
    np.testing.assert_array_equal(labels, labels_of(count))
    assert check_csv(path) == []


def test_a_file_with_a_header_is_read(tmp_path: Path) -> None:
    assert_is_read(write_csv(tmp_path / "digits.csv", csv_lines(5)))


def test_a_file_without_a_header_is_read(tmp_path: Path) -> None:
    assert_is_read(write_csv(tmp_path / "digits.csv", csv_lines(5)[1:]))


def test_a_file_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    lines = csv_lines(5)
    assert_is_read(write_csv(tmp_path / "digits.csv", ["\ufeff" + lines[0], *lines[1:]], ending="\r\n"))


def test_quotes_around_values_are_read(tmp_path: Path) -> None:
    lines = [",".join(f'"{field}"' for field in line.split(",")) for line in csv_lines(5)]
    assert_is_read(write_csv(tmp_path / "digits.csv", lines))


def test_empty_lines_and_a_missing_last_newline_are_no_problem(tmp_path: Path) -> None:
    lines = csv_lines(5)
    (tmp_path / "digits.csv").write_text("\n".join([*lines[:3], "", *lines[3:]]))
    assert_is_read(tmp_path / "digits.csv")


def test_a_gzipped_file_is_read_under_any_name(tmp_path: Path) -> None:
    path = tmp_path / "digits.csv"
    path.write_bytes(gzip.compress("\n".join(csv_lines(5)).encode()))
    assert_is_read(path)


def test_whole_numbers_written_with_a_point_are_read(tmp_path: Path) -> None:
    lines = csv_lines(5)
    lines[2] = ",".join(f"{field}.0" for field in lines[2].split(","))
    assert_is_read(write_csv(tmp_path / "digits.csv", lines))


def test_columns_in_another_order_are_found_by_their_names(tmp_path: Path) -> None:
    order = np.random.default_rng(0).permutation(785)
    lines = [",".join(np.array(line.split(","))[order]) for line in csv_lines(5)]
    assert_is_read(write_csv(tmp_path / "digits.csv", lines))


@pytest.mark.parametrize(
    "names",
    [
        ["class", *(f"pixel{i}" for i in range(1, 785))],
        ["label", *(f"{row}x{column}" for row in range(1, 29) for column in range(1, 29))],
        ["label", *map(str, range(784))],
        list(map(str, range(785))),
    ],
    ids=["counted from 1", "row x column", "numbers", "numbers for the label too"],
)
def test_other_ways_to_name_the_columns_are_understood(tmp_path: Path, names: list[str]) -> None:
    assert_is_read(write_csv(tmp_path / "digits.csv", [",".join(names), *csv_lines(5)[1:]]))


def test_columns_that_mean_nothing_here_are_passed_over(tmp_path: Path) -> None:
    lines = [f'{i},{line},"a, b"' for i, line in enumerate(csv_lines(5))]
    lines[0] = "," + csv_lines(0)[0] + ",remark"
    assert_is_read(write_csv(tmp_path / "digits.csv", lines))


@pytest.mark.parametrize("header", [True, False], ids=["header", "no header"])
def test_a_test_file_of_kaggle_has_no_labels(tmp_path: Path, header: bool) -> None:
    lines = [line.partition(",")[2] for line in csv_lines(5)]
    images, labels = read_csv(write_csv(tmp_path / "test.csv", lines if header else lines[1:]))
    np.testing.assert_array_equal(images, images_of(5))
    assert (labels == UNLABELLED).all()


def test_what_is_read_is_what_pandas_reads(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "digits.csv", csv_lines(600))  # more than one block
    images, labels = read_csv(path)
    table = pd.read_csv(path).to_numpy()
    np.testing.assert_array_equal(labels, table[:, 0])
    np.testing.assert_array_equal(images.reshape(-1, 784), table[:, 1:])


def test_a_row_with_a_value_too_few_is_named(tmp_path: Path) -> None:
    lines = csv_lines(5)
    lines[3] = lines[3].rpartition(",")[0]
    assert problem(write_csv(tmp_path / "train.csv", lines)) == "train.csv line 4: expected 785 values, got 784."


@pytest.mark.parametrize("value", ["abc", "256", "-1", "12.5", "", "nan", "1e9", "0x10", "inf", "1_0", "٣"])
def test_a_value_that_is_no_pixel_is_named(tmp_path: Path, value: str) -> None:
    lines = csv_lines(5)
    lines[3] = replaced(lines[3], 8, value)
    found = repr(value) if value else "nothing"
    assert problem(write_csv(tmp_path / "train.csv", lines)) == (
        f"train.csv line 4: expected a whole number from 0 to 255 in column 9 (pixel7), got {found}."
    )


@pytest.mark.parametrize("value", ["10", "-1", "seven", "", "7.5"])
def test_a_label_that_is_no_digit_is_named(tmp_path: Path, value: str) -> None:
    lines = csv_lines(5)
    lines[3] = replaced(lines[3], 0, value)
    found = repr(value) if value else "nothing"
    assert problem(write_csv(tmp_path / "train.csv", lines)) == (
        f"train.csv line 4: expected a label from 0 to 9 in column 1 (the label), got {found}."
    )


def test_a_torn_last_line_is_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "train.csv", csv_lines(5))
    path.write_bytes(path.read_bytes()[:-1000])
    assert "train.csv line 6: expected 785 values, got " in problem(path)
    assert problem(path).endswith(" and no end of line: the file was cut off here.")


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "train.csv").write_bytes(content)
    assert problem(tmp_path / "train.csv") == (
        "train.csv line 1: expected a line for each digit: its label, then 784 pixel values, got an empty file."
    )


def test_a_header_alone_is_named(tmp_path: Path) -> None:
    assert problem(write_csv(tmp_path / "train.csv", csv_lines(0))).endswith("got a header line alone.")


@pytest.mark.parametrize("name", ["comment", "pixel900", ""])
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    lines = csv_lines(3)
    lines[0] = lines[0].replace("pixel17,", f"{name},")
    assert problem(write_csv(tmp_path / "train.csv", lines)) == (
        "train.csv line 1: expected columns named label and pixel0 to pixel783, got no column pixel17."
    )


def test_columns_of_another_table_are_named(tmp_path: Path) -> None:
    assert problem(write_csv(tmp_path / "iris.csv", ["sepal,petal,species", "1,2,setosa"])) == (
        "iris.csv line 1: expected columns named label and pixel0 to pixel783, got 0 pixel columns."
    )


def test_labels_in_the_last_column_without_a_header_are_suspected(tmp_path: Path) -> None:
    rows = [",".join([*["0"] * 100, *["9"] * 684, str(i % 10)]) for i in range(30)]
    assert "labels that seem to be in the last column" in problem(write_csv(tmp_path / "train.csv", rows))


def test_semicolons_are_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "train.csv", [line.replace(",", ";") for line in csv_lines(3)])
    assert problem(path).endswith("got values separated by semicolons: save it with commas.")


def test_a_quote_that_is_not_closed_is_not_taken_for_semicolons(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "train.csv", ['"' + line for line in csv_lines(2)])
    assert "semicolons" not in problem(path)


def test_utf_16_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("\n".join(csv_lines(2)), encoding="utf-16")
    with pytest.raises(DataError, match="in UTF-8, got UTF-16"):
        read_csv(tmp_path / "train.csv")


def test_something_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_bytes(bytes(range(256)) * 1000)
    with pytest.raises(DataError, match="expected a CSV file of digits, got something else"):
        read_csv(tmp_path / "train.csv")


def test_gzip_that_was_cut_off_is_named(tmp_path: Path) -> None:
    path = tmp_path / "train.csv.gz"
    path.write_bytes(gzip.compress("\n".join(csv_lines(50)).encode())[:-500])
    with pytest.raises(DataError, match=r"train.csv.gz: its gzip data is damaged or cut off"):
        read_csv(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        check_csv(tmp_path / "train.csv")


def test_a_check_lists_every_problem_in_order_up_to_the_limit(tmp_path: Path) -> None:
    lines = csv_lines(40)
    for row in (2, 3, 5):
        lines[row] = replaced(lines[row], 5, "x")
    for row in range(10, 40):
        lines[row] += ",1"
    path = write_csv(tmp_path / "train.csv", lines)
    problems = check_csv(path)
    assert [p.line for p in problems] == [3, 4, 6, *range(11, 28)]
    assert len(check_csv(path, limit=100)) == 33


def test_the_line_is_right_in_a_later_block(tmp_path: Path) -> None:
    lines = csv_lines(900)
    lines[850] = lines[850] + ",7"
    assert "line 851: expected 785 values, got 786" in problem(write_csv(tmp_path / "train.csv", lines))


def test_a_large_file_is_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "train.csv", csv_lines(600))
    first = load_digits(path, "all")
    monkeypatch.setattr("dataset.sources.read_csv", lambda _: pytest.fail("parsed again"))
    assert load_digits(path, "all").fingerprint == first.fingerprint


def test_a_changed_file_is_parsed_again(tmp_path: Path) -> None:
    lines = csv_lines(600)
    path = write_csv(tmp_path / "train.csv", lines)
    load_digits(path, "all")
    lines[1] = replaced(lines[1], 0, "9")
    assert load_digits(write_csv(path, lines), "all").labels[0] == 9
