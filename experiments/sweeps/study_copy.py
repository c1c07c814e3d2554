"""Study copy: the study of a sweep that is in a database, as the content of a file."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import optuna
from optuna.exceptions import StorageInternalError
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from experiments.sweeps.space import SweepError
from experiments.sweeps.study import open_storage
from experiments.sweeps.sweep import Sweep


def read_study(sweep: Sweep) -> bytes:
    """The content of a journal file with this study. Raises SweepError without a database."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        journal = Path(folder) / "journal.log"
        try:
            with open_storage(sweep) as database:
                copy = JournalStorage(JournalFileBackend(str(journal)))
                optuna.copy_study(from_study_name=sweep.id, from_storage=database, to_storage=copy)
        except KeyError:  # no driver has begun yet
            return b""
        except StorageInternalError as error:
            raise SweepError(f"the database of its study does not answer: {error.__cause__ or error}.") from error
        return journal.read_bytes()
