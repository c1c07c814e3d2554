"""Robustness: disturbances do what they say, no disturbance is none, and measuring is a job."""

import numpy as np
import pytest

from dataset import Digits, load_digits
from experiments import robustness
from experiments.disturbances import DISTURBANCES, disturb
from experiments.robustness import (
    NOTHING,
    SAMPLE,
    UNDISTURBED,
    create_robustness,
    curves_of,
    measure,
    open_robustness,
    points,
    read,
    run_robustness,
    sample,
    start_robustness,
)
from experiments.runs.run import RunError
from model import Classifier, load_classifier
from tests.made_digits import made_digits
from tests.small_runs import SMALL, finish, until

BOX = np.s_[:, 10:18, 10:18]


@pytest.fixture(scope="module")
def digits() -> Digits:
    made = made_digits(40)
    return Digits(made.images, made.labels)


@pytest.fixture(scope="module")
def ink() -> np.ndarray:
    """Noise within a frame of ten pixels of paper."""
    images = np.zeros((4, 28, 28), np.uint8)
    images[BOX] = np.random.default_rng(0).integers(0, 256, (4, 8, 8))
    return images


@pytest.mark.parametrize("name", DISTURBANCES)
def test_no_disturbance_changes_no_pixel(name: str, digits: Digits) -> None:
    assert np.array_equal(disturb(digits.images, name, DISTURBANCES[name].none), digits.images)


@pytest.mark.parametrize("name", DISTURBANCES)
def test_strengths_rise_and_hold_the_one_that_changes_nothing(name: str) -> None:
    strengths = DISTURBANCES[name].strengths
    assert list(strengths) == sorted(set(strengths))
    assert DISTURBANCES[name].none in strengths


@pytest.mark.parametrize("pixels", [1, 3, 8])
def test_a_shift_by_whole_pixels_rolls_each_image_in_its_direction(pixels: int, ink: np.ndarray) -> None:
    right, down, left, up = disturb(ink, "shift", pixels)
    assert np.array_equal(right, np.roll(ink[0], pixels, axis=1))
    assert np.array_equal(down, np.roll(ink[1], pixels, axis=0))
    assert np.array_equal(left, np.roll(ink[2], -pixels, axis=1))
    assert np.array_equal(up, np.roll(ink[3], -pixels, axis=0))


def test_a_shift_loses_what_leaves_the_image(ink: np.ndarray) -> None:
    assert not disturb(ink, "shift", 18).any()


def test_a_turn_is_clockwise_about_the_centre_of_mass(ink: np.ndarray) -> None:
    point = np.zeros((1, 28, 28), np.uint8)
    point[0, 14, 20] = 255
    assert np.argwhere(disturb(point, "rotation", 90)).tolist() == [[0, 20, 14]]


def test_twice_the_size_is_four_times_the_ink(ink: np.ndarray) -> None:
    assert disturb(ink, "scale", 200).sum() == pytest.approx(4 * ink.sum(dtype=float), rel=0.01)


def test_strokes_become_thicker_by_as_many_pixels_on_any_number_of_rounds() -> None:
    bar = np.zeros((1, 28, 28), np.uint8)
    bar[:, :, 13:16] = 255
    widths = {pixels: disturb(bar, "stroke", pixels)[0, 14].sum() / 255 for pixels in (-2, 1, 3, 4)}
    assert widths == pytest.approx({-2: 1, 1: 4, 3: 6, 4: 7}, abs=0.01)


def test_noise_is_the_same_each_time_and_as_strong_as_it_says() -> None:
    grey = np.full((10, 28, 28), 128, np.uint8)
    once, again = disturb(grey, "noise", 10), disturb(grey, "noise", 10)
    assert np.array_equal(once, again)
    assert once.std() == pytest.approx(25.5, rel=0.05)
    assert once.mean() == pytest.approx(128, abs=2)


def test_a_sample_is_spread_evenly_and_small_data_are_taken_whole(digits: Digits) -> None:
    assert sample(digits) is digits
    many = Digits(np.zeros((3 * SAMPLE, 28, 28), np.uint8), np.repeat(np.arange(3, dtype=np.uint8), SAMPLE))
    assert np.abs(np.bincount(sample(many).labels) - SAMPLE / 3).max() < 1


def count_correct(classifier: Classifier, digits: Digits, name: str, strength: float) -> int:
    reading = read(classifier, disturb(digits.images, name, strength))
    return int((reading.predictions == digits.labels).sum())


@pytest.fixture
def trained() -> Classifier:
    return load_classifier(finish(SMALL).model)


