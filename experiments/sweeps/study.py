"""Study: a sweep in Optuna's words, with sampler and pruner, and the file or database that Optuna keeps it in."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import optuna
from filelock import FileLock
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import BaseJournalFileLock

from experiments.sweeps import space as search
from experiments.sweeps.spec import SweepError, SweepSpec
from experiments.sweeps.sweep import Sweep

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


def open_study(sweep: Sweep, storage: BaseStorage) -> optuna.Study:
    """The sweep's study: in its folder, or in the database of its storage."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spec = sweep.spec
    study = optuna.create_study(
        study_name=sweep.id,
        storage=storage,
        pruner=pruner_of(spec),
        direction="maximize" if spec.maximize else "minimize",
        load_if_exists=True,
    )
    if study.user_attrs.get("tries", spec.tries) != spec.tries:
        raise SweepError(
            f"The database has a sweep {sweep.id} already, which tries something else: give this one a name of its own."
        )
    study.set_user_attr("tries", spec.tries)
    return study


@contextmanager
def storage_of(sweep: Sweep) -> Iterator[BaseStorage]:
    """Where its study is kept; connections to a database are closed at the end."""
    if sweep.storage:
        kept = database(sweep.storage)
        try:
            yield kept
        finally:
            kept.remove_session()
            kept.engine.dispose()
        return
    journal = str(sweep.folder / "journal.log")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = JournalStorage(JournalFileBackend(journal, JournalLock(journal)))
    yield storage


def database(address: str) -> RDBStorage:
    """The storage at the address of a database; one of PostgreSQL means the driver that we ask people to install."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, OperationalError

    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise SweepError(f"{address!r} is no address of a database, such as postgresql://USER@HOST/NAME.") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    shown = url.render_as_string(hide_password=True)
    try:
        # A sweep may be quiet for hours between two words: a connection that has died meanwhile is made anew.
        return RDBStorage(url.render_as_string(hide_password=False), engine_kwargs={"pool_pre_ping": True})
    except ImportError as error:
        raise SweepError(
            f"{shown} needs a package that is not installed; for PostgreSQL: pip install 'digit-lab[scaling]'."
        ) from error
    except ArgumentError:
        raise SweepError(f"There is no kind of database {url.drivername!r}; postgresql is one.") from None
    except OperationalError as error:
        raise SweepError(f"The database {shown} cannot be reached: {str(error.orig).splitlines()[0]}") from error


class JournalLock(BaseJournalFileLock):
    """Lets go when its process is killed; Optuna's own would keep everybody waiting for half a minute."""

    def __init__(self, journal: str) -> None:
        self._lock = FileLock(journal + ".lock")

    def acquire(self) -> bool:
        self._lock.acquire(poll_interval=0.005)
        return True

    def release(self) -> None:
        self._lock.release()


def sampler_of(spec: SweepSpec, number: int) -> BaseSampler:
    """The sampler of the trial with this number: what it draws depends on nothing but seed, number and results."""
    if spec.sampler == "grid":
        values = search.grid_values(spec.search)
        grid = {name: [search.stored(value) for value in values[name]] for name in values}
        return optuna.samplers.GridSampler(grid, seed=spec.seed)
    seed = (spec.seed * 1_000_003 + number) % 2**32
    if spec.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    # Without the liar, several workers would try the same good place at once.
    return optuna.samplers.TPESampler(seed=seed, constant_liar=True, multivariate=True)


def pruner_of(spec: SweepSpec) -> BasePruner:
    if spec.pruner == "median":
        return optuna.pruners.MedianPruner()
    if spec.pruner == "hyperband":
        # Of steps nobody knows yet how many epochs they are: the first trial that is done will tell.
        most: int | str = "auto" if spec.base.steps and "epochs" not in spec.search else spec.longest_epochs
        return optuna.pruners.HyperbandPruner(max_resource=most)
    return optuna.pruners.NopPruner()
