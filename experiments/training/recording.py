"""Recording: the status, history and checkpoints that a worker writes as its run trains."""

from __future__ import annotations

import math
import os
import socket
import time
from dataclasses import dataclass, replace
from typing import Any

from dataset import Digits
from experiments.jobs.values import Seconds, as_type
from experiments.runs.history import Row, append_row, cut_rows, sync_rows
from experiments.runs.run import Run
from model import CheckpointError, EpochDone, Event, StepDone, Trainer
from model.reading import DamagedError

STATUS_SECONDS = 0.2  # between two writes of the status
CHECKPOINT_SECONDS = 2.5
CHECKPOINT_SHARE = 0.05  # of the time, at most, goes into checkpoints between epochs, however large the network


class StatusWriter:
    """The status of a run in its worker's memory, and on disk each time that it is set."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.now = replace(run.status(), host=socket.gethostname(), pid=os.getpid())
        self._later: dict[str, Any] = {}
        self._next = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it was last written long enough ago."""
        return time.monotonic() >= self._next

    def set_later(self, **changes: Any) -> None:
        """Change these fields when the status is next set. That is cheap enough for every step."""
        self._later |= changes

    def set(self, **changes: Any) -> None:
        """Change these fields and write the status; a new state is then on the disk."""
        before = self.now
        self.now = replace(self.now, **{**self._later, **changes, "updated": time.time()})
        self._later = {}
        self.run.write_status(self.now, durable=self.now.state != before.state)
        self._next = time.monotonic() + STATUS_SECONDS


class Clock:
    """The time spent training, and the images a second since the start and since the last lap."""

    def __init__(self, seconds: float = 0.0) -> None:
        self._before = seconds  # of earlier workers and before pauses
        self._began: float | None = None
        self._first = self._lap = (0.0, 0)

    @property
    def seconds(self) -> float:
        """In all, without pauses."""
        return self._before + (time.monotonic() - self._began if self._began is not None else 0.0)

    def start(self, images: int) -> None:
        """Training begins or continues after this number of images."""
        self._began = time.monotonic()
        self._first = self._lap = (self._before, images)

    def stop(self) -> None:
        """Training pauses."""
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


@dataclass(frozen=True)
class StoredAbout:
    """Facts in a checkpoint that a resumed run reads, besides the settings and the progress."""

    held_row: Row | None
    seconds: Seconds
    validation_accuracy: float | None


