"""Study: Optuna's record of the trials of a sweep, in a file or a database."""

from __future__ import annotations

import time
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from experiments.jobs.values import as_type
from experiments.runs.config import RunConfig
from experiments.runs.history import ValidationReader
from experiments.runs.run import Run, Status
from experiments.sweeps.journal import JournalLock
from experiments.sweeps.space import Params, SweepError, distributions, from_optuna, grid_values, to_optuna
from experiments.sweeps.spec import SweepSpec
from experiments.sweeps.sweep import Sweep
from experiments.sweeps.trainer import Training
from experiments.sweeps.trials import Trial
from model import ConfigError

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

CONNECT_SECONDS = 10  # to wait for a database that does not answer
CLAIM_SECONDS = 15.0  # between two updates of the claim that this folder has the sweep
CLAIM_HOLDS = 60.0  # seconds after which a claim that was not updated is void


@dataclass(eq=False)
class OpenTrial:
    """A trial that this process works on. Its lock keeps other processes from it."""

    handle: optuna.Trial
    lock: FileLock
    params: Params
    pruned: bool = False
    reported: int = 0
    """The epochs of the first run that Optuna knows the results of."""
    configs: list[RunConfig] = field(default_factory=list)
    """One per seed."""
    trainings: list[Training] = field(default_factory=list)
    """Those of its runs that were begun, in the order of the configs."""
    validations: ValidationReader | None = None
    """Of the first run."""

    @property
    def number(self) -> int:
        """Its number in the sweep."""
        return self.handle.number

    @property
    def runs(self) -> list[Run]:
        """Its runs that were begun."""
        return [training.run for training in self.trainings]

    @property
    def ended(self) -> list[Status]:
        """The last statuses of its runs that have ended."""
        return [training.status for training in self.trainings if training.status is not None]

    @property
    def failures(self) -> list[Status]:
        """The last statuses of its runs that ended without a result."""
        return [status for status in self.ended if status.state != "finished"]


