"""Worker: trains one run and follows requests; it can be killed at any moment without loss."""

from __future__ import annotations

import contextlib
import os
import sys
import time
import traceback
from collections.abc import Generator, Iterator
from dataclasses import replace

from filelock import Timeout
from msgspec import UNSET
from threadpoolctl import threadpool_limits

from dataset.files import Stamp, stamp
from experiments import fine_tuning
from experiments.formats import duration
from experiments.jobs.launch import Shutdown, ShutdownRequested, worker_limit, worker_main
from experiments.jobs.queue import begin, queue_of, queue_version
from experiments.jobs.record import remove_temporary_files, sentence_of
from experiments.runs.run import Requests, Run, RunError, RunState, Status, open_run
from experiments.training.data import load_copied_data
from experiments.training.recording import Recorder, StatusWriter
from model import Diverged, EpochDone, build_trainer, load_checkpoint

POLL_SECONDS = 0.05  # between two checks of the requests, while nothing trains
QUEUE_SECONDS = 0.25  # between two checks of the queue

INTERRUPTED = "Its process was asked to end; resume it to continue from its checkpoint."
DELETED = "Its folder was deleted."
WRITTEN = ("status.json", "history.csv", "last.npz", "best.npz", "log.txt")  # by a worker, at any moment


class Ended(Exception):
    """The run is over for now, in this state and for this reason."""

    def __init__(self, state: RunState, reason: str = "") -> None:
        self.state, self.reason = state, reason


def train_run(run: Run, shutdown: Shutdown | None = None) -> Generator[Status, None, None]:
    """Wait for a turn and train to the end, yielding the status a few times a second.

    The last status says how the run ended.

    Raises RunError if another worker has the run. To leave the run, stop iterating: it is
    interrupted at a checkpoint.
    """
    shutdown = shutdown or Shutdown()
    with run.hold(), shutdown.noticed():
        remove_temporary_files(run.folder)
        if run.stored().state == "finished":  # another worker was faster: nothing is left to do
            yield run.stored()
            return
        yield from Worker(run, shutdown).work()


