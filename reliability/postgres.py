"""A PostgreSQL server of its own, in a temporary folder and on a free port."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HOW_TO_INSTALL = "no PostgreSQL server here: apt-get install postgresql (.ci/run does it by itself)"
START_SECONDS = 60.0


class NoServer(Exception):
    """No PostgreSQL is installed, or its server does not start. The message tells why."""


@dataclass(frozen=True)
class Server:
    """A server that runs: its address, as SQLAlchemy writes it, and its process."""

    address: str
    process: subprocess.Popen[bytes]


@contextmanager
def halted(server: Server) -> Iterator[None]:
    """All processes of the server are halted in the block: requests get no answer."""
    postmaster = psutil.Process(server.process.pid)
    processes = [postmaster, *postmaster.children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)


def binaries() -> Path | None:
    """The folder with initdb and postgres: Debian keeps them off the PATH, one folder a version."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))[::-1]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A server with an empty database, which ends with the block. Raises NoServer."""
    programs = binaries()
    if programs is None:
        raise NoServer(HOW_TO_INSTALL)
    # It refuses to run as root. The folders of tests are closed to others: this one is elsewhere.
    person: dict[str, Any] = {"env": {"LC_ALL": "C"}}
    folder = Path(tempfile.mkdtemp(prefix="digit-lab-postgres-"))
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        person |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        os.chown(folder, user.pw_uid, user.pw_gid)
    try:
        made: list[str | Path] = [
            programs / "initdb",
            "-D",
            folder / "data",
            "-U",
            "digits",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        subprocess.run(made, cwd=folder, check=True, capture_output=True, **person)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = _start(programs, folder, port, person)
        try:
            _wait_until_it_answers(process, folder, port)
            yield Server(f"postgresql+psycopg://digits@127.0.0.1:{port}/postgres", process)
        finally:
            process.send_signal(signal.SIGINT)  # at once, and in order
            process.wait(30)
    finally:
        shutil.rmtree(folder)


def _start(programs: Path, folder: Path, port: int, person: dict[str, Any]) -> subprocess.Popen[bytes]:
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    setpriv = shutil.which("setpriv")  # so that it ends when the tests are killed
    ended_with_parent = [setpriv, "--pdeathsig", "INT"] if setpriv else []
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(
            [*ended_with_parent, programs / "postgres", "-D", folder / "data", *options],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop it
            **person,
        )


def _wait_until_it_answers(process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
    import psycopg

    end = time.monotonic() + START_SECONDS
    while True:
        if process.poll() is not None or time.monotonic() > end:
            raise NoServer((folder / "log.txt").read_text())
        try:
            psycopg.connect(f"postgresql://digits@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            time.sleep(0.02)