class Study:
    """Optuna's study of a sweep: the only record of its trials. Several processes may share one."""

    def __init__(self, sweep: Sweep, storage: BaseStorage) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.sweep, self.spec = sweep, sweep.spec
        self._study = optuna.create_study(
            study_name=sweep.id,
            storage=storage,
            pruner=make_pruner(self.spec),
            direction="maximize" if self.spec.maximize else "minimize",
            load_if_exists=True,
        )
        tries = self._study.user_attrs.get("tries")
        if tries is None:
            self._study.set_user_attr("tries", self.spec.tries)
        elif tries != self.spec.tries:
            raise SweepError(
                f"The database has a sweep {sweep.id} already, which tries something else: "
                "give this one a name of its own."
            )
        self._earlier = {trial.number: trial for trial in sweep.trials_of_earlier_version()}
        self._ended: dict[int, Trial] = {}  # a copy in memory, because these no longer change
        self._next_claim = 0.0
        self._claimed = False
        self.claim_folder()

    def trials(self) -> list[Trial]:
        """All trials as recorded, by their numbers. Those not over have no results yet."""
        known = self._study.get_trials(deepcopy=False)
        return [self._trial(frozen) for frozen in known if frozen.params.keys() >= self.spec.search.keys()]

    def publish(self) -> None:
        """Write the trials to the folder, for pages and commands."""
        trials = self.trials()  # before the lock, for which pages wait: a database may not answer
        with self.sweep.change_lock():
            self.sweep.publish_trials(trials)

    def has_open_trials(self) -> bool:
        """Whether a trial that is not over belongs to a process, or was left by one."""
        return bool(self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)))

    def ask(self) -> OpenTrial | None:
        """A new trial; None once the limits of the sweep are reached."""
        with self.sweep.study_lock():
            trials = self._study.get_trials(deepcopy=False)
            if self._is_used_up(len(trials)):
                return None
            self._study.sampler = make_sampler(self.spec, len(trials))
            handle = self._study.ask(distributions(self.spec.search))
            lock = self.sweep.trial_lock(handle.number)
            lock.acquire()
        return OpenTrial(handle, lock, from_optuna(handle.params, self.spec.search))

    def adopt(self, own: Collection[int]) -> list[OpenTrial]:
        """Take over the trials whose driver is gone. `own`: numbers of this process's trials."""
        adopted = []
        for running in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if running.number in own:
                continue
            with self.sweep.study_lock():
                lock = self.sweep.trial_lock(running.number)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
                frozen = self._study.get_trials(deepcopy=False)[running.number]
                if frozen.state.is_finished():  # another process has ended it meanwhile
                    lock.release()
                    continue
                # Optuna has no public way to continue a trial, which may lack some of its params.
                self._study.sampler = make_sampler(self.spec, frozen.number)
                handle = optuna.Trial(self._study, frozen._trial_id)
                for name, distribution in distributions(self.spec.search).items():
                    handle._suggest(name, distribution)
            trial = OpenTrial(handle, lock, from_optuna(handle.params, self.spec.search))
            recorded = self._trial(frozen)
            if recorded.over:  # its driver was gone between the record and `tell`
                self._tell(trial, recorded)
                continue
            trial.pruned = recorded.state == "pruned"
            trial.reported = max(frozen.intermediate_values, default=0)
            adopted.append(trial)
        return adopted

    def report(self, trial: OpenTrial, epoch: int, value: float) -> None:
        """Record a validation of the first run, by which trials are pruned."""
        trial.handle.report(value, epoch)
        trial.reported = epoch

    def should_prune(self, trial: OpenTrial) -> bool:
        """Whether a trial is not worth continuing; never at its last epoch."""
        config = trial.configs[0]
        return (config.steps > 0 or trial.reported < config.epochs) and trial.handle.should_prune()

    def set_pruned(self, trial: OpenTrial) -> None:
        """Record that a trial is pruned. Before its run stops: else a person seems to stop it."""
        trial.pruned = True
        trial.handle.set_user_attr("pruned", True)

    def end(self, trial: OpenTrial, result: Trial) -> None:
        """Record the result of a trial and release it."""
        record = {name: value for name, value in asdict(result).items() if name not in ("number", "params", "started")}
        trial.handle.set_user_attr("trial", record)
        self._tell(trial, result)

    def claim_folder(self) -> None:
        """Note in a database, now and then, that the sweep is worked on in this folder.

        Locks in the folder tell which trial has a driver. Drivers in two folders that are not
        shared would take each other's trials for abandoned and train them again. Raises SweepError
        where another folder has the claim.
        """
        if not self.sweep.storage or time.monotonic() < self._next_claim:
            return
        self._next_claim = time.monotonic() + CLAIM_SECONDS
        own, now = self.sweep.created, time.time()
        folder, updated = self._study.user_attrs.get("folder", (own, now))
        self._claimed = folder == own or now - updated >= CLAIM_HOLDS
        if not self._claimed:
            raise SweepError(
                f"The sweep {self.sweep.id} in this database is being worked on in another runs folder. Share "
                f"that folder and name it in DIGITS_RUNS, or wait a minute after it has stopped."
            )
        self._study.set_user_attr("folder", (own, now))

    def release_folder(self) -> None:
        """Release the claim, so that drivers in other folders can work on the sweep."""
        if self._claimed:
            self._study.set_user_attr("folder", (self.sweep.created, 0.0))

    def _trial(self, frozen: FrozenTrial) -> Trial:
        """A trial as recorded. One without a record is not over."""
        number = frozen.number
        if number in self._ended:
            return self._ended[number]
        earlier, record = self._earlier.get(number), frozen.user_attrs.get("trial")
        started = frozen.datetime_start.timestamp() if frozen.datetime_start else 0.0
        if record is None and earlier is not None and earlier.over:
            trial = earlier
        else:
            pruned = frozen.user_attrs.get("pruned", earlier is not None and earlier.state == "pruned")
            begun = {"number": number, "params": {}, "state": "pruned" if pruned else "running", "started": started}
            trial = as_type(begun if record is None else {**record, **begun, "state": record["state"]}, Trial)
            trial = replace(trial, params=from_optuna(frozen.params, self.spec.search))
        if trial.over:
            self._ended[number] = trial
        return trial

    def _tell(self, trial: OpenTrial, result: Trial) -> None:
        """Let the sampler know a result that is recorded, and release the trial."""
        # a grid sampler would stop the study at its last cell, and raise an error
        self._study.sampler = optuna.samplers.RandomSampler()
        if result.state == "done":
            self._study.tell(trial.handle, result.value)
        else:
            pruned = result.state in ("pruned", "diverged")
            self._study.tell(trial.handle, state=TrialState.PRUNED if pruned else TrialState.FAIL)
        trial.lock.release()
        Path(trial.lock.lock_file).unlink(missing_ok=True)

    def _is_used_up(self, trials: int) -> bool:
        """Whether the limits of the sweep allow no further trial."""
        spec = self.spec
        if spec.most_trials and trials >= spec.most_trials:
            return True
        if self.sweep.is_out_of_time:
            return True
        if spec.epochs is None:
            return False
        known = map(self.sweep.with_progress, self.trials())
        return sum(t.epochs if t.over else max(t.epochs, self._planned_epochs(t)) for t in known) >= spec.epochs

    def _planned_epochs(self, trial: Trial) -> float:
        """The epochs of all runs of a trial; 0 where they count in steps."""
        try:
            config = self.spec.config(trial.params, 0)
        except ConfigError:
            return 0.0
        return 0.0 if config.steps else config.epochs * self.spec.seeds


