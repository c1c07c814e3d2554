"""Worker: trains one run, listens to people meanwhile, and can be killed at any moment without loss."""

from __future__ import annotations

import math
import os
import socket
import sys
import time
import traceback
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from threadpoolctl import threadpool_limits

from dataset import Digits
from dataset.files import Stamp, stamp
from experiments import fine_tuning as finetune
from experiments.jobs.launch import worker_limit
from experiments.jobs.shutdown import Departure, Leave, attend
from experiments.runs.run import Run, RunError, Status, Wishes, open_run, queue_of
from experiments.training.data import load_data
from model import CheckpointError, Diverged, EpochDone, Event, StepDone, Trainer, build_trainer, load_checkpoint
from model.errors import DigitLabError

STATUS_SECONDS = 0.2  # between two words on where the run is
CHECKPOINT_SECONDS = 2.5
CHECKPOINT_SHARE = 0.05  # of the time, at most, goes into checkpoints between epochs, however large the network
LOOK_SECONDS = 0.05  # between two looks at what is asked, while nothing trains
HOLD_SECONDS = 2.0  # those who look whether a run is alive touch its lock for a moment
QUEUE_SECONDS = 0.25  # between two looks at the queue

LEFT = "Its process was asked to leave; resume it to go on from its checkpoint."

Row = list[float | None]


class Ended(Exception):
    """The run is over for now, in this state and for this reason."""

    def __init__(self, state: str, reason: str = "") -> None:
        self.state, self.reason = state, reason


def train_run(run: Run, departure: Departure | None = None) -> Generator[Status, None, None]:
    """Wait for a turn and train to the end, yielding the status a few times a second; the last one says how it ended.

    Raises RunError if another worker has the run. To leave the run, stop iterating: it is interrupted at a checkpoint.
    """
    departure = departure or Departure()
    try:
        hold = run.hold().acquire(timeout=HOLD_SECONDS)
    except Timeout:
        raise RunError(f"The run {run.id} is being trained by another process already.") from None
    with hold, departure.noticed():
        yield from Work(run, departure).all()


