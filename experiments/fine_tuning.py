"""Fine-tuning: a model learns in seconds from corrected drawings.

It practises MNIST digits meanwhile, so that it does not forget them.

It is an ordinary run that starts from the model in use: one pass over MNIST digits and drawings, in
which each drawing appears many times, distorted a little each time. When it has ended, the models
before and after are compared.
"""

from __future__ import annotations

import math
import shutil
import time
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from filelock import Timeout
from numpy.typing import NDArray

from dataset import DataError, Digits, Drawings, available, load_drawings, without
from dataset.digits import DIGIT_CLASSES
from dataset.download import SHIPPED
from dataset.files import is_there
from experiments.jobs.record import is_job_id, read_record, write_record
from experiments.runs.config import BOUNDS, RunConfig
from experiments.runs.run import Label, Run, RunError, create_run, open_run, runs_folder
from experiments.training.cost import training_seconds
from experiments.training.data import trained_drawings
from model import Classifier, load_checkpoint, load_classifier, save_checkpoint
from model.arrays import Floats
from model.augmentation import Augmenter
from model.metrics import wilson_interval

# These two names, of a group of runs and of files, stay as earlier versions wrote them.
GROUP = "lesson"
FOLDER, RESULT_FILE = ".lessons", "lesson.json"

SECONDS = 1.5  # of training on a core of 2.5 GHz, with any network: a small one is trained on more MNIST digits
UNDECIDED_SECONDS = 24 * 3600.0  # a fine-tuning that nobody has accepted stays this long
PRACTISED = (400, 50_000)  # MNIST digits, at least and at most
DRAWING_FACTOR = 20  # drawings per square root of MNIST digits: a third with 1,600, a twelfth with 50,000
VALIDATION_SHARE = 0.25  # of mnist-5k: its usual twelfth would be so few digits that one of them decides
ALLOWED_LOSS = 0.002  # the share of MNIST digits, 0.2 points, that may be read worse afterwards
INTERPOLATE_FROM = 0.001  # where a larger share is read worse, only a part of the change is used
PART = 0.7  # of the change from the weights before to those after
RECIPE = {
    "epochs": 1,
    "steps": 0,
    "batch_size": 32,
    "optimizer": "adamw",
    "learning_rate": 5e-4,
    "weight_decay": 0.0,
    "schedule": "one-cycle",
    "dropout": 0.0,
    "patience": 0,
    # MNIST digits are not distorted, and the copies of the drawings are distorted already
    **{field.name: 0.0 for field in fields(Augmenter)},
}
"""Chosen on drawings of writers that the shipped weights were not trained on (docs/results.md)."""


