"""Server: start the app for a campaign, in a folder of its own, and measure its process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90.0


@dataclass(frozen=True)
class Server:
    """A running server: its address, its port and its process."""

    url: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def memory(self) -> float:
        """Megabytes of memory that its process has (RSS); 0 where the system does not say."""
        return self._field("VmRSS") / 1024

    @property
    def descriptors(self) -> int:
        """The files and sockets that it has open; 0 where the system does not say."""
        try:
            return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))
        except OSError:
            return 0

    @property
    def threads(self) -> int:
        """Its threads."""
        return self._field("Threads")

    def _field(self, name: str) -> int:
        try:
            lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


@contextmanager
def serve(folder: Path, *options: str, **variables: str) -> Iterator[Server]:
    """Start the server with its runs and drawings in this folder, and end it.

    `variables`: of its environment. What it prints goes to a file in the folder.
    """
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    streamlit = Path(sys.executable).with_name("streamlit")
    command = [str(streamlit), "run", "dashboard/app.py", "--server.address=127.0.0.1", f"--server.port={port}"]
    places = {"DIGITS_RUNS": str(folder / "runs"), "DIGITS_DRAWINGS": str(folder / "drawings.csv")}
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "--server.headless=true", *options],
            cwd=ROOT,
            env=os.environ | places | variables,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    server = Server(f"http://127.0.0.1:{port}", port, process)
    try:
        _wait_until_healthy(server, log)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that no program of this machine listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_until_healthy(server: Server, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.process.poll() is None:
        try:
            with urllib.request.urlopen(f"{server.url}/_stcore/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError(f"The server did not start:\n{log.read_text()}")
