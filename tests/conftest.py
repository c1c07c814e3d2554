"""Fixtures for all tests: their own cache, drawings and runs, and the reference data if present."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiments.cli.main import main

ROOT = Path(__file__).parent.parent

# As in a worker: one thread, because results of matrix products depend on the number of threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def pytest_configure() -> None:
    """Let the tests, and the processes they start, respond to Ctrl-C (SIGINT).

    A background shell starts its commands with SIGINT ignored. Every process they start inherits
    that, and Python then installs no handler. Workers of pytest-xdist inherit what is set here.
    """
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache for all tests, apart from the cache of the person who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _own_drawings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_DRAWINGS", str(tmp_path / "drawings.csv"))
    for name in ("DIGITS_DATA", "DIGITS_DATABASE", "DIGITS_DISK", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGITS_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DIGITS_WORKERS", "4")  # as on a machine with five cores


@pytest.fixture(autouse=True)
def _own_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody is at the computer of the server: pages in these tests have no connection."""
    monkeypatch.setattr("dashboard.access.connection.is_local", lambda: True)


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The folder with mnist/ and pen-drawings/: DIGITS_REFERENCE_DATA or beside the repository."""
    folder = Path(os.environ.get("DIGITS_REFERENCE_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no reference data: {folder} is not there")
    return folder


@pytest.fixture
def digits(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command `digits` here; -> exit status, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as error:
            status = error.code
        return status, *capsys.readouterr()

    return call


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Restore the main module: a page replaces it, and spawned processes would run the page."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
