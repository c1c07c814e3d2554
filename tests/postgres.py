"""A real PostgreSQL server for tests, in a temporary folder and on a free port."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.small_runs import until

HOW_TO_INSTALL = "no PostgreSQL server here: apt-get install postgresql (.ci/run does it by itself)"


def binaries() -> Path | None:
    """The folder with initdb and postgres: Debian keeps them off the PATH, one folder a version."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))[::-1]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@contextmanager
def server() -> Iterator[str]:
    """-> the address of an empty database, as SQLAlchemy writes it."""
    programs = binaries()
    if programs is None:
        pytest.skip(HOW_TO_INSTALL)
    # It refuses to run as root. Tests' own folders are closed to others, so this one is elsewhere.
    person: dict[str, Any] = {"env": {"LC_ALL": "C"}}
    folder = Path(tempfile.mkdtemp(prefix="digit-lab-postgres-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        person |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        made = [programs / "initdb", "-D", folder / "data", "-U", "digits", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(made, cwd=folder, check=True, capture_output=True, **person)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        setpriv = shutil.which("setpriv")  # so that it leaves when the tests are killed
        with (folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [
                    *([setpriv, "--pdeathsig", "INT"] if setpriv else []),
                    programs / "postgres",
                    "-D",
                    folder / "data",
                    *options,
                ],
                cwd=folder,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop it
                **person,
            )
        try:
            until(lambda: answers(process, folder, port), "PostgreSQL")
            yield f"postgresql+psycopg://digits@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # at once, and in order
            process.wait(30)
    finally:
        shutil.rmtree(folder)


def answers(process: subprocess.Popen[bytes], folder: Path, port: int) -> bool:
    if process.poll() is not None:
        pytest.fail((folder / "log.txt").read_text())
    try:
        psycopg.connect(f"postgresql://digits@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a database on a server that lives as long as the tests."""
    with server() as address:
        yield address
