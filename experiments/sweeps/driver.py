"""Sweep driver: asks Optuna what to try, has it trained, and tells Optuna what came of it."""

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
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState

from experiments.jobs.launch import worker_limit
from experiments.jobs.shutdown import Shutdown
from experiments.runs.config import RunConfig
from experiments.runs.history import HISTORY_COLUMNS
from experiments.runs.run import ENDED, Run, RunError, Status, create_run, open_run, runs_folder
from experiments.sweeps import space as search
from experiments.sweeps.pool import start_pool, train_for
from experiments.sweeps.spec import SweepError, slug
from experiments.sweeps.study import open_study, sampler_of, storage_of
from experiments.sweeps.sweep import STOPPED, Sweep, SweepStatus
from experiments.sweeps.trials import Trial, statuses_of, trial_of, with_results
from model import ConfigError

JUDGE_SECONDS = 0.1  # between two looks at the validations of trials that may be pruned
WAIT_SECONDS = 0.25  # between two looks at anything else
STATUS_SECONDS = 0.5
WORD_SECONDS = 2.0  # between two words that it is still there: what a kill takes off the time it worked
ADOPT_SECONDS = 2.0  # between two looks for trials whose driver is gone
CLAIM_SECONDS = 15.0  # between two words to a database that this folder has the sweep
CLAIM_HOLDS = 60.0
LEAVE_SECONDS = 10.0  # that a cluster may take to let its runs go
ATTEMPTS = 3  # times that a run's process may vanish without a step done
LEFT = "Its process was asked to leave; resume it to go on where it was."
FAILURES = 3  # so many trials that fail before any other ends: something is wrong with all of them


@dataclass
class Work:
    """A trial at work here."""

    handle: optuna.Trial
    lock: FileLock
    trial: Trial
    configs: list[RunConfig]
    runs: list[Run] = field(default_factory=list)
    ends: dict[int, Status] = field(default_factory=dict)
    """Of the runs that are over, by their place."""
    read: int = 0
    """Bytes of the first run's history that were looked at."""
    reported: int = 0
    """Epochs that Optuna knows of."""
    pruned: bool = False

    @property
    def bad(self) -> list[Status]:
        """The ends that leave the trial without a value."""
        return [end for end in self.ends.values() if end.state != "finished"]


@dataclass
class Job:
    """A run at work, or waiting for another process that has it."""

    work: Work
    place: int
    step: int = 0
    attempts: int = 0

    @property
    def run(self) -> Run:
        return self.work.runs[self.place]


