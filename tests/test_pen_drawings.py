"""Pen drawings: strokes by real writers, rendered as on the canvas of the Draw page."""

from pathlib import Path

import numpy as np
import pytest

from dataset import DataError
from pretraining.pens import CANVAS, HELD_OUT, VALIDATION, Manner, load_pens, render, varied_pen_images


def write(path: Path, **changes: object) -> Path:
    """Two digits of 1 and 2 strokes in a box 500 wide, as the file of pen drawings holds them; None
    leaves one out.
    """
    whole = {
        "pts": np.float32([[100, 50], [100, 450], [50, 50], [450, 50], [250, 0], [250, 500]]),
        "stroke_len": [2, 2, 2],
        "n_strokes": [1, 2],
        "labels": [1, 7],
        "writer": [1, 2],
        "box": [0.0, 0.0, 500.0],
    }
    np.savez(path, **{name: value for name, value in {**whole, **changes}.items() if value is not None})
    return path


def test_strokes_are_read_in_pixels_of_the_canvas_with_their_digit_and_writer(tmp_path: Path):
    pens = load_pens(write(tmp_path / "pens.npz"))
    assert [len(strokes) for strokes in pens.strokes] == [1, 2]
    np.testing.assert_allclose(pens.strokes[1][1], [[140, 0], [140, 280]])
    assert pens.of_writers([2]).labels.tolist() == [7]
    assert pens.training.writers.tolist() == [2]


def test_digits_are_turned_clockwise(tmp_path: Path):
    pens = load_pens(write(tmp_path / "pens.npz"))
    (across, down), (turned_across, turned_down) = pens.strokes[1], pens.turned(90).strokes[1]
    np.testing.assert_allclose(turned_across[1] - turned_across[0], [0, across[1][0] - across[0][0]], atol=1e-4)
    np.testing.assert_allclose(turned_down[1] - turned_down[0], [down[0][1] - down[1][1], 0], atol=1e-4)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"box": None, "labels": None}, "lacks the arrays labels, box. It must hold pts, stroke_len, n_strokes"),
        ({"writer": [1]}, "2 labels, 1 writers"),
        ({"stroke_len": [2, 2, 3]}, "3 strokes of 7 points, 6 points"),
        ({"n_strokes": [1, 1]}, "2 digits of 2 strokes, 3 strokes"),
    ],
)
def test_a_file_that_lacks_something_is_refused_with_what_it_lacks(tmp_path: Path, changes, complaint):
    with pytest.raises(DataError, match=complaint):
        load_pens(write(tmp_path / "pens.npz", **changes))


def test_a_file_that_is_absent_or_cut_short_is_refused_with_a_sentence(tmp_path: Path):
    with pytest.raises(DataError, match="There is no file of pen drawings at"):
        load_pens(tmp_path / "none.npz")
    whole = write(tmp_path / "pens.npz")
    whole.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(DataError, match=r"no complete \.npz file with the arrays pts"):
        load_pens(whole)


def test_a_pen_leaves_a_round_dot_and_a_stroke_with_round_ends():
    dot = render([np.array([[5.0, 5.0]])], Manner(20)) / 255
    assert dot.sum() == pytest.approx(np.pi * 10**2, rel=0.03)
    stroke = render([np.array([[0.0, 0.0], [100.0, 0.0]])], Manner(20, longer_side=100)) / 255
    assert stroke.sum() == pytest.approx(100 * 20 + np.pi * 10**2, rel=0.03)


def test_a_lifted_pen_leaves_no_ink_on_the_way():
    apart = render([np.array([[0.0, 0.0], [0.0, 10.0]]), np.array([[10.0, 0.0], [10.0, 10.0]])], Manner(12))
    assert not apart[:, CANVAS // 2 - 50 : CANVAS // 2 + 50].any()


def test_the_top_of_a_digit_is_drawn_at_the_top():
    seven = render([np.array([[0.0, 0.0], [6.0, 0.0], [2.0, 10.0]])], Manner(12))
    assert seven[: CANVAS // 2].sum() > 1.3 * seven[CANVAS // 2 :].sum()


def test_a_digit_is_as_large_as_asked_around_the_place_asked_or_left_where_it_was_written():
    written = [np.array([[30.0, 40.0], [30.0, 90.0]])]
    for manner, top, left in [(Manner(10, 60, (60, 80)), 45, 55), (Manner(10, None), 35, 25)]:
        ink = render(written, manner)
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        assert (rows[0], columns[0]) == (pytest.approx(top, abs=1), pytest.approx(left, abs=1))
        assert np.ptp(rows) == pytest.approx((manner[1] or 50) + 10, abs=2)


def test_varied_images_differ_from_digit_to_digit_and_are_the_same_for_the_same_seed(tmp_path: Path):
    pens = load_pens(write(tmp_path / "pens.npz")).of_writers([2])
    twice = type(pens)(pens.strokes * 2, pens.labels.repeat(2), pens.writers.repeat(2))
    images, again = (varied_pen_images(twice, np.random.default_rng(0)) for _ in range(2))
    np.testing.assert_array_equal(images, again)
    assert (images[0] != images[1]).any()


def test_writers_are_for_reporting_for_choosing_or_for_training():
    assert not {*HELD_OUT} & {*VALIDATION}
