"""Suspect labels: what is wrong is found first, nothing judges what it learned, and a search can be
taken up.
"""

import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.known_errors import FIRST_OF_TEST, FIRST_SHARE, FLIPPED, VALIDATED, among, flipped
from dataset import DataError, Digits, load_digits, load_training
from experiments import label_errors
from experiments.cli.main import main
from experiments.label_errors import (
    NETWORKS,
    RECIPE,
    LabelErrors,
    create_search,
    load_judged,
    load_teachers,
    neighbours,
    parts_of,
    rank_label_errors,
    run_search,
    search_for,
    start_search,
    tasks_for,
)
from experiments.runs.run import RunError
from model import TrainConfig
from tests.digit_files import HEADER, write_csv
from tests.made_digits import made_digits
from tests.small_runs import until


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_errors, "RECIPE", TrainConfig(hidden=(32,)))
    monkeypatch.setattr(label_errors, "LEAST_STEPS", 60)


def made(count: int = 300) -> Digits:
    found = made_digits(count)
    return Digits(found.images, found.labels, "made")


def write_digits(path: Path, images: np.ndarray, labels: Iterable[int] | None) -> None:
    rows = [",".join(map(str, image.ravel())) for image in images]
    if labels is not None:
        rows = [f"{label},{row}" for label, row in zip(labels, rows, strict=True)]
    write_csv(path, [HEADER if labels is not None else HEADER.removeprefix("label,"), *rows])


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A CSV file in which every 50th label is wrong."""
    digits = made()
    labels = digits.labels.copy()
    labels[::50] = (labels[::50] + 1) % 10
    path = tmp_path / "digits.csv"
    write_digits(path, digits.images, labels)
    return str(path)


@pytest.mark.usefixtures("_small")
def test_flipped_labels_are_found_first_and_read_as_what_they_were():
    digits = made()
    wrong, rows = flipped(digits, 0.02)
    found = rank_label_errors(wrong)
    assert sorted(found.order[: len(rows)]) == rows.tolist()
    assert found.predicted[rows].tolist() == digits.labels[rows].tolist()
    assert found.disagreements == len(rows)


@pytest.mark.usefixtures("_small")
def test_digits_judged_by_others_are_found_too():
    digits = made()
    wrong, rows = flipped(made(100), 0.05)
    assert sorted(rank_label_errors(wrong, digits).order[: len(rows)]) == rows.tolist()


def test_every_digit_is_judged_once_by_a_network_that_saw_neither_it_nor_its_double():
    digits = made(60)
    digits = Digits(np.concatenate([digits.images] * 2), np.concatenate([digits.labels] * 2))
    parts = list(tasks_for(digits, None))
    assert sorted(np.concatenate([task.rows for task in parts])) == list(range(120))
    assert len(parts) == NETWORKS
    for task in parts:
        learned = {image.tobytes() for image in task.train.images}
        assert not any(digits.images[row].tobytes() in learned for row in task.rows)


def test_what_judges_test_digits_was_trained_on_none_of_them():
    test = load_judged("mnist-5k", "test")
    train = load_teachers(test, "mnist-5k", "test")
    assert train is not None
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}
    assert load_teachers(test, "mnist-5k", "all") is None


def test_margin_and_order_by_hand():
    answers = np.full((3, 10), 0.0, np.float32)
    answers[:, :3] = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.4, 0.5, 0.1]]
    found = LabelErrors(np.array([0, 0, 0], np.uint8), answers)
    assert found.margin == pytest.approx([0.75, 0.15, 0.45])
    assert found.confidence == pytest.approx([0.7, 0.1, 0.4])
    assert found.order.tolist() == [1, 2, 0]
    assert found.predicted.tolist() == [0, 1, 1]
    assert found.disagreements == 2


def test_neighbours_carry_the_label_are_read_so_and_are_nearest():
    images = np.zeros((6, 28, 28), np.uint8)
    images[:, 0, 0] = [10, 10, 12, 40, 11, 13]
    labels = np.array([3, 3, 3, 3, 3, 4], np.uint8)
    answers = np.zeros((6, 10), np.float32)
    answers[np.arange(6), [3, 3, 3, 3, 7, 4]] = 1
    found = neighbours(Digits(images, labels), LabelErrors(labels, answers), 0, 3)
    assert found.tolist() == [2, 3]  # neither itself, nor its double, nor what is read as a 7, nor a 4


@pytest.mark.usefixtures("_small")
def test_a_search_is_kept_by_its_digits_and_not_made_twice(file: str):
    search = create_search(file, "all")
    *_, last = run_search(search)
    assert (last.state, last.share) == ("finished", 1.0)
    assert sorted(search.result().order[:6]) == list(range(0, 300, 50))
    assert start_search(file, "all") == search  # which starts no process, for all is there
    assert search.status().state == "finished"
    (search.folder / "status.json").write_text("{")  # which leaves what was found as it is
    assert search.status().state == "failed"
    assert start_search(file, "all").status().state == "finished"


@pytest.mark.usefixtures("_small")
def test_a_search_that_was_left_goes_on_with_the_next_network_and_finds_the_same(
    file: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("experiments.label_errors.STATUS_SECONDS", 0.0)
    whole = rank_label_errors(load_judged(file, "all"))
    search = create_search(file, "all")
    statuses = run_search(search)
    while next(statuses).network < 3:
        pass
    statuses.close()
    with pytest.raises(RunError, match="not come to its end"):
        search.result()
    first = next(again := run_search(create_search(file, "all")))
    assert first.network == 3
    *_, last = again
    assert last.state == "finished"
    assert np.array_equal(search.result().order, whole.order)


@pytest.mark.usefixtures("_small")
def test_a_search_stops_when_asked(file: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("experiments.label_errors.STATUS_SECONDS", 0.0)
    search = create_search(file, "all")
    statuses = run_search(search)
    next(statuses)
    search.request_stop()
    assert [status.state for status in statuses][-1] == "stopped"
    assert search.status().state == "stopped"


def test_a_search_without_a_process_is_interrupted(file: str, monkeypatch: pytest.MonkeyPatch):
    search = create_search(file, "all")
    assert search.status().state == "queued"
    monkeypatch.setattr("experiments.jobs.record.START_GRACE", 0.0)
    assert search.status().state == "interrupted"


def test_a_file_that_changed_meanwhile_is_said_so(file: str):
    search = create_search(file, "all")
    digits = made(200)
    write_digits(Path(file), digits.images, digits.labels)
    *_, last = run_search(search)
    assert last.state == "failed"
    assert "has changed since" in last.reason
    assert search_for(file, "all") != search


def test_only_test_sets_of_their_own_are_judged_by_others():
    assert parts_of("mnist") == ("test", "train")
    assert parts_of("mnist-5k") == parts_of("digits.csv") == ("all",)


@pytest.mark.parametrize(("labels", "sentence"), [(None, "has no labels"), (range(9), "at least 50 are needed")])
def test_digits_that_cannot_be_judged_are_a_sentence(tmp_path: Path, labels: range | None, sentence: str):
    path = tmp_path / "some.csv"
    digits = made(9)
    write_digits(path, digits.images, labels)
    with pytest.raises(DataError, match=sentence):
        load_judged(str(path), "all")


@pytest.mark.usefixtures("_small")
def test_the_command_ranks_and_says_where_to_judge(file: str, capsys: pytest.CaptureFixture[str]):
    assert main(["data", "suspects", file, "--limit", "6", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["digits"], found["part"], found["read_otherwise"]) == (300, "all", 6)
    assert sorted(suspect["row"] for suspect in found["suspects"]) == list(range(0, 300, 50))
    assert main(["data", "suspects", file, "--limit", "1"]) == 0
    out = capsys.readouterr().out
    assert "6 of 300 digits are read differently from their label" in out
    assert main(["data", "suspects", file, "--part", "half"]) == 2
    assert "Choose one of: test, train, all" in capsys.readouterr().err


@pytest.mark.slow
def test_a_search_in_a_process_of_its_own_shows_its_progress_and_can_be_stopped_and_taken_up(file: str):
    search = start_search(file, "all")
    assert start_search(file, "all") == search  # and no second process
    until(lambda: search.status().share > 0, "progress")
    search.request_stop()
    until(lambda: not search.status().active, "the stop", 5)
    assert search.status().state in ("stopped", "finished")
    start_search(file, "all")
    until(lambda: search.status().state == "finished", "the end", 120)
    assert sorted(search.result().order[:6]) == list(range(0, 300, 50))


@pytest.mark.slow
def test_most_validated_errors_of_mnists_test_digits_are_among_the_first_200(
    reference_data: Path, monkeypatch: pytest.MonkeyPatch
):
    """With a smaller training than the real one, whose figures benchmarks/label_errors.py gives."""
    monkeypatch.setenv("DIGITS_DATA", str(reference_data / "mnist"))
    monkeypatch.setattr(label_errors, "RECIPE", RECIPE.replace(hidden=(128, 64)))
    monkeypatch.setattr(label_errors, "EPOCHS", 2)
    monkeypatch.setattr(label_errors, "NETWORKS", 2)
    found = rank_label_errors(load_digits("mnist", "test"), load_training("mnist", 0)[0])
    assert among(found.order, np.array(VALIDATED), FIRST_OF_TEST) >= 10


@pytest.mark.slow
def test_nine_of_ten_flipped_training_labels_of_mnist_are_in_the_first_2_percent(
    reference_data: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DIGITS_DATA", str(reference_data / "mnist"))
    monkeypatch.setattr(label_errors, "RECIPE", RECIPE.replace(hidden=(128, 64)))
    monkeypatch.setattr(label_errors, "EPOCHS", 2)
    wrong, rows = flipped(load_training("mnist", 0)[0], FLIPPED)
    began = time.process_time()
    found = rank_label_errors(wrong)
    assert among(found.order, rows, round(FIRST_SHARE * len(wrong))) >= 0.9 * len(rows)
    assert time.process_time() - began < 120
