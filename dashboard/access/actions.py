"""Every function that changes something for others or costs much; pages call no others."""

from dataclasses import fields, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import dataset
from dashboard.access.decision import Action, gated, is_owner, is_reviewed, owner_only, refusal_of, require
from dashboard.access.limits import Cost, Refusal
from dashboard.access.visibility import drawing_session, own_drawings
from dataset import SOURCES, Digits, corrections, load_drawings
from dataset.drawings import editing, exchange
from dataset.files import atomic_write
from experiments import fine_tuning, label_errors, range_test, robustness, space, sweeps
from experiments.guides import Guide
from experiments.runs import control, trash
from experiments.runs.config import RunConfig
from experiments.runs.run import Run, runs_folder
from experiments.runs.table import run_rows
from experiments.sweeps import Sweep, SweepSpec
from experiments.training.cost import expected_seconds, slowness, training_images
from model import Classifier, load_classifier
from model.augmentation import Augmenter

LATEST = 30  # runs that show how fast this machine is
READ_TOGETHER = 256  # images that a measurement of robustness reads at a time
PREPARE_SECONDS = 5e-4  # for preparing one image as on Draw
UNCHANGED = {field.name: 0.0 for field in fields(Augmenter)}  # images that are not distorted at random


def machine_slowness() -> float:
    """How much longer a training takes on this machine than the formula for a standard one says."""
    return slowness(row.run for row in run_rows()[:LATEST])


def training_cost(config: RunConfig, **_: Any) -> Cost:
    """The cost of one training. Raises a Refusal if this person may not use its file of digits."""
    if config.data not in SOURCES:
        require(Action.FILES)
        return Cost()
    images = training_images(config, SOURCES[config.data].pool)
    return Cost(expected_seconds(config, images, machine_slowness()))


def _fine_tuning_cost(model: Path) -> Cost:
    """The cost of a fine-tuning of the model in this file."""
    config, drawings = RunConfig.from_dict(load_classifier(model).settings), len(load_drawings().training)
    return training_cost(fine_tuning.fine_tuning_config(config, max(1, drawings)))


def _measurement_cost(classifier: Classifier, digits: Digits, *, prepare: bool = False) -> Cost:
    """The cost of reading these digits at every strength: a third of training on them."""
    images = len(digits) * len(robustness.points())
    config = RunConfig.from_dict(classifier.settings).replace(epochs=1, steps=0, batch_size=READ_TOGETHER, **UNCHANGED)
    seconds = expected_seconds(config, images, machine_slowness()) / 3
    return Cost(seconds + images * PREPARE_SECONDS * prepare, new_runs=0)


def sweep_cost(spec: SweepSpec) -> Cost:
    """The cost of all trials of a sweep, each with all its seeds."""
    if spec.base.data not in SOURCES:
        require(Action.FILES)
        return Cost()
    if spec.most_runs is None:
        raise owner_only("start a sweep without a number of trials")
    images = training_images(spec.base, SOURCES[spec.base.data].pool)
    return Cost(spec.expected_seconds(images, machine_slowness()), spec.most_runs, spec.most_runs)


def sweep_refusal(spec: SweepSpec) -> Refusal | None:
    """Why this person may not start this sweep; None if they may."""
    try:
        return None if is_owner() else refusal_of(Action.TRAIN, cost=sweep_cost(spec))
    except Refusal as refusal:
        return refusal


def _seeds_cost(run: Run) -> Cost:
    one, runs = training_cost(run.config), control.SEEDS - 1
    return Cost(one.seconds * runs, runs, runs, trainings=runs)


def _range_test_cost(config: RunConfig, **_: Any) -> Cost:
    return training_cost(range_test.range_test_config(config))


def _resumed_run_cost(run: Run) -> Cost:
    return replace(training_cost(run.config), new_runs=0)


def _resumed_sweep_cost(sweep: Sweep) -> Cost:
    cost, made = sweep_cost(sweep.spec), sum(row.status.group == sweep.id for row in run_rows())
    return replace(cost, new_runs=max(0, cost.new_runs - made))