class Work:
    """One worker's work on one run."""

    def __init__(self, run: Run, departure: Departure) -> None:
        self.run, self.departure = run, departure
        self.status = replace(run.status(), host=socket.gethostname(), pid=os.getpid())
        self.lesson = self.status.group == finetune.GROUP
        self.trainer: Trainer | None = None
        self.validation: Digits | None = None
        self.about: dict[str, Any] = {}
        self.wishes = Wishes()
        self.control_file = run.folder / "control.json"
        self.control: Stamp = None
        self.latest: StepDone | None = None
        self.held: Row | None = None  # the row of a step whose validation is not done yet
        self.rows = 0
        self.marked = False  # the next step is the first with a new rate: it gets a row
        self.clock = Clock()
        self.saved: tuple[int, int, float | None] | None = None  # what the checkpoint on disk holds
        self.next_status = self.next_save = 0.0

    def all(self) -> Iterator[Status]:
        """The whole of it; whatever happens, the status says so."""
        try:
            yield from self.wait()
            with self.departure.at_once():
                self.prepare()
            yield from self.train()
            ended = self.conclusion()
        except Ended as end:
            ended = end
        except Leave:
            ended = Ended("interrupted", LEFT)
        except Diverged as error:
            ended = Ended("diverged", str(error))
        except GeneratorExit:
            self.save()
            self.end(Ended("interrupted", LEFT))
            raise
        except KeyboardInterrupt:  # in the midst of a step: what the last checkpoint holds is whole
            self.end(Ended("interrupted", LEFT))
            raise
        except Exception as error:
            self.run.log(traceback.format_exc())
            ended = Ended("failed", sentence(error))
        self.end(ended)
        yield self.status

    def end(self, ended: Ended) -> None:
        seconds = self.clock.seconds if self.trainer else self.status.seconds
        self.write(state=ended.state, reason=ended.reason, place=None, seconds_left=None, seconds=seconds)
        self.run.log(f"{ended.state} at step {self.status.step}. {ended.reason}".rstrip())

    # Waiting.

    def wait(self) -> Iterator[Status]:
        """Until nobody wants a pause and it is this run's turn. Raises Ended or Leave."""
        look = 0.0
        queued = False
        while True:
            if self.departure.asked:
                raise Leave
            self.look()
            if self.wishes.action == "stop":
                raise Ended("stopped", "Stopped while it waited.")
            now = time.monotonic()
            if self.wishes.action == "pause":
                if self.status.state != "paused":
                    self.write(state="paused", place=None, seconds_left=None)
                    self.run.log("paused")
                    yield self.status
                queued, look = False, 0.0
            elif now >= look:
                place = self.take_turn(again=not queued)
                if place is None:
                    return
                queued, look = True, now + QUEUE_SECONDS
                if place != self.status.place:
                    self.write(place=place)
                    yield self.status
            time.sleep(LOOK_SECONDS)

    def take_turn(self, *, again: bool) -> int | None:
        """Take a place at work if one is free for this run, else its place in the queue. One worker looks at a time."""
        with FileLock(self.run.folder.parent / "queue.lock"):
            if again:
                since = time.time() if self.status.state == "paused" else self.status.queued
                self.write(state="queued", reason="", queued=since)
            others = queue_of(self.run)
            waiting = [other.id for other, status in others if status.state == "queued"]
            place = waiting.index(self.run.id) + 1
            if place > worker_limit() - (len(others) - len(waiting)):
                return place
            self.write(state="running", place=None, started=self.status.started or time.time())
            return None

    # Training.

    def prepare(self) -> None:
        """Load the data and build the trainer, where the last checkpoint says or at the start."""
        run = self.run
        train, validation = load_data(run)
        config = run.config  # which by now names the version of the drawings
        self.validation = validation
        start = load_checkpoint(run.start) if config.start_from else None
        self.trainer = trainer = build_trainer(config, train, validation, start=start)
        self.about = {
            "run": run.id,
            "name": self.status.name,
            "data": config.data,
            "data_fingerprint": train.fingerprint,
            "validation_fingerprint": validation.fingerprint,
            "classes": list(train.classes),
            "validation_accuracy": None,  # nothing validated yet
        }
        if self.lesson and start is not None:  # a lesson is so short that what was no digit before is none after it
            self.about |= {"rejects_above": start.about["rejects_above"]} if "rejects_above" in start.about else {}
        seconds = 0.0
        if run.last.exists():
            about = trainer.load(run.last)
            for part in ("data_fingerprint", "validation_fingerprint"):
                if about.get(part) != self.about[part]:
                    raise CheckpointError(
                        f"The digits of {config.data} are not those this run was trained on so far: "
                        "put the old file back to resume it, or start a new run."
                    )
            self.rows, self.held, seconds = about["history_rows"], about["held_row"], about["seconds"]
            self.about["validation_accuracy"] = about["validation_accuracy"]
        run.cut_history(self.rows)
        self.clock = Clock(seconds)
        self.next_save = time.monotonic() + CHECKPOINT_SECONDS
        self.write(
            images=trainer.images,
            validation_images=len(validation),
            parameters=config.parameter_count(),
            total_steps=trainer.total_steps,
            step=trainer.step,
            epoch=trainer.epoch,
            epochs=trainer.total_steps / trainer.steps_per_epoch,
            changes=tuple(change for change in self.status.changes if change[0] <= trainer.step),
        )
        self.hear_rate()
        if not run.last.exists():
            self.save()

    def train(self) -> Iterator[Status]:
        """The loop: after every event, look whether somebody asks for something."""
        trainer = self.trainer
        assert trainer is not None
        if trainer.finished:
            return
        self.run.log(f"training from step {trainer.step} of {trainer.total_steps}, process {os.getpid()}")
        yield self.status
        with threadpool_limits(self.run.config.threads):
            self.clock.start(self.images_seen())
            try:
                for event in trainer.train():
                    self.record(event)
                    if self.departure.asked:
                        raise Leave
                    if self.look():
                        yield from self.heed()
                    now = time.monotonic()
                    if now >= self.next_save and isinstance(event, StepDone):
                        self.save(good=event.loss <= trainer.progress.start_loss)
                    if now >= self.next_status or isinstance(event, EpochDone):
                        self.report()
                        yield self.status
            except (Leave, Ended):
                self.save()
                raise

    def record(self, event: Event) -> None:
        """Put what happened into the history, and the best weights into their file."""
        trainer = self.trainer
        assert trainer is not None
        if isinstance(event, StepDone):
            self.latest = event
            if event.report or self.marked:
                self.marked = False
                rate, seconds = self.clock.lap(self.images_seen())
                row: Row = [event.step, event.epoch, event.learning_rate, event.loss, event.accuracy]
                row += [None, None, event.gradient_norm, rate, seconds]
                if trainer.check_is_due():
                    self.held = row
                else:
                    self.append(row)
        elif isinstance(event, EpochDone):
            self.take_in_latest()
            assert self.held is not None  # kept in the checkpoint too
            self.append([*self.held[:5], event.validation_loss, event.validation_accuracy, *self.held[7:]])
            self.held = None
            self.status = replace(
                self.status,
                validation_epoch=event.epoch,
                train_loss=event.train_loss,
                train_accuracy=event.train_accuracy,
            )
            if not math.isnan(event.validation_loss):
                self.status = replace(
                    self.status,
                    validation_loss=event.validation_loss,
                    validation_accuracy=event.validation_accuracy,
                )
                if event.best:
                    self.status = replace(
                        self.status,
                        best_epoch=event.epoch,
                        best_validation_loss=event.validation_loss,
                        best_validation_accuracy=event.validation_accuracy,
                    )
                self.about["validation_accuracy"] = event.validation_accuracy
            # The best weights first: killed in between, the run repeats this epoch and writes the same ones.
            if event.best:
                trainer.save_weights(self.run.best, **self.about, step=event.step, epoch=event.epoch)
            self.save(good=event.train_loss <= trainer.progress.start_loss)

    def take_in_latest(self) -> None:
        """Bring the status up to the latest step: when it is looked at, not at every step."""
        if self.latest is not None:
            self.status = replace(
                self.status,
                step=self.latest.step,
                epoch=self.latest.epoch,
                learning_rate=self.latest.learning_rate,
                train_loss=self.latest.loss,
                train_accuracy=self.latest.accuracy,
            )
            self.latest = None

    def append(self, row: Row) -> None:
        self.run.append_history(row)
        self.rows += 1

    def save(self, *, good: bool = True) -> None:
        """A checkpoint for an exact resume; of a network that is worse than at its start only if it ends there."""
        trainer = self.trainer
        if trainer is None or not good:
            return
        state = (trainer.step, trainer.progress.last_check, trainer.learning_rate_override)
        if state == self.saved:
            return
        began = time.monotonic()
        trainer.save(
            self.run.last,
            **self.about,
            history_rows=self.rows,
            held_row=self.held,
            seconds=self.clock.seconds,
        )
        self.saved = state
        now = time.monotonic()
        self.next_save = now + max(CHECKPOINT_SECONDS, (now - began) / CHECKPOINT_SHARE)

    # Listening.

    def look(self) -> bool:
        """Whether something else is asked than at the last look; cheap enough for every step."""
        seen = stamp(self.control_file)
        if seen is None or seen == self.control:
            return False
        self.control = seen
        before = self.wishes
        try:
            self.wishes = self.run.wishes()
        except RunError as error:  # written by hand, perhaps not to its end yet
            self.run.log(str(error))
        return self.wishes != before

    def heed(self) -> Iterator[Status]:
        """Do what is asked: a new rate, a pause, an end."""
        if self.wishes.action == "stop":
            raise Ended("stopped", "Stopped by hand; the model is kept, and the run can be resumed.")
        if self.wishes.action == "pause":
            self.clock.stop()
            self.save()
            self.report()
            yield from self.wait()
            self.run.log("going on")
            self.clock.start(self.images_seen())
        self.hear_rate()

    def hear_rate(self) -> None:
        """Use the learning rate asked for from the next step on, in a checkpoint before it, so a crash keeps it."""
        trainer, rate = self.trainer, self.wishes.learning_rate
        assert trainer is not None
        if not self.wishes.rate_asked or rate == trainer.learning_rate_override:
            return
        trainer.learning_rate_override = rate
        self.marked = True
        self.run.log(
            f"learning rate {'back to the schedule' if rate is None else f'{rate:g}'} after step {trainer.step}"
        )
        self.write(changes=(*self.status.changes, (trainer.step, rate)))
        self.save()

    # Telling.

    def images_seen(self) -> int:
        """Training images shown so far, the short last batch of each epoch counted as what it is."""
        trainer = self.trainer
        assert trainer is not None
        epochs, batches = divmod(trainer.step, trainer.steps_per_epoch)
        return epochs * trainer.images + batches * (self.run.config.batch_size or trainer.images)

    def report(self) -> None:
        """Write where the run is."""
        trainer = self.trainer
        assert trainer is not None
        rate = self.clock.rate(self.images_seen())
        left = (trainer.total_steps - trainer.step) * trainer.images / trainer.steps_per_epoch
        self.write(
            images_per_second=rate,
            seconds=self.clock.seconds,
            seconds_left=left / rate if rate else None,
        )

    def write(self, **changes: Any) -> None:
        self.take_in_latest()
        self.status = replace(self.status, updated=time.time(), **changes)
        self.run.write_status(self.status)
        self.next_status = time.monotonic() + STATUS_SECONDS

    def conclusion(self) -> Ended:
        """How the run ended by itself."""
        trainer = self.trainer
        assert trainer is not None
        self.save()
        if self.lesson:
            assert self.validation is not None
            right = round(self.about["validation_accuracy"] * len(self.validation))
            lesson = finetune.examine(self.run, self.validation, right)
            self.status = replace(self.status, best_validation_accuracy=lesson.old.shares[1])
            self.run.last.unlink()  # two thirds of the folder, which only a resume would need
        if trainer.stopped_early:
            return Ended(
                "finished",
                f"Stopped early: no better validation loss after epoch {trainer.best_epoch:g}, whose weights it has.",
            )
        return Ended("finished")


