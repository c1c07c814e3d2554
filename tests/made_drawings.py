"""Made drawings for the tests: stored one after another, here or by another program."""

import subprocess
import sys

from dataset import append_drawing
from dataset.corrections import storage as corrections
from dataset.drawings import storage as drawings
from tests.digit_files import images_of, labels_of

APPEND = """
import sys
import numpy as np
from dataset import append_drawing
first, count = int(sys.argv[1]), int(sys.argv[2])
for number in range(first, first + count):
    image = np.random.default_rng(number).integers(0, 256, (28, 28), dtype=np.uint8)
    print(append_drawing(image, number % 10, predicted=1, confidence=0.5, model="m", session=str(number)), flush=True)
"""


def append(count: int, *, first: int = 0, **provenance: str) -> list[str]:
    """Drawings labelled 0, 1, ..., 9, 0, ...; -> their ids."""
    about = {"model": "shipped", "session": "s", **provenance}
    images, labels = images_of(first + count)[first:], labels_of(first + count)[first:]
    return [
        append_drawing(image, int(label), predicted=7, confidence=0.25, **about)
        for image, label in zip(images, labels, strict=True)
    ]


def program(first: int, count: int, before: str = "") -> subprocess.Popen[str]:
    """Another program that stores so many drawings and prints their ids; `before` is what it does
    first.
    """
    command = [sys.executable, "-c", before + APPEND, str(first), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def forget() -> None:
    """The next look is that of a program that has just begun."""
    drawings.drawing_storage().close()
    drawings.open_storage.cache_clear()
    corrections.correction_storage().close()
    corrections.open_storage.cache_clear()