def test_undisturbed_digits_have_the_plain_accuracy_and_strong_disturbances_lower_it(trained: Classifier) -> None:
    digits = load_digits("mnist-5k", "test")
    plain = int((trained.predict_proba(digits.images).argmax(axis=1) == digits.labels).sum())
    for name, disturbance in DISTURBANCES.items():
        assert count_correct(trained, digits, name, disturbance.none) == plain
        assert count_correct(trained, digits, name, disturbance.strengths[-1]) < 0.7 * plain


def test_preparing_as_on_draw_undoes_a_shift(trained: Classifier) -> None:
    digits = load_digits("mnist-5k", "test")[:40]
    moved = disturb(digits.images, "shift", 3)
    whole = moved.sum(axis=(1, 2)) == digits.images.sum(axis=(1, 2))
    before, after = (read(trained, images, prepare=True) for images in (digits.images, moved))
    assert whole.sum() > 30
    assert np.array_equal(before.images[whole], after.images[whole])


def test_an_image_without_ink_is_read_as_nothing_when_it_is_prepared(trained: Classifier, ink: np.ndarray) -> None:
    blank = np.zeros((1, 28, 28), np.uint8)
    assert read(trained, blank, prepare=True).predictions.tolist() == [NOTHING]
    assert read(trained, blank).predictions[0] != NOTHING


@pytest.fixture(scope="module")
def counts(digits: Digits) -> robustness.Counts:
    """All counts of the shipped model, measured without a job."""
    *_, counts = measure(load_classifier(), digits)
    return counts


def test_every_strength_is_counted_and_no_disturbance_only_once(digits: Digits, counts: robustness.Counts) -> None:
    strengths = sum(len(disturbance.strengths) for disturbance in DISTURBANCES.values())
    assert len(counts) == len(points()) == strengths - len(DISTURBANCES) + 1
    assert counts[UNDISTURBED] == count_correct(load_classifier(), digits, "shift", 0)
    for name, curve in curves_of(counts).items():
        assert tuple(curve) == DISTURBANCES[name].strengths
        assert curve[DISTURBANCES[name].none] == counts[UNDISTURBED]


def test_a_measurement_is_a_job_that_counts_the_same(digits: Digits, counts: robustness.Counts) -> None:
    job = open_robustness(load_classifier(), digits)
    assert not job.exists
    statuses = list(run_robustness(create_robustness(load_classifier(), digits)))
    assert [status.done for status in statuses[:-1]] == list(range(1, len(counts) + 1))
    assert (statuses[-1].state, statuses[-1].share, job.is_done) == ("finished", 1.0, True)
    assert job.counts() == counts
    assert job.curves() == curves_of(counts)
    assert not list(job.folder.glob("*.npz"))
    assert start_robustness(load_classifier(), digits).status().state == "finished"  # without a process


@pytest.mark.parametrize("how", ["stopped", "left"])
def test_a_measurement_that_ended_early_counts_the_rest_later(
    how: str, digits: Digits, counts: robustness.Counts
) -> None:
    job = create_robustness(load_classifier(), digits)
    statuses = run_robustness(job)
    next(statuses)
    if how == "stopped":
        job.request_stop()
        assert [status.state for status in statuses] == ["stopped"]  # before another count
    statuses.close()
    assert job.status().state == ("stopped" if how == "stopped" else "interrupted")
    done = len(job.counts())
    assert 0 < done < len(counts)
    assert next(run_robustness(create_robustness(load_classifier(), digits))).done == done + 1
    assert job.counts().items() <= counts.items()


def test_other_models_digits_and_preparation_are_other_measurements(digits: Digits) -> None:
    model, other = load_classifier(), load_classifier(finish(SMALL).model)
    jobs = [
        open_robustness(model, digits),
        open_robustness(other, digits),
        open_robustness(model, digits[:20]),
        open_robustness(model, digits, prepare=True),
    ]
    assert len({job.id for job in jobs}) == len(jobs)


def test_an_error_of_a_measurement_is_a_sentence(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    job = create_robustness(load_classifier(), digits)
    (job.folder / "model.npz").write_bytes(b"half")
    *_, status = run_robustness(job)
    assert status.state == "failed"
    assert "model.npz" in status.reason
    monkeypatch.setenv("DIGITS_RUNS", str(job.folder / "request.json"))
    with pytest.raises(RunError, match="Nothing can be written"):
        create_robustness(load_classifier(), digits)


@pytest.mark.slow
def test_a_measurement_in_a_process_of_its_own_can_be_stopped_and_continued(digits: Digits) -> None:
    job = start_robustness(load_classifier(), digits, prepare=True)
    assert start_robustness(load_classifier(), digits, prepare=True) == job
    until(job.counts, "the first count")
    job.request_stop()
    until(lambda: not job.status().active, "the stop", 5)
    assert job.status().state == "stopped"
    start_robustness(load_classifier(), digits, prepare=True)
    until(lambda: job.status().state == "finished", "the end", 120)
    assert job.is_done