# Trainings.
start_training = gated(Action.TRAIN, training_cost)(control.start_training)
train_with_seeds = gated(Action.TRAIN, _seeds_cost)(control.train_with_seeds)
accept_fine_tuning = gated(Action.STEER)(fine_tuning.accept_fine_tuning)
start_sweep = gated(Action.TRAIN, sweep_cost)(sweeps.start_sweep)
start_guide = gated(Action.TRAIN, lambda guide: sweep_cost(guide.spec))(Guide.start)


@gated(Action.TRAIN, _range_test_cost)
def start_range_test(config: RunConfig, *, name: str) -> Run:
    """Create a learning-rate range test and start a worker on it."""
    run = range_test.create_range_test(config, name=name)
    control.start(run)
    return run


@gated(Action.TRAIN, _fine_tuning_cost)
def start_fine_tuning(model: Path) -> Run:
    """Create a fine-tuning of the model in this checkpoint and start a worker on it."""
    run = fine_tuning.create_fine_tuning(model)
    control.start(run)
    return run


@gated(Action.TRAIN, _resumed_run_cost)
def _restart_run(run: Run) -> None:
    control.resume(run)


@gated(Action.TRAIN, _resumed_sweep_cost)
def _restart_sweep(sweep: Sweep) -> None:
    sweeps.resume_sweep(sweep)


@gated(Action.STEER)
def resume(run: Run) -> None:
    """Resume a paused run, which counts already, or restart one that has ended."""
    if run.status().active:
        control.resume(run)
    else:
        _restart_run(run)


@gated(Action.STEER)
def resume_sweep(sweep: Sweep) -> None:
    """Start the driver of a sweep once more; all its runs that have not ended count."""
    _restart_sweep(sweep)


pause = gated(Action.STEER)(control.pause)
stop = gated(Action.STEER)(control.stop)
set_learning_rate = gated(Action.STEER)(control.set_learning_rate)
stop_sweep = gated(Action.STEER)(Sweep.request_stop)

# Runs and sweeps that are stored.
set_label = gated(Action.RUNS)(Run.set_label)
delete_run = gated(Action.RUNS)(trash.delete_run)
restore_run = gated(Action.RUNS)(trash.restore_run)
delete_sweep = gated(Action.RUNS)(trash.delete_sweep)
restore_sweep = gated(Action.RUNS)(trash.restore_sweep)


# Drawings and labels.
@gated(Action.DRAW)
def append_drawing(image: NDArray[np.uint8], label: int, **about: Any) -> str:
    """Store a drawing -> its id. Where drawings of visitors are reviewed, it waits for that."""
    state = "waiting" if is_reviewed() else "kept"
    return editing.append_drawing(image, label, state=state, **about | {"session": drawing_session()})


@gated(Action.TAKE_BACK)
def take_back_drawings() -> int:
    """Erase all drawings of this visit; -> how many there were."""
    return editing.erase_drawings(own_drawings(), "taken back by the visitor who drew them")


undo_drawing = gated(Action.UNDO)(editing.undo_drawing)
edit_drawings = gated(Action.EDIT)(editing.edit_drawings)
undo_change = gated(Action.EDIT)(editing.undo_change)
return_to = gated(Action.EDIT)(editing.return_to)
import_drawings = gated(Action.IMPORT)(exchange.import_drawings)
import_corrections = gated(Action.LABELS)(corrections.import_corrections)
correct_label = gated(Action.LABELS)(corrections.correct_label)
start_search = gated(Action.SEARCH)(label_errors.start_search)
stop_search = gated(Action.SEARCH)(label_errors.Search.request_stop)

# Data sets and files.
remove_part = gated(Action.SPACE)(space.remove_part)
download = gated(Action.DOWNLOAD)(dataset.download)


@gated(Action.FILES)
def save_upload(name: str, content: memoryview) -> Path:
    """Store an uploaded file among the runs, so that its runs can be resumed -> its path."""
    folder = runs_folder() / ".uploads" / sha256(content).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / Path(name).name
    if not file.exists():
        with atomic_write(file) as whole:
            whole.write(content)
    return file


start_robustness = gated(Action.MEASURE, _measurement_cost)(robustness.start_robustness)
stop_robustness = gated(Action.STEER)(robustness.Robustness.request_stop)