def make_sampler(spec: SweepSpec, number: int) -> BaseSampler:
    """The sampler of a trial. It depends only on the seed, the number and the results so far."""
    if spec.sampler == "grid":
        grid = {name: [to_optuna(value) for value in values] for name, values in grid_values(spec.search).items()}
        return optuna.samplers.GridSampler(grid, seed=spec.seed)
    seed = (spec.seed * 1_000_003 + number) % 2**32
    if spec.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    # The constant liar gives running trials a bad result: workers do not all try the same place.
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True)


def make_pruner(spec: SweepSpec) -> BasePruner:
    """The pruner, which ends trials that are not worth continuing."""
    if spec.pruner == "median":
        return optuna.pruners.MedianPruner()
    if spec.pruner == "hyperband":
        # Of runs that count in steps, only the first finished trial shows the number of epochs.
        most: int | str = "auto" if spec.base.steps and "epochs" not in spec.search else spec.longest_epochs
        return optuna.pruners.HyperbandPruner(max_resource=most)
    return optuna.pruners.NopPruner()


@contextmanager
def open_storage(sweep: Sweep) -> Iterator[BaseStorage]:
    """The storage of a sweep's study: a file of its folder, or a database. Raises SweepError."""
    if sweep.storage:
        database = connect(sweep.storage)
        try:
            yield database
        finally:
            database.remove_session()
            database.engine.dispose()
        return
    journal = sweep.folder / "journal.log"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = JournalStorage(JournalFileBackend(str(journal), JournalLock(journal, sweep.journal_lock())))
    yield storage


def connect(address: str) -> RDBStorage:
    """The storage in the database at this address. Raises SweepError where there is none."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, OperationalError

    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise SweepError(
            f"{address!r} is not the address of a database, such as postgresql://USER@HOST/NAME."
        ) from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")  # which the extra "scaling" installs
    shown = url.render_as_string(hide_password=True)
    try:
        # Test each connection before use: in the hours that a run takes it may have been closed.
        options: dict[str, Any] = {"pool_pre_ping": True}
        if url.drivername.startswith("postgresql"):
            options["connect_args"] = {"connect_timeout": CONNECT_SECONDS}
        return RDBStorage(url.render_as_string(hide_password=False), engine_kwargs=options)
    except ImportError as error:
        raise SweepError(
            f"{shown} needs a package that is not installed; for PostgreSQL: pip install 'digit-lab[scaling]'."
        ) from error
    except ArgumentError:
        raise SweepError(f"There is no kind of database {url.drivername!r}; postgresql is one.") from None
    except OperationalError as error:
        raise SweepError(f"The database {shown} cannot be reached: {str(error.orig).splitlines()[0]}") from error