class Driver:
    """One process that drives a sweep; there may be several, on several machines, that share its folder."""

    def __init__(
        self, sweep: Sweep, executor: Executor | None = None, shutdown: Shutdown | None = None, workers: int = 0
    ) -> None:
        self.sweep, self.spec = sweep, sweep.spec
        self.shutdown = shutdown or Shutdown()
        self.workers = workers or self.spec.workers or worker_limit()
        self.given, self.pool = executor, executor
        self.token = sweep.folder / "drivers" / f"{slug(socket.gethostname())}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.work: list[Work] = []
        self.waiting: list[Job] = []
        self.training: dict[Future[None], Job] = {}
        self.next_status = self.next_word = self.next_adoption = self.next_claim = 0.0
        self.ended = self.failed = 0
        self.hopeless = ""
        self.claimed = False

    def drive(self) -> Generator[SweepStatus, None, None]:
        """Until nothing is left to try, or it is stopped or asked to leave. Raises SweepError."""
        sweep = self.sweep
        hold = FileLock(self.token)
        with self.shutdown.noticed(), ExitStack() as stack:
            try:
                with sweep.lock():
                    self.tidy()
                    alone = not sweep.driven()
                    hold.acquire()
                    sweep.say("running", begin=alone, pid=os.getpid())
                    storage = stack.enter_context(storage_of(sweep))  # one at a time: it may make its tables
                    self.study = open_study(sweep, storage)
                    self.claim()
                    self.restore()
                yield from self.rounds()
                state, reason = self.conclusion()
            except (SweepError, RunError) as error:
                state, reason = "failed", str(error)
            except optuna.exceptions.StorageInternalError as error:
                why = str(getattr(error.__cause__, "orig", error.__cause__)).splitlines()[0]
                state, reason = "failed", f"The database of the study does not answer any more: {why}. All is kept."
            except Exception as error:
                with (sweep.folder / "log.txt").open("a") as log:
                    log.write(traceback.format_exc())
                state, reason = "failed", f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            except BaseException:  # who iterates left
                self.leave(hold, "interrupted", LEFT)
                raise
            self.leave(hold, state, reason)
        yield replace(sweep.status(), state=state, reason=reason)  # another driver may not have left yet

    def rounds(self) -> Iterator[SweepStatus]:
        """Look after what trains, start more, and wait, over and over."""
        while not self.leaving():
            self.fill()
            if not self.work and not self.others_at_work():
                return
            now = time.monotonic()
            if now >= self.next_status:
                self.next_status = now + STATUS_SECONDS
                yield self.sweep.status()
            pause = JUDGE_SECONDS if self.spec.pruner != "none" else WAIT_SECONDS
            if self.training:
                wait(self.training, pause, FIRST_COMPLETED)
            else:
                time.sleep(pause)
            self.judge()
            self.collect()

    def leaving(self) -> bool:
        return bool(self.shutdown.requested or self.sweep.stopping or self.hopeless)

    def conclusion(self) -> tuple[str, str]:
        if self.hopeless:
            return "failed", self.hopeless
        if self.sweep.stopping:
            return "stopped", STOPPED
        if self.shutdown.requested:
            return "interrupted", LEFT
        return "finished", ""

    def leave(self, hold: FileLock, state: str, reason: str) -> None:
        """Let the runs go at their checkpoints, and the trials to whoever goes on with them."""
        hold.release()
        self.token.unlink(missing_ok=True)  # now nobody wants the runs any more
        if not self.training:
            self.say_last(state, reason)  # at once: the processes take a moment to go, and it would look interrupted
        if self.training:
            # A cluster may have lost the machines that would notice.
            _, lost = wait(self.training, None if self.given is None else LEAVE_SECONDS)
            for future in lost:
                future.cancel()
            self.collect(again=False)
        if self.pool is not None and self.given is None:
            self.pool.shutdown()
        for work in self.work:
            self.keep(work)
            work.lock.release()
        self.say_last(state, reason)

    def say_last(self, state: str, reason: str) -> None:
        with self.sweep.lock():
            if self.sweep.driven():
                return
            self.sweep.say(state, reason)
            if self.claimed:
                with contextlib.suppress(optuna.exceptions.StorageInternalError):  # it may be what went wrong
                    self.study.set_user_attr("folder", (self.sweep.created, 0.0))

    def tidy(self) -> None:
        """Drivers that were killed leave their files behind."""
        for path in self.token.parent.iterdir():
            with contextlib.suppress(Timeout), FileLock(path).acquire(timeout=0):
                path.unlink(missing_ok=True)

    def claim(self) -> None:
        """Say in a database that the sweep is worked on in this folder. Raises SweepError if it is in another.

        Whose trial is whose is told by locks in the folder: of two that are not shared, each would take the trials of
        the other for abandoned and train them again.
        """
        if not self.sweep.storage:
            return
        self.next_claim = time.monotonic() + CLAIM_SECONDS
        mine, now = self.sweep.created, time.time()
        folder, seen = self.study.user_attrs.get("folder", (mine, now))
        self.claimed = folder == mine or now - seen >= CLAIM_HOLDS
        if not self.claimed:
            raise SweepError(
                f"The sweep {self.sweep.id} in this database is being worked on in another runs folder. Share that "
                f"folder and name it in DIGITS_RUNS, or wait a minute after it has stopped."
            )
        self.study.set_user_attr("folder", (mine, now))

    def restore(self) -> None:
        """Put down trials of the study that this folder does not know: it is a new one for an old study."""
        kept = {trial.number for trial in self.sweep.kept_trials()}
        for frozen in self.study.get_trials(deepcopy=False):
            if frozen.number not in kept and "trial" in frozen.user_attrs:
                self.sweep.keep(trial_of(frozen.user_attrs["trial"]))

    # Starting.

    def fill(self) -> None:
        """Give every worker something to do."""
        now = time.monotonic()
        if now >= self.next_claim:
            self.claim()
        if now >= self.next_adoption:
            self.next_adoption = now + ADOPT_SECONDS
            self.adopt()
        while self.room() and not self.leaving():
            if not self.start_next() and not self.ask():
                return
        # A trial that needs no results is asked for before a worker is free: none has to wait for its storage. Where
        # others drive too, one of theirs may be free before.
        ahead = self.spec.sampler != "tpe" and self.spec.minutes is None and all(work.runs for work in self.work)
        if ahead and len(list(self.token.parent.iterdir())) == 1:
            self.ask()

    def room(self) -> bool:
        """Whether a worker has nothing to do."""
        return len(self.training) + len(self.waiting) < self.workers

    def start_next(self) -> bool:
        """Start the next run of a trial that has one to start."""
        for work in self.work:
            place = len(work.runs)
            judged = not place or self.spec.pruner == "none" or 0 in work.ends
            if place < len(work.configs) and judged and not work.bad:
                work.runs.append(self.run_of(work, place))
                work.trial = replace(work.trial, runs=tuple(run.id for run in work.runs))
                self.begin(Job(work, place))
                self.sweep.keep(work.trial)
                return True
        return False

    def ask(self) -> bool:
        """Take up a new trial, unless the budget is spent."""
        with self.sweep.lock():
            trials = self.study.get_trials(deepcopy=False)
            if self.spent(len(trials)):
                return False
            self.study.sampler = sampler_of(self.spec, len(trials))
            handle = self.study.ask(search.distributions(self.spec.search))
            lock = self.sweep.trial_lock(handle.number)
            lock.acquire()
        self.take(handle, lock, None)
        return True

    def spent(self, trials: int) -> bool:
        """Whether nothing new may begin."""
        spec = self.spec
        if spec.most_trials and trials >= spec.most_trials:
            return True
        if spec.minutes is not None and self.sweep.seconds() >= 60 * spec.minutes:
            return True
        if spec.epochs is None:
            return False
        promised = sum(
            trial.epochs if trial.over else max(trial.epochs, self.planned(trial)) for trial in self.sweep.trials()
        )
        return promised >= spec.epochs

    def planned(self, trial: Trial) -> float:
        """The epochs of all its runs; of those that count in steps, what they have done so far."""
        with contextlib.suppress(ConfigError):
            config = self.spec.config(trial.params, 0)
            if not config.steps:
                return config.epochs * self.spec.seeds
        return 0.0

    def adopt(self) -> None:
        """Go on with trials that are nobody's: their driver is gone."""
        mine = {work.trial.number for work in self.work}
        for frozen in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if frozen.number in mine:
                continue
            with self.sweep.lock():
                lock = self.sweep.trial_lock(frozen.number)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
                if self.study.get_trials(deepcopy=False)[frozen.number].state.is_finished():  # meanwhile, by another
                    lock.release()
                    continue
                # Optuna has no public way to go on with a trial, and its driver may have gone while asking.
                self.study.sampler = sampler_of(self.spec, frozen.number)
                handle = optuna.Trial(self.study, frozen._trial_id)
                for name, distribution in search.distributions(self.spec.search).items():
                    handle._suggest(name, distribution)
            self.take(handle, lock, frozen)

    def others_at_work(self) -> bool:
        """Whether another driver has trials that are not over."""
        return bool(self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def take(self, handle: optuna.Trial, lock: FileLock, frozen: FrozenTrial | None) -> None:
        """Begin with a trial, or go on with one that another driver began."""
        params = search.restored(handle.params, self.spec.search)
        trial = Trial(handle.number, params, started=time.time())
        for kept in self.sweep.kept_trials() if frozen else ():
            if kept.number == handle.number:
                trial = kept
        work = Work(handle, lock, trial, [])
        if frozen:
            work.reported = max(frozen.intermediate_values, default=0)
            work.pruned = trial.state == "pruned"
        self.work.append(work)
        if trial.over:  # its driver was gone before it could tell Optuna
            self.tell(work)
            return
        try:
            work.configs = [self.spec.config(params, seed) for seed in range(self.spec.seeds)]
        except ConfigError as error:
            self.end(work, "failed", f"This combination cannot be: {error}")

    def run_of(self, work: Work, place: int) -> Run:
        """The run of a trial for one seed: always in the same folder, so that none is ever made twice."""
        number = work.trial.number
        stem = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(self.sweep.created))}-{self.sweep.id[:40]}-{number}"
        folder = runs_folder() / (f"{stem}-{place}" if self.spec.seeds > 1 else stem)
        if (folder / "status.json").exists():
            return open_run(folder)
        shutil.rmtree(folder, ignore_errors=True)  # killed while it was being made
        config = work.configs[place]
        name = f"{self.spec.name}, trial {number}" + (f", seed {config.seed}" if self.spec.seeds > 1 else "")
        return create_run(config, name=name, group=self.sweep.id, trial=number, folder=folder)

    def begin(self, job: Job) -> None:
        """Have a run trained, from wherever it is."""
        status = look(job.run)
        if status.state in ENDED:
            self.finish(job, status)
            return
        if job.run.is_alive():
            self.waiting.append(job)
            return
        if status.pid or job.attempts:
            job.run.enqueue()  # behind those that wait already
        job.step = status.step
        if self.pool is None:
            self.pool = start_pool(self.workers)
        try:
            future = self.pool.submit(train_for, str(job.run.folder), str(self.token))
        except BrokenProcessPool:  # one of its processes was killed, and another pool has to do
            self.pool = start_pool(self.workers)
            future = self.pool.submit(train_for, str(job.run.folder), str(self.token))
        except Exception as error:
            if self.given is None:
                raise
            raise SweepError(f"The cluster is gone: {error} Start it again, and go on with this sweep.") from error
        self.training[future] = job

    # Judging and ending.

    def judge(self) -> None:
        """Tell Optuna of new validations of first seeds, and stop the runs that are not worth going on with."""
        if self.spec.pruner == "none":
            return
        for job in self.training.values():
            work = job.work
            if job.place or work.pruned:
                continue
            if any(self.ends_early(work) for _ in self.report(work)):
                work.pruned = True
                work.trial = replace(work.trial, state="pruned")
                self.sweep.keep(work.trial)  # first, so that nobody takes it for a person's wish
                job.run.request("stop")

    def report(self, work: Work) -> Iterator[int]:
        """Tell Optuna what the first seed was validated at since the last look, epoch by epoch."""
        for epoch, value in self.validations(work):
            if epoch > work.reported and math.isfinite(value):
                work.handle.report(value, epoch)
                work.reported = epoch
                yield epoch

    def ends_early(self, work: Work) -> bool:
        """Whether Optuna would not go on with a trial, and it is not at its end anyway."""
        config = work.configs[0]
        return (config.steps > 0 or work.reported < config.epochs) and work.handle.should_prune()

    def validations(self, work: Work) -> Iterator[tuple[int, float]]:
        """(epoch, value) of the validations since the last look."""
        path = work.runs[0].folder / "history.csv"
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < work.read:  # a resumed run begins again at its checkpoint
                    work.read = 0
                file.seek(work.read)
                text = file.read()
        except FileNotFoundError:
            return
        text = text[: text.rfind(b"\n") + 1]
        work.read += len(text)
        for line in text.decode().splitlines():
            cells = line.split(",")
            if len(cells) != len(HISTORY_COLUMNS):  # cut by a resumed run, and grown again before we looked
                continue
            cell = cells[6 if self.spec.maximize else 5]
            if cell and cells[0] != "step":
                yield math.ceil(float(cells[1])), float(cell)

    def collect(self, *, again: bool = True) -> None:
        """See what became of the runs that are not at work any more."""
        done = [future for future in self.training if future.done()]
        jobs = [(self.training.pop(future), None if future.cancelled() else future.exception()) for future in done]
        jobs += [(job, None) for job in self.waiting if not job.run.is_alive()]
        self.waiting = [job for job in self.waiting if job.run.is_alive()]
        looks = [(job, error, look(job.run)) for job, error in jobs]
        for job, _, status in looks:
            if status.state in ENDED:
                job.work.ends[job.place] = status
        if done and again and self.spec.sampler != "tpe" and not self.leaving():
            self.start_next()  # first, so that no worker waits while results are put down
        for job, error, status in looks:
            if status.state in ENDED:
                self.finish(job, status)
            elif again and not self.leaving():
                job.attempts = 1 if status.step > job.step else job.attempts + 1
                if job.attempts > ATTEMPTS:
                    reason = f"Its process was gone {ATTEMPTS} times: {error or 'see log.txt in its folder'}."
                    self.finish(job, replace(status, state="failed", reason=reason))
                else:
                    self.begin(job)

    def finish(self, job: Job, status: Status) -> None:
        """A run is over; perhaps its trial is, too."""
        work = job.work
        work.ends[job.place] = status
        if work.trial.over:  # the last two runs of it were over at once
            return
        if bad := work.bad:
            if len(work.ends) == len(work.runs):
                state = "pruned" if work.pruned and bad[0].state == "stopped" else bad[0].state
                self.end(work, state, "" if state == "pruned" else bad[0].reason)
        elif len(work.ends) == len(work.configs):
            self.end(work, "done")

    def end(self, work: Work, state: str, reason: str = "") -> None:
        """Put down what came of a trial: first for us, then for Optuna."""
        trial = with_results(work.trial, self.spec, [work.ends[place] for place in sorted(work.ends)])
        if state == "done" and trial.value is None:
            state, reason = "failed", "It was never validated."
        work.trial = replace(trial, state=state, reason=reason, over=True)
        self.sweep.keep(work.trial)
        if self.spec.pruner != "none" and work.runs:
            list(self.report(work))  # the last ones: what later trials are held against
        self.tell(work)

    def tell(self, work: Work) -> None:
        trial = work.trial
        self.study.sampler = optuna.samplers.RandomSampler()  # a grid's stops the study after the last cell, and raises
        if self.sweep.storage:  # which may outlive this folder
            work.handle.set_user_attr("trial", asdict(trial))
        if trial.state == "done":
            self.study.tell(work.handle, trial.value)
        else:
            pruned = trial.state in ("pruned", "diverged")
            self.study.tell(work.handle, state=TrialState.PRUNED if pruned else TrialState.FAIL)
        self.work.remove(work)
        work.lock.release()
        Path(work.lock.lock_file).unlink(missing_ok=True)
        if time.monotonic() >= self.next_word:
            self.next_word = time.monotonic() + WORD_SECONDS
            with self.sweep.lock():
                self.sweep.say("running")
        self.ended += 1
        self.failed += trial.state == "failed"
        if self.failed == self.ended >= FAILURES:
            self.hopeless = f"The first {FAILURES} trials failed, the last one so: {trial.reason}"

    def keep(self, work: Work) -> None:
        """Put down how far a trial is that is not over."""
        self.sweep.keep(with_results(work.trial, self.spec, statuses_of(work.trial)))


def look(run: Run) -> Status:
    """The status of a run; one that somebody deleted counts as stopped."""
    try:
        return run.status()
    except RunError:
        return Status("stopped", "Its run was deleted.")