class Recorder:
    """Writes the status, the history and the checkpoints of one run while a trainer trains it.

    `about` is stored in its checkpoints with the weights.
    """

    def __init__(
        self, run: Run, status: StatusWriter, trainer: Trainer, validation: Digits, about: dict[str, Any]
    ) -> None:
        self.run, self.status, self.trainer, self.validation, self.about = run, status, trainer, validation, about
        self.clock = Clock()
        self._pending_row: Row | None = None  # of a step whose validation is not done yet
        self._rate_changed = False  # the first step with a new learning rate gets a row
        self._saved: tuple[int, int, float | None] | None = None  # content of the checkpoint on disk
        self._next_checkpoint = time.monotonic() + CHECKPOINT_SECONDS

    def load_checkpoint(self) -> None:
        """Continue from the last checkpoint.

        Raises CheckpointError where the digits are not those it has seen.
        """
        about = self.trainer.load(self.run.last)
        for part in ("data_fingerprint", "validation_fingerprint"):
            if about.get(part) != self.about[part]:
                raise CheckpointError(
                    f"The digits of {self.run.config.data} are not those this run was trained on so far: "
                    "put the old file back to resume it, or start a new run."
                )
        try:
            stored = as_type(about, StoredAbout)
        except DamagedError as error:
            raise CheckpointError(f"{self.run.last} is damaged ({error}); start a new run.") from error
        self._pending_row = stored.held_row
        self.clock = Clock(stored.seconds)
        self.about["validation_accuracy"] = stored.validation_accuracy

    def begin(self) -> None:
        """Bring the history and the status to where the trainer is."""
        trainer = self.trainer
        # A row whose validation is not done yet is not in the history, but in the checkpoint.
        cut_rows(self.run.folder, trainer.step - 1 if self._pending_row else trainer.step)
        self.status.set(
            images=trainer.images,
            validation_images=len(self.validation),
            parameters=self.run.config.parameter_count(),
            total_steps=trainer.total_steps,
            step=trainer.step,
            epoch=trainer.epoch,
            epochs=trainer.total_steps / trainer.steps_per_epoch,
            changes=tuple(change for change in self.status.now.changes if change[0] <= trainer.step),
        )

    def start_clock(self) -> None:
        """Measure the time from now on."""
        self.clock.start(self._images_shown())

    def record(self, event: Event) -> None:
        """Record an event of the trainer; write a checkpoint too where one is due."""
        if isinstance(event, StepDone):
            self._record_step(event)
            if time.monotonic() >= self._next_checkpoint:
                self._save_unless_worse(event.loss)
        elif isinstance(event, EpochDone):
            self._record_epoch(event)

    def report(self) -> None:
        """Write the status with the speed and the time that is left."""
        trainer, rate = self.trainer, self.clock.rate(self._images_shown())
        left = (trainer.total_steps - trainer.step) * trainer.images / trainer.steps_per_epoch
        seconds_left = left / rate if rate else None
        self.status.set(images_per_second=rate, seconds=self.clock.seconds, seconds_left=seconds_left)

    def set_learning_rate(self, rate: float | None) -> None:
        """Use this rate from the next step on; None: the schedule's.

        It is in a checkpoint before that step.
        """
        trainer = self.trainer
        if rate == trainer.learning_rate_override:
            return
        trainer.learning_rate_override = rate
        self._rate_changed = True
        self.run.log(
            f"learning rate {'back to the schedule' if rate is None else f'{rate:g}'} after step {trainer.step}"
        )
        self.status.set(changes=(*self.status.now.changes, (trainer.step, rate)))
        self.save_checkpoint()

    def save_checkpoint(self) -> None:
        """Write a checkpoint for an exact resume, unless the one on disk is the same."""
        trainer = self.trainer
        state = (trainer.step, trainer.progress.last_check, trainer.learning_rate_override)
        if state == self._saved:
            return
        began = time.monotonic()
        # The history first: after a power cut it has every row up to the step of the checkpoint.
        sync_rows(self.run.folder)
        trainer.save(
            self.run.last,
            **self.about,
            held_row=self._pending_row,
            seconds=self.clock.seconds,
        )
        self._saved = state
        now = time.monotonic()
        self._next_checkpoint = now + max(CHECKPOINT_SECONDS, (now - began) / CHECKPOINT_SHARE)

    def _save_unless_worse(self, loss: float) -> None:
        """Save unless the network is worse than at its start, as one that diverges."""
        if loss <= self.trainer.progress.start_loss:
            self.save_checkpoint()

    def _record_step(self, event: StepDone) -> None:
        loss, accuracy = event.loss, event.accuracy
        self.status.set_later(step=event.step, epoch=event.epoch, learning_rate=event.learning_rate)
        self.status.set_later(train_loss=loss, train_accuracy=accuracy)
        if event.report or self._rate_changed:
            self._rate_changed = False
            rate, seconds = self.clock.lap(self._images_shown())
            measured = event.step, event.epoch, event.learning_rate, loss, accuracy
            row = Row(*measured, None, None, event.gradient_norm, rate, seconds)
            if self.trainer.check_is_due():
                self._pending_row = row
            else:
                self._append_row(row)

    def _record_epoch(self, event: EpochDone) -> None:
        loss, accuracy = event.validation_loss, event.validation_accuracy
        assert self._pending_row is not None  # from the step before; the checkpoint holds it too
        self._append_row(self._pending_row._replace(validation_loss=loss, validation_accuracy=accuracy))
        self._pending_row = None
        self.status.set_later(
            validation_epoch=event.epoch, train_loss=event.train_loss, train_accuracy=event.train_accuracy
        )
        if not math.isnan(loss):
            self.status.set_later(validation_loss=loss, validation_accuracy=accuracy)
            self.about["validation_accuracy"] = accuracy
            if event.best:
                best = {"best_validation_loss": loss, "best_validation_accuracy": accuracy}
                self.status.set_later(best_epoch=event.epoch, **best)
        # The best weights first: killed in between, the run repeats this epoch and writes the same
        # ones.
        if event.best:
            self.trainer.save_weights(self.run.best, **self.about, step=event.step, epoch=event.epoch)
        self._save_unless_worse(event.train_loss)

    def _append_row(self, row: Row) -> None:
        append_row(self.run.folder, row)

    def _images_shown(self) -> int:
        """Training images shown so far. The last batch of an epoch may be smaller."""
        epochs, batches = divmod(self.trainer.step, self.trainer.steps_per_epoch)
        return epochs * self.trainer.images + batches * (self.run.config.batch_size or self.trainer.images)
