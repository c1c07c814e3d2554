"""Checks what the browser sends for the canvas: anybody can send anything to the server."""

import json
import struct
from base64 import b64decode
from io import BytesIO
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

from dashboard.draw.state import Pixels, Strokes

SIDE = 280  # pixels of the canvas, ten to each pixel of the network
PNG_URL = "data:image/png;base64,"
PNG_START = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", SIDE, SIDE)
MAX_URL = 2 * SIDE * SIDE * 4  # characters; even noise needs less
MAX_STROKES = 2_000_000  # characters of JSON: minutes of drawing without a pause
DEEPEST = 8  # lists and dicts inside each other; the canvas sends four


def read_canvas(sent: Any) -> tuple[Strokes | None, Pixels | None]:
    """The strokes and the picture (280, 280, 4) that the browser sent; None for each one missing.

    Raises ValueError for anything that the canvas does not send, such as a picture of another size:
    its header is checked first, because decoding a picture of 9,000 x 9,000 pixels takes 2 GB.
    """
    drawing = sent.get("drawing") if isinstance(sent, dict) else None
    if drawing is None:
        return None, None
    if not isinstance(drawing, dict) or sent.get("backgroundFit") is not None:
        raise ValueError("The canvas sends a dict with the keys raw and data.")
    strokes, url = drawing.get("raw"), drawing.get("data")
    objects = strokes.get("objects") if isinstance(strokes, dict) else None
    if not isinstance(objects, list) or not all(isinstance(stroke, dict) for stroke in objects):
        raise ValueError("The strokes must be a dict with a list of dicts.")
    _check_size(objects)
    return strokes, None if url is None else _decode_png(url)


def _check_size(strokes: list[Any]) -> None:
    """Raise ValueError for strokes that are nested too deep or too long to be a drawing."""
    level: list[dict[str, Any] | list[Any]] = [strokes]
    for _ in range(DEEPEST):
        parts = chain.from_iterable(part.values() if isinstance(part, dict) else part for part in level)
        level = [part for part in parts if isinstance(part, dict | list)]
        if not level:
            break
    if level or len(json.dumps(strokes)) > MAX_STROKES:
        raise ValueError(f"The strokes must have at most {MAX_STROKES} characters and {DEEPEST} levels.")


def _decode_png(url: Any) -> Pixels:
    try:
        if not isinstance(url, str) or len(url) > MAX_URL or not url.startswith(PNG_URL):
            raise ValueError
        content = b64decode(url.removeprefix(PNG_URL), validate=True)
        if not content.startswith(PNG_START):
            raise ValueError
        with Image.open(BytesIO(content), formats=["PNG"]) as picture:
            if picture.size != (SIDE, SIDE):  # checked before the pixels are decoded
                raise ValueError
            return np.asarray(picture.convert("RGBA"))
    except Exception as error:  # decoders of damaged pictures raise many types of errors
        raise ValueError(f"The picture must be a PNG of {SIDE} x {SIDE} pixels in a data URL.") from error
