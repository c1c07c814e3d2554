"""Thumbnails, bars and strokes: what the browser is given to draw."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from dashboard.charts.digit_bars import digit_bars
from dashboard.charts.images import Thumbnail, strokes_image, thumbnails_data
from dashboard.theme import DARK, LIGHT
from tests.digit_files import images_of


def decoded(source: str) -> bytes:
    return base64.b64decode(source.partition("base64,")[2].partition('"')[0])


def svg(strokes: str) -> str:
    return decoded(strokes_image(strokes, LIGHT)).decode()


def drawn(*path: list[object]) -> str:
    return json.dumps({"objects": [{"type": "path", "strokeWidth": 12, "path": list(path)}]})


def test_a_thumbnail_is_the_image_pixel_for_pixel_in_the_colours_of_the_theme():
    image = images_of(1)[0]
    (tile,) = thumbnails_data([Thumbnail("a", image, "4", "9", ("double",), is_faint=True)], DARK)
    picture = Image.open(io.BytesIO(decoded(tile.pop("image"))))
    np.testing.assert_array_equal(np.asarray(picture), image)
    assert json.loads(json.dumps(tile)) == {
        "id": "a", "label": "4", "answer": "9", "notes": ["double"], "faint": True,
    }  # fmt: skip


def test_the_bars_are_as_long_as_their_numbers_say():
    bars = digit_bars([0, 1, 2, 4, 0, 0, 0, 0, 0, 1000], LIGHT, caption="all")
    assert [float(word[:6]) for word in bars.split("--share: ")[1:]] == [0, 0.001, 0.002, 0.004, 0, 0, 0, 0, 0, 1]
    assert "1,000" in bars


def test_no_drawings_at_all_are_ten_bars_of_nothing():
    assert digit_bars([0] * 10, LIGHT, caption="").count("--share: 0.0000") == 10


def test_strokes_are_drawn_as_they_were():
    found = svg(drawn(["M", 70, 60], ["Q", 100, 60, 210, 60], ["L", 130, 235.25]))
    assert 'd="M70.0 60.0 Q100.0 60.0 210.0 60.0 L130.0 235.2" stroke-width="12.0"' in found


@pytest.mark.parametrize(
    "strokes",
    [
        "",
        "{}",
        "no json",
        "[]",
        json.dumps({"objects": []}),
        json.dumps({"objects": [{"type": "rect"}]}),
        drawn(["M", 1]),
        drawn(['"/><script>', 1, 2]),
        drawn(["M", "<script>", 2]),
    ],
)
def test_strokes_that_are_none_are_not_drawn(strokes: str):
    assert strokes_image(strokes, LIGHT) == ""
