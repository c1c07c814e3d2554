"""Fine-tuning on a writer's drawings: its effect on other drawings of the writer and on MNIST."""

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
from experiments.fine_tuning import create_fine_tuning, fine_tuning_config, read_result
from experiments.runs.config import RunConfig
from experiments.runs.control import start
from experiments.runs.run import RunError
from model import CheckpointError, Classifier, load_classifier
from model.classifier import SHIPPED
from pretraining.pens import MANNERS, load_pens, pen_images

COUNTS = (20, 50, 100)
MANNER = "small (60 px), 28 px"
RESAMPLES = 2_000
HEADER = (
    *(
        "drawings",
        "of these corrected",
        "errors before",
        "errors after",
        "errors removed (95 % interval)",
        "unseen correct before",
        "unseen correct after",
    ),
    *("MNIST before", "MNIST after", "largest loss of one fine-tuning", "refused", "seconds"),
)


@dataclass(frozen=True)
class Result:
    """The result of one fine-tuning.

    corrected: number of corrected drawings. unseen: rows of the drawings that it was not trained
    on. wrong: which of these are still misread. old_wrong: number of misread old digits.
    """

    corrected: int
    unseen: np.ndarray
    wrong: np.ndarray
    old_wrong: int
    refused: bool
    seconds: float


