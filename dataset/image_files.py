"""Image files: read a picture of a digit, in any common format, as an array of pixels."""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from dataset.digits import DataError

MAX_BYTES = 5_000_000
MAX_PIXELS = 25_000_000  # 100 MB when unpacked
# Pixels of other modes have 16 or 32 bits, and take five times the memory while they are converted.
EIGHT_BITS = ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
# Common formats. None of their readers runs another program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")


def read_image(file: str | Path | bytes, *, name: str = "The upload", longest: int | None = None) -> NDArray[np.uint8]:
    """The upright pixels: uint8 (height, width) of a grey picture, (height, width, 4) of any other.

    A picture with a side of more than `longest` pixels is reduced by a whole factor. Raises
    DataError, with `name` for uploaded bytes.
    """
    if not isinstance(file, bytes):
        path = Path(file)
        name = str(path)
        try:
            size = path.stat().st_size
            file = path.read_bytes() if size <= MAX_BYTES else bytes(MAX_BYTES + 1)
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror}.") from error
    if len(file) > MAX_BYTES:
        raise DataError(f"{name} is larger than 5 MB; save it smaller and try again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(file), formats=FORMATS) as image:
                width, height = image.size
                most = MAX_PIXELS if image.mode in EIGHT_BITS else MAX_PIXELS // 5
                if width * height > most:
                    raise DataError(
                        f"{name} has {width} x {height} pixels, more than {most / 1e6:.0f} million; save it smaller."
                    )
                return _pixels(ImageOps.exif_transpose(_reduced(image, longest) if longest else image))
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{name} has more than 25 million pixels; save it smaller.") from None
    except UnidentifiedImageError:
        raise DataError(f"{name} is not an image: give a PNG, JPEG, WebP, GIF, BMP or TIFF file.") from None
    except Exception as error:  # decoders of damaged files raise many types of errors
        raise DataError(f"{name} is a damaged image ({error}); save it again as PNG.") from error


def _reduced(image: Image.Image, longest: int) -> Image.Image:
    """The picture with at most `longest` pixels a side; each new pixel is the mean of a square."""
    image.draft(image.mode, (longest, longest))  # a JPEG file is decoded at a smaller size at once
    factor = -(-max(image.size) // longest)
    if factor == 1 or image.mode not in EIGHT_BITS:
        return image
    exif = image.getexif()
    if image.mode in ("P", "PA") or image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    smaller = image.reduce(factor)
    smaller.info["exif"] = exif.tobytes()  # which way is up
    return smaller


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image, dtype=np.float64)
        if image.mode.startswith("I") and values.min() >= 0 and values.max() > 255:
            return (values / 257).clip(0, 255).astype(np.uint8)  # 16 bits: 65,535 is white
        if not np.isfinite(values).all():
            raise ValueError("pixels that are not finite")
        low, span = values.min(), float(np.ptp(values))  # an unknown range of numbers
        stretched: NDArray[np.float64] = (values - low) * (255 / span if span else 0)
        return stretched.astype(np.uint8)
    if image.mode in ("1", "L") and not image.has_transparency_data:
        return np.asarray(image.convert("L"))
    return np.asarray(image.convert("RGBA"))
