"""Label errors: a search for labels that networks disagree with, the likeliest error first.

Confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068): networks that were not
trained on a digit judge it, and its label is the likelier to be an error the more probable they
find another one. A search is a job folder named after the digits whose labels it judges.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from dataset import DataError, Digits, load_digits, load_training, without
from dataset.corrections import image_hashes
from dataset.files import atomic_write
from dataset.sources import SOURCES
from experiments.jobs.launch import launch, worker_main
from experiments.jobs.queue import queue_up, work_alone
from experiments.jobs.record import Job, JobStatus, read_record, write_record
from experiments.runs.run import RunError, runs_folder
from experiments.training.cost import training_seconds
from model import PRESETS, Classifier, TrainConfig, Trainer, build_trainer
from model.array_files import open_arrays
from model.reading import DamagedError

Part = Literal["test", "train", "all"]
PARTS: dict[str, str] = {"test": "test digits", "train": "training digits", "all": "all digits"}
NETWORKS = 5
EPOCHS, LEAST_STEPS = 6, 400  # few digits are shown more often
RECIPE = PRESETS["best-mlp"].replace(hidden=(256, 128))
LEAST = 50  # digits
NEIGHBOURS = 6
METHOD = 1  # a part of a search's id: another method has other results
STATUS_SECONDS = 0.2


class LabelErrors:
    """The probabilities (n, 10) that networks give n digits, and the label errors they suggest."""

    def __init__(self, labels: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> None:
        self.labels, self.probabilities = labels, probabilities

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """The most probable class of each digit, (n,)."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """Self-confidence: the probability of the label as it is given, (n,)."""
        return np.asarray(self.probabilities[np.arange(len(self.labels)), self.labels])

    @cached_property
    def margin(self) -> NDArray[np.float32]:
        """Normalised margin: (1 + p of the label - the highest p of the others) / 2, (n,)."""
        others = self.probabilities.copy()
        others[np.arange(len(others)), self.labels] = -1
        return np.asarray((1 + self.confidence - others.max(axis=1)) / 2)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Rows, the likeliest label error first."""
        return np.argsort(self.margin, kind="stable")

    @property
    def disagreements(self) -> int:
        """How many digits the networks read as another class than their label."""
        return int(np.count_nonzero(self.predicted != self.labels))


class Task(NamedTuple):
    """One network: what it is trained on, and the rows that it judges."""

    train: Digits
    rows: NDArray[np.intp]


def as_part(text: str) -> Part:
    """The part of that name. Raises DataError."""
    if text not in PARTS:
        raise DataError(f"There is no part {text!r}. Choose one of: {', '.join(PARTS)}.")
    return cast(Part, text)


def parts_of(source: str) -> tuple[Part, ...]:
    """The parts of a source that are judged apart: its test set and the rest, or all together."""
    return ("test", "train") if source in SOURCES and source != "mnist-5k" else ("all",)


def load_judged(source: str, part: Part) -> Digits:
    """The digits whose labels are judged, in the order of their file. Raises DataError."""
    digits = load_training(source, 0)[0] if part == "train" else load_digits(source, part)
    check_labels(digits)
    return digits


def check_labels(digits: Digits) -> None:
    """Raises DataError where the digits have no labels, or are too few."""
    if not digits.labelled:
        raise DataError(f"{digits.source} has no labels, so none can be wrong. Add a column named label.")
    if len(digits) < LEAST:
        raise DataError(f"{digits.source} has {len(digits)} digits: at least {LEAST} are needed to train a network on.")


def load_teachers(digits: Digits, source: str, part: Part) -> Digits | None:
    """The digits to train the networks on that judge test digits.

    None where the digits judge each other.
    """
    return without(load_training(source, 0)[0], digits) if part == "test" else None


def tasks_for(digits: Digits, train: Digits | None) -> Iterator[Task]:
    """The five networks to train.

    All of them judge each digit if they are trained on others, `train`.

    Else each digit is judged by one network, which is trained on the other four fifths. Equal
    images are in the same fifth, because one of them would give away the label of the other.
    """
    if train is not None:
        yield from [Task(train, np.arange(len(digits)))] * NETWORKS
        return
    fold = np.array([int(image, 16) % NETWORKS for image in image_hashes(digits.images)])
    for number in range(NETWORKS):
        yield Task(digits[fold != number], np.flatnonzero(fold == number))


def rank_label_errors(digits: Digits, train: Digits | None = None) -> LabelErrors:
    """The whole search in this process, without a folder."""
    answers = np.zeros((len(digits), 10), np.float32)
    for number, task in enumerate(tasks_for(digits, train)):
        trainer = _trainer(task, number)
        for _ in trainer.train():
            pass
        answers[task.rows] += _answers(trainer, digits, task)
    return LabelErrors(digits.labels, answers / answers.sum(axis=1, keepdims=True))


def expected_seconds(source: str, part: Part, digits: int, slowness: float = 1.0) -> float:
    """About how many seconds a search through this number of digits takes."""
    images = SOURCES[source].pool if part == "test" and source in SOURCES else round(digits * (1 - 1 / NETWORKS))
    return NETWORKS * training_seconds(_config(images, 0), images, slowness)


def neighbours(digits: Digits, found: LabelErrors, row: int, label: int, count: int = NEIGHBOURS) -> NDArray[np.intp]:
    """The rows nearest to this one, pixel by pixel, with this label and prediction."""
    rows = np.flatnonzero((digits.labels == label) & (found.predicted == label))
    difference = digits.images[rows].astype(np.float32) - digits.images[row]
    distance = np.einsum("nij,nij->n", difference, difference)
    rows, distance = rows[distance > 0], distance[distance > 0]  # neither itself nor images equal to it
    return np.asarray(rows[np.argsort(distance, kind="stable")[:count]])