def taking_turns(labels: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """All rows at random, the digits taking turns, so that the first n hold each digit alike."""
    rows = [random.permutation(np.flatnonzero(labels == digit)) for digit in range(10)]
    return np.array([digit[place] for place in range(max(map(len, rows))) for digit in rows if place < len(digit)])


def misread(classifier: Classifier, digits: Digits) -> np.ndarray:
    """Which of the digits are read wrong."""
    return np.asarray(classifier.predict_proba(digits.images).argmax(axis=1) != digits.labels)


def places(folder: Path) -> dict[str, str]:
    drawings = {"DIGITS_DRAWINGS": str(folder / "drawings.csv"), "DIGITS_DATABASE": ""}
    return {"DIGITS_RUNS": str(folder / "runs"), **drawings}


def learn(model: Path, drawn: Digits, order: np.ndarray, checked: int, unseen: np.ndarray, old: Digits) -> Result:
    """As a person does it: the first drawings of an order are stored with their true digits, then
    one click.
    """
    before, rows = load_classifier(model), order[:checked]
    probabilities = before.predict_proba(drawn.images[rows])
    with TemporaryDirectory() as folder, patch.dict(os.environ, places(Path(folder))):
        for image, label, shares in zip(drawn.images[rows], drawn.labels[rows], probabilities, strict=True):
            append_drawing(
                image,
                int(label),
                predicted=int(shares.argmax()),
                confidence=float(shares.max()),
                model=before.fingerprint,
                session="benchmark",
            )
        began = time.perf_counter()
        run = create_fine_tuning(model)
        start(run)
        while (status := run.status()).active:
            time.sleep(0.02)
        seconds = time.perf_counter() - began
        result = read_result(run)
        if result is None:
            raise RunError(f"A fine-tuning has {status.state}: {status.reason}")
        after = load_classifier(run.model)
    corrected = int(np.count_nonzero(probabilities.argmax(axis=1) != drawn.labels[rows]))
    wrong, old_wrong = misread(after, drawn[unseen]), int(misread(after, old).sum())
    return Result(corrected, unseen, wrong, old_wrong, bool(result.refusal), seconds)


def gone_interval(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Within which the share of errors that are gone lies, 95 %: bootstrap over the drawings, each
    with its errors.
    """
    drawn = np.random.default_rng(0).integers(0, len(before), (RESAMPLES, len(before)))
    low, high = np.quantile(1 - after[drawn].sum(axis=1) / np.maximum(before[drawn].sum(axis=1), 1), (0.025, 0.975))
    return float(low), float(high)


def row(checked: int, results: list[Result], wrong: np.ndarray, old_wrong: int, old: int) -> list[str]:
    """A row of the table: fine-tunings with the same number of drawings each.

    wrong, old_wrong: the drawings and the number of old digits that were misread before.
    """
    errors = np.zeros((2, len(wrong)), np.int64)  # of each drawing over all fine-tunings that were not trained on it
    for result in results:
        errors[:, result.unseen] += np.stack([wrong[result.unseen], result.wrong])
    before, after = errors.sum(axis=1).tolist()
    unseen = sum(len(result.unseen) for result in results)
    low, high = gone_interval(*errors[:, np.unique(np.concatenate([result.unseen for result in results]))])
    old_after = [result.old_wrong for result in results]
    return [
        str(checked),
        f"{np.mean([result.corrected for result in results]):.1f}",
        f"{before:,} of {unseen:,}",
        f"{after:,}",
        f"{1 - after / before:.0%} ({low:.0%} to {high:.0%})" if before else "-",
        f"{1 - before / unseen:.1%}",
        f"{1 - after / unseen:.1%}",
        f"{1 - old_wrong / old:.2%}",
        f"{1 - np.mean(old_after) / old:.2%}",
        f"{100 * (max(old_after) - old_wrong) / old:.2f} points",
        f"{sum(result.refused for result in results)} of {len(results)}",
        f"{median(result.seconds for result in results):.1f}",
    ]


def main() -> int:
    parser = options(__doc__)
    parser.add_argument(
        "--worst", type=int, default=5, help="number of writers, those misread most (default: %(default)s)"
    )
    parser.add_argument("--manner", choices=MANNERS, default=MANNER, help="how they draw (default: %(default)s)")
    parser.add_argument("--turned", type=float, default=0, help="degrees clockwise, as on a tablet that lies askew")
    parser.add_argument(
        "--times",
        type=int,
        default=3,
        help="fine-tunings of each kind, from other drawings each (default: %(default)s)",
    )
    arguments = parser.parse_args()
    model = Path(arguments.model) if arguments.model else SHIPPED
    try:
        classifier, pens = load_classifier(model), load_pens(arguments.pens).of_writers(WRITERS[arguments.writers])
        # the test digits are looked at for the report only, like the writers held out
        old = load_digits("mnist", "test" if arguments.writers == "held-out" else "validation")
        images = pen_images(pens.turned(arguments.turned), MANNERS[arguments.manner])
        drawn = Digits(images, pens.labels)
        wrong, old_wrong = misread(classifier, drawn), int(misread(classifier, old).sum())
        counts = {int(writer): int(wrong[pens.writers == writer].sum()) for writer in np.unique(pens.writers)}
        worst = sorted(counts, key=lambda writer: -counts[writer])[: arguments.worst]
        turned = f", turned by {arguments.turned:g} degrees" if arguments.turned else ""
        print(
            f"## Learning\n\nModel {classifier.fingerprint}; {arguments.writers} writers, {arguments.manner}{turned}. "
        )
        print("Errors of each writer: " + ", ".join(f"{writer}: {counts[writer]}" for writer in counts) + ".\n")
        config = fine_tuning_config(RunConfig.from_dict(classifier.settings), 40)
        print(f"A fine-tuning trains on {config.training_images:,} old digits of {config.data}.\n", flush=True)
        rows = []
        for count in COUNTS:
            results = []
            for writer in worst:
                own = np.flatnonzero(pens.writers == writer)
                for seed in range(arguments.times):
                    order = own[taking_turns(drawn.labels[own], np.random.default_rng((seed, writer)))]
                    results.append(learn(model, drawn, order, count, order[max(COUNTS) :], old))
            rows.append(row(count, results, wrong, old_wrong, len(old)))
    except (CheckpointError, DataError, RunError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{table(HEADER, rows)}\n\nWriters {', '.join(map(str, worst))}, {arguments.times} fine-tunings each.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