@dataclass(frozen=True)
class Score:
    """How many of the same images two models read correctly."""

    before: int
    after: int
    total: int

    def __post_init__(self) -> None:
        if not 0 <= max(self.before, self.after) <= self.total or min(self.before, self.after) < 0:
            raise ValueError(f"{self.before} and {self.after} of {self.total:,} images")

    @property
    def shares(self) -> tuple[float, float]:
        """Before and after; NaN of no images."""
        return (self.before / self.total, self.after / self.total) if self.total else (math.nan, math.nan)

    @property
    def intervals(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """95 %, before and after."""
        return wilson_interval(self.before, self.total), wilson_interval(self.after, self.total)


@dataclass(frozen=True)
class FineTuningResult:
    """The models before and after, compared on drawings and on MNIST digits (`old`).

    `answers`: (row in the run's drawings, answer before, after) of each corrected drawing. `part`:
    the part of the change of the weights that is used.
    """

    corrected: Score
    held_out: Score
    old: Score
    answers: tuple[tuple[int, int, int], ...]
    part: float = 1.0

    @property
    def interpolation(self) -> str:
        """Why only a part of the change is used; empty where all of it is."""
        if self.part == 1:
            return ""
        lost = f"more than {100 * INTERPOLATE_FROM:g} points on MNIST digits"
        return f"Only {100 * self.part:.0f} % of the change is used, because all of it lost {lost}."

    @property
    def refusal(self) -> str:
        """Why the new weights may not be used; empty where they may."""
        advice = "Check whether the drawings are labelled correctly, or collect more of them."
        for name, score, allowed in (
            ("MNIST digits", self.old, ALLOWED_LOSS),
            ("held-out drawings", self.held_out, 0.0),
        ):
            if score.before - score.after > allowed * score.total:
                loss = f"more than {100 * allowed:g} points are lost" if allowed else "there must not be fewer"
                return (
                    f"It now reads {score.after:,} of {score.total:,} {name}, before {score.before:,}: {loss}. {advice}"
                )
        return ""


def is_corrected(drawings: Drawings) -> NDArray[np.bool_]:
    """Whether each drawing is to be learned from and its answer was wrong, (n,)."""
    return np.asarray(drawings.is_training & (drawings.predicted >= 0) & (drawings.predicted != drawings.digits.labels))


def create_fine_tuning(model: Path) -> Run:
    """The run that fine-tunes the model in this file; `runs.control.start` starts it.

    It has a folder apart from other runs until it is accepted. Raises DataError where there is
    nothing to learn from.
    """
    classifier = load_classifier(model)
    if classifier.classes != DIGIT_CLASSES:
        raise DataError("This model does not read digits, so it cannot learn from drawings of them.")
    drawings = load_drawings()
    count = len(drawings.training)
    if not count:
        raise DataError("There are no drawings to learn from yet: draw a digit and say which it was.")
    name = "learned from 1 drawing" if count == 1 else f"learned from {count:,} drawings"
    config = fine_tuning_config(RunConfig.from_dict(classifier.settings), count).replace(
        drawings_version=drawings.version
    )
    return create_run(config, name=name, group=GROUP, start=model, parent=fine_tuning_folder())


def fine_tuning_config(base: RunConfig, drawings: int) -> RunConfig:
    """The settings for fine-tuning a model with the config `base` on this number of drawings."""
    config = base.replace(**RECIPE)
    most = PRACTISED[1]
    possible = most * SECONDS / training_seconds(config, most, 1.0)
    # practised + DRAWING_FACTOR sqrt(practised) = possible
    practised = int(np.clip((math.sqrt(possible + DRAWING_FACTOR**2 / 4) - DRAWING_FACTOR / 2) ** 2, *PRACTISED))
    shown = DRAWING_FACTOR * math.sqrt(practised)  # drawings, with their copies
    weight = int(np.clip(shown / drawings, 1, BOUNDS["drawings_weight"].high))
    if drawings > shown:  # more than there is time for: a random part of them, with the same share of MNIST digits
        steps = math.ceil((practised + shown) / config.batch_size)
        config, practised = config.replace(steps=steps), min(int(practised * drawings / shown), most)
    if available(SHIPPED):  # MNIST without its validation digits, which no model here is trained on
        data, share = SHIPPED, RunConfig.validation_share
    else:  # a model that was trained on these digits has its own validation digits
        data, share = "mnist-5k", (base.data == "mnist-5k" and base.validation_share) or VALIDATION_SHARE
    return config.replace(data=data, validation_share=share, training_images=practised, drawings_weight=weight)


def compare_models(run: Run, validation: Digits, correct_after: int) -> FineTuningResult:
    """Compare the models before and after on the same images, and write the result.

    The new weights read `correct_after` of the validation digits correctly, as training has
    counted. Where too many were lost, the weights become a mean of those before and after (Wortsman
    et al. 2022, arXiv:2109.01903).
    """
    before = load_classifier(run.start)
    correct_before, part = _count_correct(before, validation), 1.0
    if correct_before - correct_after > INTERPOLATE_FROM * len(validation):
        part = PART
        correct_after = interpolate_weights(run, part, validation)
    after = load_classifier(run.model)
    learned = trained_drawings(run)
    drawings = load_drawings(run.config.drawings_version)
    row_of = {image.tobytes(): row for row, image in enumerate(learned.images)}  # equal images count once
    misread = dict.fromkeys(image.tobytes() for image in drawings.digits[is_corrected(drawings)].images)
    rows = [row_of[image] for image in misread if image in row_of]
    corrected, held_out = learned[rows], without(drawings.held_out, learned)
    result = FineTuningResult(
        Score(_count_correct(before, corrected), _count_correct(after, corrected), len(corrected)),
        Score(_count_correct(before, held_out), _count_correct(after, held_out), len(held_out)),
        Score(correct_before, correct_after, len(validation)),
        tuple(zip(rows, _answers(before, corrected).tolist(), _answers(after, corrected).tolist(), strict=True)),
        part,
    )
    write_record(run.folder / RESULT_FILE, result)
    return result


def interpolate_weights(run: Run, part: float, validation: Digits) -> int:
    """Use only a part of the change from the first to the last weights.

    -> how many digits are then read correctly.
    """
    start, end, used = (load_checkpoint(file) for file in (run.start, run.last, run.model))
    weights: dict[str, Floats] = {
        name: W + np.float32(part) * (end.weights[name] - W) for name, W in start.weights.items()
    }
    checkpoint = replace(used, weights=weights)
    correct = _count_correct(Classifier(checkpoint), validation)
    checkpoint.about["validation_accuracy"] = correct / len(validation)
    save_checkpoint(run.model, checkpoint)
    return correct


def read_result(run: Run) -> FineTuningResult | None:
    """The result, or None where the run has not come to its end.

    Raises RunError for a damaged one.
    """
    try:
        return read_record(run.folder / RESULT_FILE, FineTuningResult)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise RunError(f"The result of {run.id} cannot be read: {error}. Learn again.") from error


def accept_fine_tuning(run: Run) -> Run:
    """Move it to the other runs, whose models can be chosen.

    -> the run where it is now. Raises RunError.
    """
    if run.folder.parent == runs_folder():
        return run  # somebody has accepted it already
    result = read_result(run)
    if result is None or result.refusal:
        raise RunError("These weights cannot be used: " + (result.refusal if result else "they are unfinished."))
    try:
        return Run(run.folder.rename(runs_folder() / run.id))
    except OSError as error:
        raise RunError(f"{run.id} cannot be moved to {runs_folder()}: {error.strerror}.") from error


def undecided_fine_tunings() -> list[Run]:
    """All fine-tunings that nobody has accepted, also those that were discarded."""
    return [Run(path.parent) for path in fine_tuning_folder().glob("*/status.json")]


def remove_undecided(older_than: float = UNDECIDED_SECONDS) -> int:
    """Remove fine-tunings that nobody has accepted in this many seconds; -> how many.

    Those with a name, a note or a star stay, and so do those that a process works on.
    """
    removed = 0
    for run in undecided_fine_tunings():
        try:
            with run.lock.acquire(timeout=0):
                status, label = run.stored(), run.label()
                is_old = time.time() - max(status.updated, status.created) > older_than
                if is_old and label == Label():
                    shutil.rmtree(run.folder)
                    removed += 1
        except (Timeout, RunError, OSError):  # a process works on it, or it is damaged or gone
            continue
    return removed


def open_fine_tuning(which: str) -> Run:
    """The fine-tuning run with this id, accepted or not. Raises RunError."""
    if is_job_id(which) and is_there(fine_tuning_folder() / which / "config.json"):
        return open_run(fine_tuning_folder() / which)
    run = open_run(which)
    if run.stored().group != GROUP:
        raise RunError(f"The run {which} did not learn from drawings.")
    return run


def model_before(run: Run) -> str:
    """The model that a fine-tuning run started from: `shipped`, or the id of its run."""
    return str(load_classifier(run.start).about.get("run", ""))


def fine_tuning_folder() -> Path:
    """Where fine-tuning runs are before they are accepted: hidden among the runs."""
    return runs_folder() / FOLDER


def _answers(model: Classifier, digits: Digits) -> NDArray[np.int64]:
    return np.asarray(model.predict_proba(digits.images).argmax(axis=1))


def _count_correct(model: Classifier, digits: Digits) -> int:
    return int(np.count_nonzero(_answers(model, digits) == digits.labels))
