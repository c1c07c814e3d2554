"""Fine-tuning: a model learns in seconds from drawings that people corrected, and goes over old digits meanwhile.

A lesson is an ordinary run that starts from the model in use: one pass over old digits and drawings, each drawing many
times, a little different each time. When it has ended, the models before and after are compared.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from secrets import token_hex

import numpy as np
from numpy.typing import NDArray

from dataset import DataError, Digits, Drawings, available, load_drawings, without
from dataset.digits import DIGIT_CLASSES
from dataset.download import SHIPPED
from dataset.files import written_whole
from experiments.jobs.launch import start
from experiments.runs.config import BOUNDS, RunConfig
from experiments.runs.run import Run, RunError, create_run, is_id, open_run, runs_folder
from experiments.training.cost import training_seconds
from model import Classifier, load_checkpoint, load_classifier, save_checkpoint
from model.arrays import Floats
from model.augmentation import Augmenter
from model.metrics import wilson_interval

GROUP = "lesson"
SECONDS = 1.5  # of training on a core of 2.5 GHz, whatever the network: a cheap one goes over more old digits
OLD_DIGITS = (400, 50_000)  # at least and at most
DRAWN = 20  # times the square root of the old digits are drawings: a third beside 1,600, a twelfth beside 50,000
KEPT_ASIDE = 0.25  # of mnist-5k, whose usual twelfth would be so few digits that one of them decides
LOST = 0.002  # the share of old digits, 0.2 points, that may be lost for what is learned
SOFTENED_FROM = 0.001  # a lesson that loses more than so many is taken over in part
PART = 0.7  # of the way from the weights before to those after
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
    # old digits come as they are; of the drawings, each time they come is a little different already
    **{field.name: 0.0 for field in fields(Augmenter)},
}
"""Chosen by writers whom the weights had never met (docs/results.md)."""


@dataclass(frozen=True)
class Score:
    """How many of the same images two models read right."""

    before: int
    after: int
    total: int

    @property
    def shares(self) -> tuple[float, float]:
        """Before and after; NaN of no images."""
        return (self.before / self.total, self.after / self.total) if self.total else (math.nan, math.nan)

    @property
    def intervals(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """95 %, before and after."""
        return wilson_interval(self.before, self.total), wilson_interval(self.after, self.total)


@dataclass(frozen=True)
class Lesson:
    """What came of a lesson. `answers`: (row in the run's drawings, answer before, after) of each corrected drawing.

    `part`: how far the weights went from those before to those that training ended with.
    """

    corrected: Score
    held_out: Score
    old: Score
    answers: tuple[tuple[int, int, int], ...]
    part: float = 1.0

    @property
    def softening(self) -> str:
        """Why the new weights are a mean of the old ones and what training ended with; empty where they are not."""
        if self.part == 1:
            return ""
        lost = f"more than {100 * SOFTENED_FROM:g} points of the old digits"
        return f"After is with {100 * self.part:.0f} % of the change, since all of it lost {lost}."

    @property
    def refusal(self) -> str:
        """Why the new weights are not taken over; empty where they may be."""
        advice = "Look whether the drawings are labelled right, or collect more of them."
        for what, score, allowed in (("old digits", self.old, LOST), ("drawings held out", self.held_out, 0.0)):
            if score.before - score.after > allowed * score.total:
                loss = f"more than {100 * allowed:g} points are lost" if allowed else "there must not be fewer"
                return (
                    f"It now reads {score.after:,} of {score.total:,} {what}, before {score.before:,}: {loss}. {advice}"
                )
        return ""


def is_corrected(drawings: Drawings) -> NDArray[np.bool_]:
    """Of each: whether it is to learn from, and somebody said that the answer was wrong."""
    return np.asarray(drawings.is_training & (drawings.predicted >= 0) & (drawings.predicted != drawings.digits.labels))


def start_lesson(model: Path) -> Run:
    """A lesson for the model in this file, and a worker on it. Raises DataError where there is nothing to learn."""
    run = make_lesson(model)
    start(run)
    return run


def make_lesson(model: Path) -> Run:
    """A run in a place of its own: it waits for no training, and stands in no list until it is kept."""
    classifier = load_classifier(model)
    if classifier.classes != DIGIT_CLASSES:
        raise DataError("This model does not read digits, so it cannot learn from drawings of them.")
    drawings = load_drawings()
    count = len(drawings.training)
    if not count:
        raise DataError("There are no drawings to learn from yet: draw a digit and say which it was.")
    folder = lessons_folder() / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{token_hex(2)}-learned"
    name = "learned from 1 drawing" if count == 1 else f"learned from {count:,} drawings"
    config = lesson_config(RunConfig.from_dict(classifier.settings), count).replace(drawings_version=drawings.version)
    return create_run(config, name=name, group=GROUP, start=model, folder=folder)


def lesson_config(of: RunConfig, drawings: int) -> RunConfig:
    """The settings under which a model with that config learns from so many drawings."""
    config = of.replace(**RECIPE)
    most = OLD_DIGITS[1]
    possible = most * SECONDS / training_seconds(config, most, 1.0)
    # old + DRAWN sqrt(old) = possible
    old = int(np.clip((math.sqrt(possible + DRAWN**2 / 4) - DRAWN / 2) ** 2, *OLD_DIGITS))
    drawn = DRAWN * math.sqrt(old)
    weight = int(np.clip(drawn / drawings, 1, BOUNDS["drawings_weight"].high))
    if drawings > drawn:  # of more than there is time for, a part at random, beside as many old digits as ever
        steps = math.ceil((old + drawn) / config.batch_size)
        config, old = config.replace(steps=steps), min(int(old * drawings / drawn), most)
    if available(SHIPPED):  # MNIST, but for the digits that nothing here is ever trained on
        data, aside = SHIPPED, RunConfig.validation_share
    else:  # a model that was trained on these digits keeps those aside that it never saw
        data, aside = "mnist-5k", (of.data == "mnist-5k" and of.validation_share) or KEPT_ASIDE
    return config.replace(data=data, validation_share=aside, training_images=old, drawings_weight=weight)


def examine(run: Run, validation: Digits, right_after: int) -> Lesson:
    """Compare the models before and after on the same images, and keep what was found beside the run.

    `right_after` of the old digits for validation are read right by the new weights: training has just counted them.
    Where too many were lost, the weights become a mean of those before and after (Wortsman et al. 2022).
    """
    before = load_classifier(run.start)
    right_before, part = _right(_answers(before, validation), validation), 1.0
    if right_before - right_after > SOFTENED_FROM * len(validation):
        part = PART
        right_after = soften(run, part, validation)
    after = load_classifier(run.model)
    learned = learned_from(run)
    drawings = load_drawings(run.config.drawings_version)
    row_of = {image.tobytes(): row for row, image in enumerate(learned.images)}  # doubles count once
    wrong = dict.fromkeys(image.tobytes() for image in drawings.digits[is_corrected(drawings)].images)
    rows = [row_of[image] for image in wrong if image in row_of]
    mended, held_out = learned[rows], without(drawings.held_out, learned)
    then, now = (_answers(model, mended) for model in (before, after))
    lesson = Lesson(
        Score(_right(then, mended), _right(now, mended), len(mended)),
        Score(_right(_answers(before, held_out), held_out), _right(_answers(after, held_out), held_out), len(held_out)),
        Score(right_before, right_after, len(validation)),
        tuple(zip(rows, then.tolist(), now.tolist(), strict=True)),
        part,
    )
    with written_whole(run.folder / "lesson.json") as file:
        file.write(json.dumps(asdict(lesson), indent=2).encode())
    return lesson


def soften(run: Run, part: float, validation: Digits) -> int:
    """Make its weights those at this part of the way from its start to its end; -> how many digits they read right."""
    start, end, kept = (load_checkpoint(file) for file in (run.start, run.last, run.model))
    weights: dict[str, Floats] = {
        name: W + np.float32(part) * (end.weights[name] - W) for name, W in start.weights.items()
    }
    softer = replace(kept, weights=weights)
    right = _right(_answers(Classifier(softer), validation), validation)
    softer.about["validation_accuracy"] = right / len(validation)
    save_checkpoint(run.model, softer)
    return right


def read_lesson(run: Run) -> Lesson | None:
    """What came of the lesson, or None where it did not come to its end. Raises RunError for a damaged one."""
    try:
        found = json.loads((run.folder / "lesson.json").read_text())
        corrected, held_out, old = (Score(**found[name]) for name in ("corrected", "held_out", "old"))
        answers = tuple((row, then, now) for row, then, now in found["answers"])
        return Lesson(corrected, held_out, old, answers, found.get("part", 1.0))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"What came of {run.id} cannot be read: {error}. Learn again.") from error


def keep_lesson(run: Run) -> Run:
    """Put it among the other runs, where models are chosen from; -> the run where it is now."""
    if run.folder.parent == runs_folder():
        return run  # somebody has kept it already
    lesson = read_lesson(run)
    if lesson is None or lesson.refusal:
        raise RunError("These weights cannot be taken over: " + (lesson.refusal if lesson else "they are unfinished."))
    try:
        return Run(run.folder.rename(runs_folder() / run.id))
    except OSError as error:
        raise RunError(f"{run.id} cannot be kept in {runs_folder()}: {error.strerror}.") from error


def open_lesson(which: str) -> Run:
    """The lesson with this id, kept or not. Raises RunError."""
    if is_id(which) and (lessons_folder() / which / "config.json").is_file():
        return open_run(lessons_folder() / which)
    run = open_run(which)
    if run.stored().group != GROUP:
        raise RunError(f"{which} is a run, but none that learned from drawings.")
    return run


def model_before(run: Run) -> str:
    """What the model that a lesson started from was chosen by: `shipped`, or the id of its run."""
    return str(load_classifier(run.start).about.get("run", ""))


def learned_from(run: Run) -> Digits:
    """The drawings that a run was trained on, each once."""
    with np.load(run.folder / "drawings.npz", allow_pickle=False) as own:
        return Digits(own["images"], own["labels"], "drawings")


def lessons_folder() -> Path:
    """Where lessons are that nobody has kept: hidden among the runs, so on the same disk."""
    return runs_folder() / ".lessons"


def _answers(model: Classifier, digits: Digits) -> NDArray[np.int64]:
    return np.asarray(model.predict_proba(digits.images).argmax(axis=1))


def _right(answers: NDArray[np.int64], digits: Digits) -> int:
    return int(np.count_nonzero(answers == digits.labels))
