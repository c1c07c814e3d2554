"""Learning: what a writer's drawings, checked and corrected, do for that writer's other drawings and for MNIST."""

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np

from benchmarks.drawn_digits import WRITERS, options
from benchmarks.report import table
from dataset import DataError, Digits, append_drawing, load_digits
from experiments.finetune import lesson_config, read_lesson, start_lesson
from experiments.pretraining.pens import MANNERS, load_pens, pen_images
from experiments.runs import RunError
from model import CheckpointError, Classifier, load_classifier
from model.classifier import SHIPPED
from model.metrics import wilson_interval

COUNTS = (20, 50, 100)
MANNER = "small (60 px), 28 px"
HEADER = (
    *("drawings", "corrected", "errors before", "after", "gone", "right before", "right after"),
    *("old digits before", "after", "most lost by one", "not taken over", "seconds"),
)


@dataclass(frozen=True)
class Result:
    """One lesson. `unseen` and `old`: errors before and after, and among how many images."""

    corrected: int
    unseen: tuple[int, int, int]
    old: tuple[int, int, int]
    refused: bool
    seconds: float


def taking_turns(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """All rows at random, the digits taking turns, so that the first n hold each digit alike."""
    rows = [random.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    return np.array([digit[place] for place in range(max(map(len, rows))) for digit in rows if place < len(digit)])


def errors(classifier: Classifier, digits: Digits) -> int:
    return int(np.count_nonzero(classifier.predict_proba(digits.images).argmax(axis=1) != digits.labels))


def places(folder: Path) -> dict[str, str]:
    drawings = {"DIGITS_DRAWINGS": str(folder / "drawings.csv"), "DIGITS_DATABASE": ""}
    return {"DIGITS_RUNS": str(folder / "runs"), **drawings}


def learn(model: Path, before: Classifier, checked: Digits, unseen: Digits, old: Digits, old_errors: int) -> Result:
    """As a person does it: every drawing is stored with its true digit, then one click.

    `old_errors` of the old digits the model reads wrong before.
    """
    probabilities = before.predict_proba(checked.images)
    with TemporaryDirectory() as folder, patch.dict(os.environ, places(Path(folder))):
        for image, label, shares in zip(checked.images, checked.labels, probabilities, strict=True):
            append_drawing(
                image,
                int(label),
                predicted=int(shares.argmax()),
                confidence=float(shares.max()),
                model=before.fingerprint,
                session="benchmark",
            )
        began = time.perf_counter()
        run = start_lesson(model)
        while (status := run.status()).active:
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        lesson = read_lesson(run)
        if lesson is None:
            raise RunError(f"A lesson has {status.state}: {status.reason}")
        after = load_classifier(run.model)
    corrected = int(np.count_nonzero(probabilities.argmax(axis=1) != checked.labels))
    return Result(
        corrected,
        (errors(before, unseen), errors(after, unseen), len(unseen)),
        (old_errors, errors(after, old), len(old)),
        bool(lesson.refusal),
        seconds,
    )


def row(checked: int, results: list[Result], times: int) -> list[str]:
    """Of lessons with as many drawings each. Intervals count a drawing once, however often it was among the unseen."""
    before, after, unseen = np.sum([result.unseen for result in results], axis=0)
    shares = [1 - count / unseen for count in (before, after)]
    ranges = [wilson_interval(round(share * unseen / times), round(unseen / times)) for share in shares]
    old_before, old_after, old = np.sum([result.old for result in results], axis=0)
    lost = max((result.old[1] - result.old[0]) / result.old[2] for result in results)
    return [
        str(checked),
        f"{np.mean([result.corrected for result in results]):.1f}",
        f"{before:,} of {unseen:,}",
        f"{after:,}",
        f"{1 - after / before:.0%}" if before else "-",
        *(f"{share:.1%} ({low:.1%} to {high:.1%})" for share, (low, high) in zip(shares, ranges, strict=True)),
        f"{1 - old_before / old:.2%}",
        f"{1 - old_after / old:.2%}",
        f"{100 * lost:.2f} points",
        f"{sum(result.refused for result in results)} of {len(results)}",
        f"{median(result.seconds for result in results):.1f}",
    ]


def main() -> int:
    parser = options(__doc__)
    parser.add_argument("--worst", type=int, default=5, help="so many writers, those read worst (default: %(default)s)")
    parser.add_argument("--manner", choices=MANNERS, default=MANNER, help="how they draw (default: %(default)s)")
    parser.add_argument("--times", type=int, default=3, help="lessons from other drawings each (default: %(default)s)")
    arguments = parser.parse_args()
    model = Path(arguments.model) if arguments.model else SHIPPED
    try:
        classifier, pens = load_classifier(model), load_pens(arguments.pens).by(WRITERS[arguments.writers])
        # the test digits are looked at for the report only, like the writers held out
        old = load_digits("mnist", "test" if arguments.writers == "held-out" else "validation")
        drawn = Digits(pen_images(pens, *MANNERS[arguments.manner]), pens.labels)
        wrong = classifier.predict_proba(drawn.images).argmax(axis=1) != drawn.labels
        counts = {int(writer): int(wrong[pens.writers == writer].sum()) for writer in np.unique(pens.writers)}
        worst = sorted(counts, key=lambda writer: -counts[writer])[: arguments.worst]
        print(
            f"## Learning\n\nModel {classifier.fingerprint}; {arguments.writers} writers, {arguments.manner}. ", end=""
        )
        print("Errors of each writer: " + ", ".join(f"{writer}: {counts[writer]}" for writer in counts) + ".\n")
        config = lesson_config(classifier.config, 40)
        print(f"A lesson goes over {config.training_images:,} old digits of {config.data}.\n", flush=True)
        rows, old_errors = [], errors(classifier, old)
        for count in COUNTS:
            results = []
            for writer in worst:
                own = drawn[pens.writers == writer]
                for seed in range(arguments.times):
                    order = taking_turns(own.labels, np.random.default_rng((seed, writer)))
                    results.append(
                        learn(model, classifier, own[order[:count]], own[order[max(COUNTS) :]], old, old_errors)
                    )
            rows.append(row(count, results, arguments.times))
    except (CheckpointError, DataError, RunError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{table(HEADER, rows)}\n\nWriters {', '.join(map(str, worst))}, {arguments.times} lessons each.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
