"""Driver: the process that works on a sweep.

It asks the study for trials, has them trained and records the results.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import socket
import time
import traceback
import uuid
from collections.abc import Generator, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from filelock import FileLock, Timeout
from optuna.exceptions import StorageInternalError

from experiments.jobs.launch import Shutdown, worker_limit
from experiments.jobs.queue import jobs_of
from experiments.jobs.record import sentence_of
from experiments.runs.history import ValidationReader
from experiments.runs.run import Run, create_run, open_run, runs_folder
from experiments.sweeps.space import SweepError
from experiments.sweeps.spec import slug
from experiments.sweeps.status import SweepStatus
from experiments.sweeps.study import OpenTrial, Study, open_storage
from experiments.sweeps.sweep import STOPPED, TIME_IS_UP, Sweep
from experiments.sweeps.trainer import Trainer, Training
from experiments.sweeps.trials import Trial
from experiments.sweeps.watch import watch_driver
from model import ConfigError
from model.errors import DigitLabError

PRUNE_SECONDS = 0.1  # between two checks of trials that may be pruned
WAIT_SECONDS = 0.25  # between two checks of everything else
STATUS_SECONDS = 0.5  # between two statuses
PUBLISH_SHARE = 0.2  # of the time, at most, goes into publishing the trials
HEARTBEAT_SECONDS = 2.0  # a killed driver loses at most this much recorded time
ADOPT_SECONDS = 2.0  # between two checks for trials whose driver is gone
LEFT = "Its process was asked to end; resume it to continue where it was."
DELETED = "Its folder was deleted."
FAILURES = 3  # if all of the first trials fail, and they are this many, the sweep ends


def run_sweep(
    sweep: Sweep, executor: Executor | None = None, *, workers: int = 0
) -> Generator[SweepStatus, None, None]:
    """Drive the sweep in this process, yielding its status; the last one tells how it ended.

    Its runs train in processes of this machine, or on the executor of a cluster; `workers` at once
    (0: as the sweep says). Stop iterating to leave the sweep.
    """
    sweep.withdraw_stop()
    return Driver(sweep, executor, workers=workers).drive()


class Driver:
    """One process that drives a sweep. Several, on several machines, may share its folder."""

    def __init__(
        self,
        sweep: Sweep,
        executor: Executor | None = None,
        *,
        shutdown: Shutdown | None = None,
        workers: int = 0,
        has_process: bool = False,
    ) -> None:
        """`has_process`: this process does nothing else, so it may end if the database hangs."""
        self.sweep, self.spec = sweep, sweep.spec
        self.shutdown = shutdown or Shutdown()
        token = sweep.folder / "drivers" / f"{slug(socket.gethostname())}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.token, self.token_lock = token, FileLock(token)
        self.trainer = Trainer(token, workers or self.spec.workers or worker_limit(), executor)
        self.study: Study | None = None
        self.trials: list[OpenTrial] = []
        self.has_news = False  # whether trials began or ended since the trials were published
        self.ended = self.failed = 0
        self.has_process = has_process
        self.failure = ""  # why the sweep ends, if all trials fail

    def drive(self) -> Generator[SweepStatus, None, None]:
        """Work until no trial is left or somebody asks to stop, yielding the sweep's status."""
        with self.shutdown.noticed(), ExitStack() as stack:
            try:
                with self.sweep.change_lock():
                    self.remove_dead_drivers()
                    alone = not self.sweep.is_alive()
                    self.token_lock.acquire()
                    if alone:
                        self.sweep.set_begun(os.getpid())
                if self.has_process and self.sweep.storage:
                    watch_driver(self.sweep, self.trainer, lambda: self.is_leaving, LEFT)
                with self.sweep.study_lock():  # the first process creates the tables of a database
                    self._remove_free_locks(self.sweep.folder / "trials")
                    self.study = Study(self.sweep, stack.enter_context(open_storage(self.sweep)))
                yield from self.work(self.study)
                state, reason = self.outcome()
            except BaseException as error:
                state, reason = self.outcome_of_error(error)
                if not isinstance(error, Exception):
                    self.leave(state, reason)
                    raise
            self.leave(state, reason)
        # other drivers may still work on it, so that its own status would say running
        last = self.sweep.status() if self.sweep.folder.is_dir() else SweepStatus()
        yield replace(last, state=state, reason=reason)

    def work(self, study: Study) -> Iterator[SweepStatus]:
        """The loop: start trainings, wait, prune, and record the trials that have ended."""
        pause = PRUNE_SECONDS if self.spec.pruner != "none" else WAIT_SECONDS
        next_status = next_publish = next_heartbeat = next_adoption = 0.0
        while not self.is_leaving:
            study.claim_folder()
            now = time.monotonic()
            if now >= next_adoption:
                next_adoption = now + ADOPT_SECONDS
                for trial in study.adopt([trial.number for trial in self.trials]):
                    self.begin(study, trial)
            self.fill_workers(study)
            if not self.trials and not study.has_open_trials():
                return
            if now >= next_heartbeat:
                next_heartbeat = now + HEARTBEAT_SECONDS
                with self.sweep.change_lock():
                    self.sweep.set_status(state="running")
            if now >= next_publish and (self.has_news or now >= next_status):
                self.has_news = False
                began = time.monotonic()
                study.publish()
                next_publish = began + (time.monotonic() - began) / PUBLISH_SHARE
            if now >= next_status:
                next_status = now + STATUS_SECONDS
                yield self.sweep.status()
            self.trainer.wait(pause)
            self.prune(study)
            self.collect(study)

    @property
    def is_leaving(self) -> bool:
        """Whether this process stops working on the sweep."""
        return bool(self.shutdown.requested or self.sweep.stop_requested or self.failure or self.sweep.is_out_of_time)

    def fill_workers(self, study: Study) -> None:
        """Give every worker a run, and ask for one more trial in advance."""
        while self.trainer.has_room and not self.is_leaving:
            if not self.start_next() and not self.ask(study):
                return
        # A trial that needs no results is asked for before a worker is free, so that no worker
        # waits for the storage. If there are other drivers, one of their workers may be free first.
        ahead = self.spec.sampler != "tpe" and self.spec.minutes is None and all(trial.runs for trial in self.trials)
        if ahead and len(list(self.token.parent.iterdir())) == 1:
            self.ask(study)

    def ask(self, study: Study) -> bool:
        """Begin a new trial; -> whether the limits of the sweep allowed one."""
        trial = study.ask()
        if trial is not None:
            self.begin(study, trial)
        return trial is not None

    def begin(self, study: Study, trial: OpenTrial) -> None:
        """Work on a trial from now on."""
        self.trials.append(trial)
        self.has_news = True
        try:
            trial.configs = [self.spec.config(trial.params, seed) for seed in range(self.spec.seeds)]
        except ConfigError as error:
            self.end(study, trial, "failed", f"This combination is not possible: {error}")

    def start_next(self) -> bool:
        """Start the next run of a trial; -> whether there was one."""
        for trial in self.trials:
            place = len(trial.trainings)
            # with a pruner the first run decides whether the others are worth it
            decided = not place or self.spec.pruner == "none" or trial.trainings[0].status is not None
            if place < len(trial.configs) and decided and not trial.failures:
                trial.trainings.append(Training(self.open_run(trial, place)))
                self.trainer.start(trial.trainings[-1])
                return True
        return False

    def open_run(self, trial: OpenTrial, place: int) -> Run:
        """The run of a trial for one seed. Its id is fixed, so that it is never made twice."""
        folder = runs_folder() / self.sweep.run_ids(trial.number)[place]
        if (folder / "status.json").exists():
            return open_run(folder)
        shutil.rmtree(folder, ignore_errors=True)  # a driver was killed while it made the run
        config = trial.configs[place]
        name = f"{self.spec.name}, trial {trial.number}" + (f", seed {config.seed}" if self.spec.seeds > 1 else "")
        with jobs_of(self.sweep.person):
            return create_run(config, name=name, group=self.sweep.id, trial=trial.number, folder=folder)

    def prune(self, study: Study) -> None:
        """Report new validations of the first runs, and stop trials not worth continuing."""
        if self.spec.pruner == "none":
            return
        for trial in self.trials:
            if trial.pruned or not trial.trainings or not self.trainer.is_training(trial.trainings[0]):
                continue
            if any(study.should_prune(trial) for _ in self.report(study, trial)):
                study.set_pruned(trial)
                trial.runs[0].request("stop")

    def report(self, study: Study, trial: OpenTrial) -> Iterator[int]:
        """Report to the study the new validations of the first run; -> their epochs."""
        trial.validations = trial.validations or ValidationReader(trial.runs[0].folder)
        for validation in trial.validations.new():
            epoch = math.ceil(validation.epoch)
            value = validation.accuracy if self.spec.maximize else validation.loss
            if epoch > trial.reported and math.isfinite(value):
                study.report(trial, epoch, value)
                yield epoch

    def collect(self, study: Study, *, last: bool = False) -> None:
        """Record the trials whose runs have ended. `last`: nothing is started any more."""
        go_on = not last and not self.is_leaving
        if self.trainer.collect(restart=go_on) and go_on and self.spec.sampler != "tpe":
            self.start_next()  # first, so that no worker waits while results are recorded
        for trial in list(self.trials):
            if trial.failures and len(trial.ended) == len(trial.trainings):
                first = trial.failures[0]
                pruned = trial.pruned and first.state == "stopped"
                self.end(study, trial, "pruned" if pruned else first.state, "" if pruned else first.reason)
            elif len(trial.ended) == len(trial.configs):
                self.end(study, trial, "done")

    def end(self, study: Study, trial: OpenTrial, state: str, reason: str = "") -> None:
        """Record the result of a trial. Raises SweepError where the folder was deleted."""
        if not self.sweep.folder.is_dir():  # Optuna's lock would make it
            raise SweepError(DELETED)
        runs = tuple(run.id for run in trial.runs)
        result = Trial(trial.number, trial.params, runs=runs).with_results(trial.ended, self.spec.objective)
        if state == "done" and result.value is None:
            state, reason = "failed", "It was never validated."
        if self.spec.pruner != "none" and trial.runs:
            list(self.report(study, trial))  # its last results: later trials are compared with them
        study.end(trial, replace(result, state=state, reason=reason, over=True))
        self.trials.remove(trial)
        self.has_news = True
        self.ended += 1
        self.failed += state == "failed"
        if self.failed == self.ended >= FAILURES:
            self.failure = f"The first {FAILURES} trials failed, the last one for this reason: {reason}"

    # The end.

    def outcome(self) -> tuple[str, str]:
        """The state and the reason with which the loop ended."""
        if self.failure:
            return "failed", self.failure
        if self.sweep.stop_requested:
            return "stopped", STOPPED
        if self.shutdown.requested:
            return "interrupted", LEFT
        if self.study is not None and self.study.has_open_trials():
            return "stopped", TIME_IS_UP.format(minutes=self.spec.minutes)
        return "finished", ""

    def outcome_of_error(self, error: BaseException) -> tuple[str, str]:
        """The state and the reason for an error that ended the loop."""
        if not isinstance(error, Exception):  # the caller stopped iterating
            return "interrupted", LEFT
        if not self.sweep.folder.is_dir():
            return "stopped", DELETED
        if isinstance(error, StorageInternalError):
            why = str(getattr(error.__cause__, "orig", error.__cause__)).splitlines()[0]
            return "failed", f"The database of the study does not answer any more: {why}. Nothing is lost."
        if not isinstance(error, DigitLabError):
            self.sweep.log(traceback.format_exc())
        return "failed", sentence_of(error)

    def leave(self, state: str, reason: str) -> None:
        """Stop the runs at their checkpoints and leave the trials to the next driver."""
        with contextlib.suppress(OSError, DigitLabError), self.sweep.change_lock():
            self.sweep.set_status()  # the last heartbeat: how long drivers worked on it is exact
        self.token_lock.release()
        self.token.unlink(missing_ok=True)  # the processes notice this, and stop the runs
        if not self.trainer.training:
            self.set_outcome(state, reason)  # now, because the processes take a moment to end
        self.trainer.close()
        if self.study is not None:
            # the database or disk may have failed, or the folder was deleted
            with contextlib.suppress(StorageInternalError, OSError, SweepError):
                self.collect(self.study, last=True)
        for trial in self.trials:
            trial.lock.release()
        self.set_outcome(state, reason)

    def set_outcome(self, state: str, reason: str) -> None:
        """Publish the trials, and write the last status unless another driver is at work."""
        if not self.sweep.folder.is_dir():  # it was deleted: nothing is written again
            return
        if self.study is not None:
            with contextlib.suppress(StorageInternalError, OSError):
                self.study.publish()
        with self.sweep.change_lock():
            if self.sweep.is_alive():
                return
            self.sweep.set_status(state=state, reason=reason)
        if self.study is not None:
            with contextlib.suppress(StorageInternalError, OSError):
                self.study.release_folder()

    def remove_dead_drivers(self) -> None:
        """Remove the files of drivers that were killed."""
        self._remove_free_locks(self.token.parent)

    def _remove_free_locks(self, folder: Path) -> None:
        for path in folder.glob("*"):
            if path.suffix == ".json":  # a trial of an earlier version
                continue
            with contextlib.suppress(Timeout), FileLock(path).acquire(timeout=0):
                path.unlink(missing_ok=True)
