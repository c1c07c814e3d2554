"""Image files: each file becomes pixels the right way up, or a sentence says why not."""

import io
import struct
import tracemalloc
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from dataset import DataError
from dataset.image_files import read_image

RAMP = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def saved(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF", "PPM", "WEBP"])
def test_a_grey_picture_keeps_its_pixels(kind, tmp_path):
    file = tmp_path / "digit"
    file.write_bytes(saved(Image.fromarray(RAMP), kind, **({"lossless": True} if kind == "WEBP" else {})))
    pixels = read_image(file)
    np.testing.assert_array_equal(pixels if pixels.ndim == 2 else pixels[:, :, 0], RAMP)


def test_colour_and_transparency_are_kept():
    drawn = np.zeros((4, 5, 4), np.uint8)
    drawn[1, 2] = (10, 20, 30, 40)
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(drawn))), drawn)
    assert read_image(saved(Image.new("RGB", (5, 4), "red"), "JPEG")).shape == (4, 5, 4)


def test_a_palette_with_a_transparent_colour_becomes_transparent():
    image = Image.new("P", (3, 2), 0)
    image.putpalette([255, 255, 255, 0, 0, 0])
    image.putpixel((1, 1), 1)
    pixels = read_image(saved(image, transparency=0))
    assert pixels.shape == (2, 3, 4)
    assert pixels[0, 0, 3] == 0
    assert pixels[1, 1].tolist() == [0, 0, 0, 255]


def test_grey_with_transparency_and_two_colours_are_understood():
    assert read_image(saved(Image.new("LA", (3, 2), (7, 0))))[0, 0].tolist() == [7, 7, 7, 0]
    np.testing.assert_array_equal(read_image(saved(Image.new("1", (3, 2), 1))), np.full((2, 3), 255))
    assert read_image(saved(Image.new("L", (3, 2), 7), transparency=7))[0, 0, 3] == 0


def test_sixteen_bits_become_eight():
    wide = (np.arange(6, dtype=np.uint16).reshape(2, 3) * 13107).astype(np.uint16)
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(wide))), wide // 257)


def test_a_photo_is_turned_the_right_way_up():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    upright = read_image(saved(Image.fromarray(RAMP), "PNG", exif=exif))
    np.testing.assert_array_equal(upright, np.rot90(RAMP, -1))


def test_numbers_of_unknown_range_are_stretched():
    floats = np.array([[-1.0, 0.0], [0.5, 1.0]], np.float32)
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(floats), "TIFF")), [[0, 127], [191, 255]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_are_a_sentence(value):
    picture = Image.fromarray(np.array([[value, 1], [2, 3]], np.float32))
    with pytest.raises(DataError, match=r"is a damaged image \(pixels that are not finite\)"):
        read_image(saved(picture, "TIFF"))


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xff\xd8\xff"]
)
def test_what_is_no_image_is_a_sentence(content):
    with pytest.raises(DataError, match=r"^The upload is (not an|a damaged) image"):
        read_image(content)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"])
def test_every_truncated_file_is_a_sentence_or_an_image(kind):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    whole = saved(Image.fromarray(noise), kind)
    for length in range(0, len(whole), max(1, len(whole) // 50)):
        with suppress(DataError):
            assert read_image(whole[:length]).dtype == np.uint8


def test_a_decompression_bomb_is_refused_before_it_unpacks():
    for width, height in ((100_000, 100_000), (10_000, 10_000), (5_001, 5_000)):
        with pytest.raises(DataError, match="25 million"):
            read_image(bomb(width, height))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA"])
def test_a_large_picture_is_reduced_and_stays_the_right_way_up(mode):
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new(mode, (1000, 500))
    assert read_image(saved(picture, exif=exif), longest=400).shape[:2] == (334, 167)
    np.testing.assert_array_equal(read_image(saved(picture), longest=1000), read_image(saved(picture)))


def test_a_photo_is_reduced_while_it_is_decoded():
    photo = saved(Image.new("RGB", (4000, 3000), "white"), "JPEG")
    tracemalloc.start()
    try:
        assert read_image(photo, longest=1000).shape == (750, 1000, 4)
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


def test_a_picture_of_16_bits_has_a_lower_limit():
    with pytest.raises(DataError, match=r"has 2300 x 2300 pixels, more than 5 million"):
        read_image(saved(Image.new("I;16", (2300, 2300))))


def bomb(width, height):
    """A PNG that claims a size, with little in it."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(1000)))]
    found = b"\x89PNG\r\n\x1a\n"
    for name, content in [*chunks, (b"IEND", b"")]:
        found += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return found


def test_a_large_file_is_refused_unread(tmp_path):
    file = tmp_path / "large.png"
    with file.open("wb") as large:
        large.truncate(6_000_000)
    with pytest.raises(DataError, match="larger than 5 MB"):
        read_image(file)


def test_a_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_image(tmp_path / "none.png")