class Worker:
    """Works on one run: waits for its turn, trains it, and says in its status how that ended."""

    def __init__(self, run: Run, shutdown: Shutdown) -> None:
        self.run, self.shutdown = run, shutdown
        self.status = StatusWriter(run)
        self.requests = Requests()  # as last polled
        self._requests_file = run.folder / "control.json"
        self._requests_stamp: Stamp = None
        self.recorder: Recorder | None = None  # once the run trains
        self.is_fine_tuning = self.status.now.group == fine_tuning.GROUP

    def work(self) -> Iterator[Status]:
        """Work until the run ends; its status then says how."""
        try:
            yield from self.wait_for_turn()
            with self.shutdown.immediate():
                recorder = self.recorder = self.prepare()
            yield from self.train(recorder)
            ended = self.finish(recorder)
        except Ended as end:
            ended = end
        except ShutdownRequested:
            ended = Ended("interrupted", INTERRUPTED)
        except Diverged as error:
            ended = Ended("diverged", str(error))
        except GeneratorExit:  # the caller stopped iterating
            if self.recorder and not self.run.is_gone:
                self.recorder.save_checkpoint()
            self.set_ended(Ended("interrupted", INTERRUPTED))
            raise
        except KeyboardInterrupt:  # in the middle of a step: only the last checkpoint is whole
            self.set_ended(Ended("interrupted", INTERRUPTED))
            raise
        except Exception as error:
            self.run.log(traceback.format_exc())
            ended = Ended("failed", sentence_of(error))
        self.set_ended(ended)
        yield self.status.now

    def set_ended(self, ended: Ended) -> None:
        """Write the last status. Of a run whose folder was deleted, nothing is written again."""
        if self.run.is_gone:
            self.status.now = replace(self.status.now, state="stopped", reason=DELETED, place=None)
            remove_remains(self.run)
            return
        seconds = self.recorder.clock.seconds if self.recorder else self.status.now.seconds
        self.status.set(state=ended.state, reason=ended.reason, place=None, seconds_left=None, seconds=seconds)
        self.run.log(f"{ended.state} at step {self.status.now.step}. {ended.reason}".rstrip())

    def poll_requests(self) -> bool:
        """Read the requests; -> whether they have changed. Cheap enough for every step."""
        latest = stamp(self._requests_file)
        if latest is None or latest == self._requests_stamp:
            return False
        self._requests_stamp, before = latest, self.requests
        try:
            self.requests = self.run.requests()
        except RunError as error:  # edited by hand, perhaps not saved whole yet
            self.run.log(str(error))
        return self.requests != before

    def wait_for_turn(self) -> Iterator[Status]:
        """Wait until nobody asks for a pause and it is this run's turn.

        Raises Ended or ShutdownRequested.
        """
        next_look, queued = 0.0, False
        while True:
            if self.shutdown.requested:
                raise ShutdownRequested
            self.poll_requests()
            if self.requests.action == "stop":
                raise Ended("stopped", "Stopped while it waited.")
            if self.requests.action == "pause":
                if self.status.now.state != "paused":
                    self.status.set(state="paused", place=None, seconds_left=None)
                    self.run.log("paused")
                    yield self.status.now
                next_look, queued = 0.0, False
            elif time.monotonic() >= next_look:
                place = self.take_turn(join_queue=not queued)
                if place is None:
                    return
                next_look, queued = time.monotonic() + QUEUE_SECONDS, True
                if place != self.status.now.place:
                    self.status.set(place=place)
                    yield self.status.now
            time.sleep(POLL_SECONDS)

    def take_turn(self, *, join_queue: bool) -> int | None:
        """Begin to run if that is allowed now, else return the place in the queue."""
        status, folder = self.status, self.run.folder.parent
        if join_queue:
            since = time.time() if status.now.state == "paused" else status.now.queued
            status.set(state="queued", reason="", queued=since, turn=queue_of(self.run).turn)
        version = queue_version(folder)
        queue = queue_of(self.run)
        if queue.turns[self.run.id] != status.now.turn:
            status.set(turn=queue.turns[self.run.id])
        place = queue.waiting.index(self.run.id) + 1
        if place > worker_limit() - queue.running:
            return place

        def set_running() -> None:
            status.set(state="running", place=None, started=status.now.started or time.time())

        try:
            return None if begin(folder, version, set_running) else place
        except Timeout:  # the process that holds the lock was halted: look again
            return place

    def prepare(self) -> Recorder:
        """Load the data and build the trainer, at the last checkpoint or at the start."""
        run = self.run
        train, validation, copies = load_copied_data(run)
        config = run.config  # which by now names the version of the drawings
        start = load_checkpoint(run.start) if config.start_from else None
        about = {
            "run": run.id,
            "name": self.status.now.name,
            "data": config.data,
            "data_fingerprint": train.fingerprint,
            "validation_fingerprint": validation.fingerprint,
            "classes": list(train.classes),
            "validation_accuracy": None,  # nothing validated yet
        }
        if self.is_fine_tuning and start is not None and "rejects_above" in start.about:
            # Fine-tuning is so short that the limit still holds from which on an image is no digit.
            about["rejects_above"] = start.about["rejects_above"]
        trainer = build_trainer(config, train, validation, start=start, copies=copies)
        recorder = Recorder(run, self.status, trainer, validation, about)
        if run.last.exists():
            recorder.load_checkpoint()
        recorder.begin()
        if self.requests.learning_rate is not UNSET:
            recorder.set_learning_rate(self.requests.learning_rate)
        if not run.last.exists():
            recorder.save_checkpoint()
        return recorder

    def train(self, recorder: Recorder) -> Iterator[Status]:
        """The loop: record each event of the trainer, and apply what is requested."""
        trainer = recorder.trainer
        if trainer.finished:
            return
        self.run.log(f"training from step {trainer.step} of {trainer.total_steps}, process {os.getpid()}")
        yield self.status.now
        with threadpool_limits(self.run.config.threads):
            recorder.start_clock()
            before = recorder.clock.seconds
            try:
                for event in trainer.train():
                    recorder.record(event)
                    if self.shutdown.requested:
                        raise ShutdownRequested
                    if self.poll_requests():
                        yield from self.apply_requests(recorder)
                    if self.status.is_due or isinstance(event, EpochDone):
                        self.check_time(recorder.clock.seconds - before)
                        recorder.report()
                        yield self.status.now
            except (ShutdownRequested, Ended):
                recorder.save_checkpoint()
                raise

    def check_time(self, seconds: float) -> None:
        """Raises Ended where a visitor's run has trained longer than it may since its start."""
        most = self.status.now.most_seconds
        if most and seconds > most:
            reason = f"A training of a visitor ends after {duration(most)} here."
            raise Ended("stopped", f"{reason} The model is saved, and the run can be resumed.")

    def apply_requests(self, recorder: Recorder) -> Iterator[Status]:
        """Stop, pause or use another learning rate, as requested."""
        if self.requests.action == "stop":
            raise Ended("stopped", "Stopped by hand; the model is saved, and the run can be resumed.")
        if self.requests.action == "pause":
            recorder.clock.stop()
            recorder.save_checkpoint()
            recorder.report()
            yield from self.wait_for_turn()
            self.run.log("resumed")
            recorder.start_clock()
        if self.requests.learning_rate is not UNSET:
            recorder.set_learning_rate(self.requests.learning_rate)

    def finish(self, recorder: Recorder) -> Ended:
        """Save the end of the training; -> how the run ended by itself."""
        trainer = recorder.trainer
        recorder.save_checkpoint()
        if self.is_fine_tuning:
            right = round(recorder.about["validation_accuracy"] * len(recorder.validation))
            result = fine_tuning.compare_models(self.run, recorder.validation, right)
            self.status.set(best_validation_accuracy=result.old.shares[1])
            self.run.last.unlink()  # two thirds of the folder, which only a resume would need
        if trainer.stopped_early:
            reason = f"no better validation loss after epoch {trainer.best_epoch:g}, whose weights it has."
            return Ended("finished", f"Stopped early: {reason}")
        return Ended("finished")


def remove_remains(run: Run) -> None:
    """Remove the files that were written while somebody deleted the folder of a run.

    A folder that still has its settings was not deleted whole: nothing is removed.
    """
    with contextlib.suppress(OSError):
        if not (run.folder / "config.json").exists():
            for name in WRITTEN:
                (run.folder / name).unlink(missing_ok=True)
            run.folder.rmdir()


def main() -> int:
    """Train the run in the folder of the command line; -> exit status."""
    return worker_main(lambda folder, shutdown: train_run(open_run(folder), shutdown))


if __name__ == "__main__":
    sys.exit(main())
