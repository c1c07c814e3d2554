"""Robustness: how many digits a classifier still reads when they are disturbed.

Measuring it at every strength is a job, named after the model and the digits:

    job = start_robustness(classifier, sample(digits))   # a process, unless one measures already
    job.status()        # RobustnessStatus: state, done of points, share, seconds_left, reason
    job.curves()        # {"shift": {0: 987, 1: 980, ...}, ...}: the counts so far
    job.request_stop()  # the counts stay, and a later start measures the rest

`open_robustness` gives the same job without starting it; `exists` is False before the first start.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dataset import Digits
from dataset.files import atomic_write, read_digits
from experiments.disturbances import DISTURBANCES, disturb
from experiments.jobs.launch import launch, worker_main
from experiments.jobs.queue import queue_up, work_alone
from experiments.jobs.record import Job, JobStatus, read_record, write_record
from experiments.runs.run import RunError, runs_folder
from model import BlankDrawing, Classifier, center_ink, load_classifier, save_checkpoint
from model.arrays import Bytes

SAMPLE = 1_000  # digits: enough for an interval of at most 2 points each way
PART = 256  # digits read between two checks whether to stop
NOTHING = -1
UNDISTURBED = "undisturbed"  # the key of the count at the strength that changes nothing, for all disturbances
METHOD = 1  # a part of a job's id: another method has other counts

Counts = dict[str, int]
"""How many digits are read correctly, by disturbance and strength: "shift 3"."""


@dataclass(frozen=True, eq=False)
class Reading:
    """The images (n, 28, 28) that a classifier got, and its probabilities (n, classes).

    Where preparation finds no ink there is no answer: all probabilities are 0, and the prediction
    is NOTHING.
    """

    images: Bytes
    probabilities: NDArray[np.float32]

    @property
    def predictions(self) -> NDArray[np.int64]:
        """The most probable class of each image, or NOTHING, (n,)."""
        return np.where(self.probabilities.any(axis=1), self.probabilities.argmax(axis=1), NOTHING)


def sample(digits: Digits) -> Digits:
    """At most SAMPLE of the digits, the same each time.

    They are evenly spread, because a file may be sorted, or harder at its end.
    """
    return digits if len(digits) <= SAMPLE else digits[np.arange(SAMPLE) * len(digits) // SAMPLE]


def read(classifier: Classifier, images: Bytes, *, prepare: bool = False) -> Reading:
    """The answers of a classifier; `prepare` first applies center_ink, as to a drawing."""
    if not prepare:
        return Reading(images, classifier.predict_proba(images))
    prepared = np.zeros_like(images)
    blank = np.zeros(len(images), bool)
    for row, image in enumerate(images):
        try:
            prepared[row] = center_ink(image)
        except BlankDrawing:
            blank[row] = True
    probabilities = classifier.predict_proba(prepared)
    probabilities[blank] = 0
    return Reading(prepared, probabilities)


def measure(
    classifier: Classifier, digits: Digits, counts: Counts | None = None, *, prepare: bool = False
) -> Iterator[Counts]:
    """Count at every strength that `counts` does not hold yet; the last counts are complete.

    Yields the counts so far, also a few times between two of them, so that a caller can stop soon.
    """
    counts = dict(counts or {})
    for key, (name, strength) in points().items():
        if key in counts:
            continue
        images, correct = disturb(digits.images, name, strength), 0
        for start in range(0, len(digits), PART):
            part = slice(start, start + PART)
            reading = read(classifier, images[part], prepare=prepare)
            correct += int((reading.predictions == digits.labels[part]).sum())
            yield dict(counts)
        counts[key] = correct
    yield counts


def points() -> dict[str, tuple[str, float]]:
    """All disturbances with their strengths, by the keys of `Counts`."""
    return {key_of(name, strength): (name, strength) for name, d in DISTURBANCES.items() for strength in d.strengths}


def key_of(name: str, strength: float) -> str:
    """The key of a disturbance and strength in `Counts`."""
    return UNDISTURBED if strength == DISTURBANCES[name].none else f"{name} {strength:g}"


def curves_of(counts: Counts) -> dict[str, dict[float, int]]:
    """The counts by disturbance and then by strength, those that there are."""
    return {
        name: {strength: counts[key] for strength in d.strengths if (key := key_of(name, strength)) in counts}
        for name, d in DISTURBANCES.items()
    }


@dataclass(frozen=True)
class RobustnessStatus(JobStatus):
    """How far a measurement is."""

    done: int = 0  # counts
    points: int = 0  # counts that there will be

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.done / self.points if self.points else 0.0


class Robustness(Job[RobustnessStatus]):
    """One measurement: a job folder with its counts, and until its end the model and digits."""

    status_type = RobustnessStatus
    noun = "robustness measurement"
    error = RunError

    @property
    def is_done(self) -> bool:
        """Whether all points are counted."""
        return self.counts().keys() >= points().keys()

    def counts(self) -> Counts:
        """All counts so far; a file that cannot be read holds none."""
        try:
            return read_record(self.folder / "counts.json", Counts)
        except (OSError, ValueError):
            return {}

    def curves(self) -> dict[str, dict[float, int]]:
        """All counts so far, by disturbance and then by strength."""
        return curves_of(self.counts())


def open_robustness(classifier: Classifier, digits: Digits, *, prepare: bool = False) -> Robustness:
    """The measurement of this model on these digits, begun or not."""
    # The settings belong to the name: the same weights answer otherwise behind another activation.
    settings = hashlib.sha256(json.dumps(classifier.config.to_dict()).encode()).hexdigest()[:8]
    name = f"{classifier.fingerprint}-{settings}-{digits.fingerprint}{'-prepared' if prepare else ''}-{METHOD}"
    return Robustness(runs_folder() / ".robustness" / name)


def start_robustness(classifier: Classifier, digits: Digits, *, prepare: bool = False) -> Robustness:
    """Start a process that measures, unless one does already or all is counted.

    Raises RunError where nothing can be written.
    """
    job = open_robustness(classifier, digits, prepare=prepare)
    if not job.is_underway:
        create_robustness(classifier, digits, prepare=prepare)
        if not job.is_done:
            launch(main, job.folder)
    return job


def create_robustness(classifier: Classifier, digits: Digits, *, prepare: bool = False) -> Robustness:
    """The measurement, queued for a process to begin or continue; finished where all is counted."""
    job = open_robustness(classifier, digits, prepare=prepare)
    status = RobustnessStatus(done=len(job.counts()), points=len(points()))

    def write_request() -> None:
        save_checkpoint(job.folder / "model.npz", classifier.checkpoint)
        with atomic_write(job.folder / "digits.npz") as file:
            np.savez(file, images=digits.images, labels=digits.labels)
        write_record(job.folder / "request.json", {"prepare": prepare})

    if job.is_done:
        job.write_status(replace(status, state="finished"))
    else:
        queue_up(job, status, write_request)
    return job


def run_robustness(job: Robustness) -> Generator[RobustnessStatus, None, None]:
    """Measure to the end, yielding the status after each count; the last one says how it ended.

    One measurement at a time uses a core; others wait. Stop iterating to interrupt it.
    """
    return work_alone(job, lambda: _work(job))


def _work(job: Robustness) -> Generator[RobustnessStatus, None, None]:
    classifier = load_classifier(job.folder / "model.npz")
    digits = Digits(*read_digits(job.folder / "digits.npz"))
    prepare = read_record(job.folder / "request.json", dict[str, bool])["prepare"]
    before, began = job.counts(), time.monotonic()
    done = len(before)
    for counts in measure(classifier, digits, before, prepare=prepare):
        if len(counts) > done:
            done = len(counts)
            write_record(job.folder / "counts.json", counts)
            left = (time.monotonic() - began) / (done - len(before)) * (len(points()) - done)
            yield job.set_status(state="running", done=done, seconds_left=left)
        if job.stop_requested:
            yield job.set_status(state="stopped", seconds_left=None)
            return
    for name in ("model.npz", "digits.npz"):
        (job.folder / name).unlink(missing_ok=True)
    yield job.set_status(state="finished", seconds_left=None)


def main() -> int:
    """Measure in the folder of the command line; -> exit status."""
    return worker_main(lambda folder, _: run_robustness(Robustness(folder)))


if __name__ == "__main__":
    sys.exit(main())
