"""IDX files: read raw or gzipped, and refused with a reason when they are not what they say."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from dataset import UNLABELLED, DataError, load_digits
from dataset.idx import read_idx
from tests.digit_files import idx_bytes, images_of, labels_of, write_idx


@pytest.mark.parametrize("name", ["images-idx3-ubyte", "images-idx3-ubyte.gz"])
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(read_idx(write_idx(tmp_path / name, images_of(3))), images_of(3))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "starts with 00 00 08, got an empty file"),
        (b"label,pixel0\n", "starts with 00 00 08, got 6c 61 62 65"),
        (b"\0\0\x0d\1\0\0\0\1\0\0\0\0", "got 00 00 0d 01"),
        (b"\0\0\x08\3\0\0", "the file ends inside it"),
        (b"\0\0\x08\1\xff\xff\xff\xff", "gives a size of 4,294,967,295 bytes"),
        (idx_bytes(images_of(3))[:-1], r"expected 2,352 bytes \(3 x 28 x 28\) after its header, got 2,351"),
        (idx_bytes(images_of(3)) + b"\0", "expected 2,352 bytes .* got 2,353"),
        (gzip.compress(idx_bytes(images_of(3)))[:-9], "its gzip data is damaged or cut off"),
    ],
    ids=["empty", "CSV", "float", "torn header", "absurd size", "a byte short", "a byte over", "torn gzip"],
)
def test_a_damaged_file_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "images-idx3-ubyte").write_bytes(content)
    with pytest.raises(DataError, match=f"images-idx3-ubyte.*{reason}"):
        read_idx(tmp_path / "images-idx3-ubyte")


def test_another_file_than_the_original_is_refused(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "images-idx3-ubyte", images_of(3))
    with pytest.raises(DataError, match="not the original file"):
        read_idx(path, sha256="00" * 32)


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "train-images.idx3-ubyte"])
def test_an_images_file_is_loaded_with_the_labels_beside_it(tmp_path: Path, name: str) -> None:
    write_idx(tmp_path / name, images_of(20))
    write_idx(tmp_path / name.replace("images", "labels").replace("idx3", "idx1"), labels_of(20))
    digits = load_digits(tmp_path / name, "all")
    np.testing.assert_array_equal(digits.images, images_of(20))
    np.testing.assert_array_equal(digits.labels, labels_of(20))


def test_an_images_file_alone_has_no_labels(tmp_path: Path) -> None:
    digits = load_digits(write_idx(tmp_path / "images-idx3-ubyte", images_of(20)), "all")
    assert (digits.labels == UNLABELLED).all()
    assert not digits.labelled


def test_a_labels_file_is_not_taken_for_images(tmp_path: Path) -> None:
    path = write_idx(tmp_path / "train-labels-idx1-ubyte", labels_of(20))
    with pytest.raises(DataError, match="expected images of n x 28 x 28, got 20"):
        load_digits(path)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (labels_of(19), "expected 20 labels, .*got 19"),
        (labels_of(20) + 1, "expected labels from 0 to 9, got 10 at row 9"),
    ],
    ids=["too few", "too large"],
)
def test_labels_that_do_not_fit_are_refused(tmp_path: Path, labels: np.ndarray, reason: str) -> None:
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    with pytest.raises(DataError, match=f"train-labels-idx1-ubyte: {reason}"):
        load_digits(write_idx(tmp_path / "train-images-idx3-ubyte", images_of(20)))
