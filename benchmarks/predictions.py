"""Predictions: time for one image and for 10,000, and for one drawing from the canvas to 28x28.

PyTorch reads the same 10,000 images with the same weights, from bytes to probabilities too, without
gradients, at the size of batch that suits it best; that its probabilities are the same is checked
first. Both take turns on one core.
"""

import benchmarks.one_core  # noqa: F401  # isort: skip

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.other_libraries import torch_network
from benchmarks.report import Goal, begin, conclude, table
from benchmarks.training_speed import Images, mnist_or_similar
from model import PRESETS, Classifier, build_trainer, center_ink, ink_stages, load_classifier

CANVAS = 280
BATCHES = (100, 250, 500, 1000, 2500, 10_000)
LARGEST_DIFFERENCE = 1e-5  # of two probabilities, in float32


def classifier_of(preset: str) -> Classifier:
    """A preset with fresh weights: speed does not depend on what they learned."""
    one = Images(np.zeros((1, 28, 28), np.uint8), np.zeros(1, np.uint8))
    return Classifier(build_trainer(PRESETS[preset], one, one).weights_checkpoint())


def classifiers() -> dict[str, Classifier]:
    presets = [preset for preset in ("quick", "best-mlp", "cnn") if preset in PRESETS]
    return {"shipped": load_classifier()} | {preset: classifier_of(preset) for preset in presets}


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


def microseconds(call: Callable[[], object], seconds: float) -> np.ndarray:
    """Each time of as many calls as fit into the seconds."""
    for _ in range(3):
        call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return np.array(times) * 1e6


def read_by_torch(classifier: Classifier, weights: dict[str, np.ndarray]) -> Callable[[np.ndarray, int], np.ndarray]:
    """PyTorch's answer to (images, rows in a batch): probabilities."""
    network = torch_network(classifier.config, weights).eval()

    def read(images: np.ndarray, batch: int) -> np.ndarray:
        with torch.inference_mode():
            parts = torch.from_numpy(images).reshape(-1, 784).split(batch)
            return torch.cat([network(part.float().div_(255)).softmax(1) for part in parts]).numpy()

    return read


def compare_reading(images: np.ndarray, rounds: int) -> tuple[float, float, int]:
    """Our seconds for all images with best-mlp and PyTorch's at its best size of batch, and that
    size.
    """
    one = Images(images[:1], np.zeros(1, np.uint8))
    checkpoint = build_trainer(PRESETS["best-mlp"], one, one).weights_checkpoint()
    classifier = Classifier(checkpoint)
    theirs = read_by_torch(classifier, checkpoint.weights)
    difference = np.abs(classifier.predict_proba(images) - theirs(images, BATCHES[0])).max()
    if not difference <= LARGEST_DIFFERENCE:
        sys.exit(f"The probabilities differ from PyTorch's by {difference:.1e}, so times cannot be compared.")
    ours: list[float] = []
    times: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    for _ in range(rounds):
        ours.append(seconds_of(lambda: classifier.predict_proba(images)))
        for batch in BATCHES:
            times[batch].append(seconds_of(lambda batch=batch: theirs(images, batch)))
    best = min(BATCHES, key=lambda batch: median(times[batch]))
    return median(ours), median(times[best]), best


def seconds_of(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="time spent on each row")
    parser.add_argument("--rounds", type=int, default=15, help="times that 10,000 images are read; medians are printed")
    arguments = parser.parse_args()
    drawing = drawn_seven()
    image = center_ink(drawing)[None]
    found = classifiers()
    with threadpool_limits(1):
        answers = {
            name: microseconds(lambda classifier=classifier: classifier.predict_proba(image), arguments.seconds)
            for name, classifier in found.items()
        }
        stages = {
            call: microseconds(lambda call=call: call(drawing), arguments.seconds) for call in (center_ink, ink_stages)
        }
        images = mnist_or_similar()[0].images[:10_000].copy()  # PyTorch wants them writable
        ours, theirs, batch = compare_reading(images, arguments.rounds)

    begin("Answers")
    rows = {
        f"`predict_proba` of one image, {name} ({found[name].config.architecture})": answers[name] for name in found
    }
    rows |= {f"`{call.__name__}` of a {CANVAS}x{CANVAS} canvas": times for call, times in stages.items()}
    cells = [[what, *(f"{np.percentile(times, share):,.0f} us" for share in (50, 95))] for what, times in rows.items()]
    print(table(["operation", "median", "95th percentile"], cells))
    cells = [["`best-mlp`", f"{ours * 1e3:.0f} ms", f"{theirs * 1e3:.0f} ms", str(batch), f"{theirs / ours:.2f}"]]
    print(
        "\n" + table(["10,000 images", "Digit Lab", "PyTorch", "best batch of PyTorch", "PyTorch / Digit Lab"], cells)
    )
    goals = [
        Goal(f"one image, {name}: predict_proba", float(np.median(answers[name])), least, aim, " us", 0)
        for name, least, aim in (("quick", 60, 20), ("best-mlp", 60, 20), ("cnn", 250, 100))
        if name in answers
    ]
    goals += [
        Goal("preprocessing of a canvas to 28x28", float(np.median(stages[center_ink])) / 1e3, 1, 0.3, " ms"),
        Goal("10,000 images with best-mlp: speed over PyTorch", theirs / ours, 1, 1.3, " times", more=True),
    ]
    conclude(*goals)


if __name__ == "__main__":
    main()