@dataclass(frozen=True)
class SearchStatus(JobStatus):
    """Where a search is: queued, running, finished, stopped, interrupted or failed."""

    network: int = 0  # that is trained now, from 1
    share: float = 0.0  # of the whole search, 0 to 1


@dataclass(frozen=True)
class SearchRequest:
    """The source whose labels are to be judged, and which part of it."""

    source: str
    part: Part


class Search(Job[SearchStatus]):
    """One search: a job folder with its status, its request and the answers of its networks."""

    status_type = SearchStatus
    noun = "search for label errors"
    error = RunError

    def stored(self) -> SearchStatus:
        """The status as last written; failed where it cannot be read."""
        try:
            return super().stored()
        except RunError:
            return SearchStatus("failed", "Its status cannot be read.")

    @property
    def result_file(self) -> Path:
        """Holds the answers."""
        return self.folder / "answers.npz"

    def is_done(self) -> bool:
        """Whether all networks have answered."""
        return self.answers()[0] == NETWORKS

    def result(self) -> LabelErrors:
        """The result. Raises RunError where the search has not come to its end."""
        done, labels, answers = self.answers()
        if done < NETWORKS:
            raise RunError("The search for label errors has not come to its end. Start it again.")
        return LabelErrors(labels, answers)

    def answers(self) -> tuple[int, NDArray[np.uint8], NDArray[np.float32]]:
        """How many networks have answered, the labels (n,), and their answers (n, 10).

        The answers are a sum, at the end a mean.
        """
        try:
            with open_arrays(self.result_file) as file:
                networks, labels = int(file.read("networks", "i", ())), file.read("labels", "u1", (None,))
                return networks, labels, file.read("answers", "f4", (len(labels), 10))
        except (OSError, DamagedError):
            return 0, np.empty(0, np.uint8), np.empty((0, 10), np.float32)

    def save_answers(self, networks: int, labels: NDArray[np.uint8], answers: NDArray[np.float32]) -> None:
        """Write what `answers` reads."""
        with atomic_write(self.result_file) as file:
            np.savez(file, networks=networks, labels=labels, answers=answers)


def search_for(source: str, part: Part, digits: Digits | None = None) -> Search:
    """The search for these digits, begun or not. `digits` saves loading them again."""
    digits = load_judged(source, part) if digits is None else digits
    return Search(runs_folder() / ".suspects" / f"{digits.fingerprint}-{part}-{METHOD}")


def create_search(source: str, part: Part, digits: Digits | None = None) -> Search:
    """The search, queued for a process to begin or continue. Raises RunError."""
    search = search_for(source, part, digits)
    request = SearchRequest(source, part)
    queue_up(search, SearchStatus(), lambda: write_record(search.folder / "asked.json", request))
    return search


def start_search(source: str, part: Part, digits: Digits | None = None) -> Search:
    """Start a process that searches, unless one does already or the search is done."""
    search = search_for(source, part, digits)
    if search.is_done():
        search.write_status(SearchStatus("finished", share=1.0))
    elif not search.is_underway:
        launch(main, create_search(source, part, digits).folder)
    return search


def run_search(search: Search) -> Generator[SearchStatus, None, None]:
    """Search to the end, yielding the status a few times a second; the last one says how it ended.

    One search at a time uses a core; others wait. Stop iterating to interrupt it; a later start
    continues it.
    """
    return work_alone(search, lambda: _search(search))


def _search(search: Search) -> Generator[SearchStatus, None, None]:
    try:
        request = read_record(search.folder / "asked.json", SearchRequest)
    except (OSError, ValueError) as error:
        raise search.damaged(error) from error
    digits = load_judged(request.source, request.part)
    if search_for(request.source, request.part, digits) != search:
        raise RunError(f"{request.source} has changed since. Start the search again.")
    done, labels, answers = search.answers()
    if not done or not np.array_equal(labels, digits.labels):
        done, answers = 0, np.zeros((len(digits), 10), np.float32)
    began, share_before = time.monotonic(), done / NETWORKS
    train = load_teachers(digits, request.source, request.part)
    for number, task in enumerate(tasks_for(digits, train)):
        if number < done:
            continue
        trainer, next_status = _trainer(task, number), 0.0
        for _ in trainer.train():
            now = time.monotonic()
            if now < next_status:
                continue
            next_status = now + STATUS_SECONDS
            if search.stop_requested:
                yield search.set_status(state="stopped", seconds_left=None)
                return
            share = (number + trainer.step / trainer.total_steps) / NETWORKS
            done_now = share - share_before
            left = (now - began) * (1 - share) / done_now if done_now > 0.02 else None
            yield search.set_status(state="running", network=number + 1, share=share, seconds_left=left)
        answers[task.rows] += _answers(trainer, digits, task)
        if number + 1 == NETWORKS:
            answers /= answers.sum(axis=1, keepdims=True)
        search.save_answers(number + 1, digits.labels, answers)
    yield search.set_status(state="finished", share=1.0, seconds_left=None)


def _config(images: int, seed: int) -> TrainConfig:
    config = RECIPE.replace(epochs=EPOCHS, seed=seed)
    return config.replace(steps=max(LEAST_STEPS, config.total_steps(images)))


def _trainer(task: Task, seed: int) -> Trainer:
    return build_trainer(_config(len(task.train), seed), task.train, task.train[:0])


def _answers(trainer: Trainer, digits: Digits, task: Task) -> NDArray[np.float32]:
    return Classifier(trainer.weights_checkpoint()).predict_proba(digits.images[task.rows])


def main() -> int:
    """Search in the folder of the command line; -> exit status."""
    return worker_main(lambda folder, _: run_search(Search(folder)))


if __name__ == "__main__":
    sys.exit(main())