class Clock:
    """The time that went into training, and the images a second, since the start and since the last lap."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds  # of earlier workers and before pauses
        self._began: float | None = None
        self._first = self._lap = (0.0, 0)

    @property
    def seconds(self) -> float:
        return self._before + (time.monotonic() - self._began if self._began is not None else 0.0)

    def start(self, images: int) -> None:
        self._began = time.monotonic()
        self._first = self._lap = (self._before, images)

    def stop(self) -> None:
        self._before, self._began = self.seconds, None

    def rate(self, images: int) -> float | None:
        """Images a second since the start."""
        seconds = self.seconds - self._first[0]
        return (images - self._first[1]) / seconds if seconds > 0 and images > self._first[1] else None

    def lap(self, images: int) -> tuple[float | None, float]:
        """Images a second since the last lap, and the seconds in all."""
        (then, before), now = self._lap, self.seconds
        self._lap = (now, images)
        return ((images - before) / (now - then) if now > then else None), now


def sentence(error: Exception) -> str:
    """One sentence for people; the traceback is in the log."""
    if isinstance(error, DigitLabError):
        return str(error)
    if isinstance(error, MemoryError):
        return "There is not enough memory for this network and batch size; make one of them smaller."
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'a file of the run'}. See log.txt in its folder."
    return f"{type(error).__name__}: {error} See log.txt in its folder."


def main() -> int:
    def work(folder: Path, departure: Departure) -> None:
        run = open_run(folder)
        try:
            for _ in train_run(run, departure):
                pass
        except RunError as error:  # two people resumed it at once
            run.log(str(error))
            raise

    return attend("experiments.training.worker", __doc__, work)


if __name__ == "__main__":
    sys.exit(main())
