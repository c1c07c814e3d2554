"""Answers: how long one image takes through the network, and one drawing from the canvas to 28x28."""

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import machine, table
from model import PRESETS, Classifier, build_trainer, center_ink, ink_stages, load_classifier
from model.checkpoint import CheckpointError

CANVAS = 280


class OneImage:
    """An image to make a trainer with, of which only the fresh weights are wanted."""

    images = np.zeros((1, 28, 28), np.uint8)
    labels = np.zeros(1, np.uint8)


def classifiers() -> dict[str, Classifier]:
    """The shipped network, and the default preset with fresh weights: speed does not depend on what they learned."""
    found = {}
    try:
        found["shipped"] = load_classifier()
    except CheckpointError:
        print("(No shipped weights yet.)\n")
    trainer = build_trainer(PRESETS["quick"], OneImage, OneImage)
    found["quick"] = Classifier(trainer.weights_checkpoint())
    return found


def drawn_seven(width: int = 20) -> np.ndarray:
    """A seven as the canvas gives it: uint8 (280, 280, 4), black strokes on white."""
    y, x = np.mgrid[:CANVAS, :CANVAS]
    ink = np.zeros((CANVAS, CANVAS), bool)
    for ax, ay, bx, by in ((70, 70, 205, 70), (205, 70, 120, 220)):
        along = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
        ink |= np.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)) <= width / 2
    drawing = np.full((CANVAS, CANVAS, 4), 255, np.uint8)
    drawing[ink, :3] = 0
    return drawing


def microseconds(call: Callable[[], object], seconds: float) -> tuple[str, str]:
    """Median and 95th percentile of as many calls as fit into the time."""
    for _ in range(3):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return f"{median(times) * 1e6:,.0f} us", f"{np.percentile(times, 95) * 1e6:,.0f} us"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="time spent on each row")
    arguments = parser.parse_args()
    drawing = drawn_seven()
    image = center_ink(drawing)[None]
    rows = []
    with threadpool_limits(1):
        for name, classifier in classifiers().items():
            sizes = classifier.config.architecture
            times = microseconds(lambda classifier=classifier: classifier.predict_proba(image), arguments.seconds)
            rows.append([f"`predict_proba` of one image, {name} ({sizes})", *times])
        for call in (center_ink, ink_stages):
            times = microseconds(lambda call=call: call(drawing), arguments.seconds)
            rows.append([f"`{call.__name__}` of a {CANVAS}x{CANVAS} canvas", *times])
    print("## One answer\n")
    print(table(["what", "median", "95 % within"], rows))
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
