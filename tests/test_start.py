"""The start command: when it installs, its errors, and that Ctrl-C leaves no process behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import start


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with a fresh .venv, whose Python is the Python of the tests."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "requirements.txt").write_text("-e .\n")
    (tmp_path / ".venv").mkdir()
    for name, path in {"ROOT": ".", "VENV": ".venv", "STAMP": ".venv/digit-lab.txt"}.items():
        monkeypatch.setattr(start, name, tmp_path / path)
    monkeypatch.setattr(start, "PYTHON", Path(sys.executable))
    return tmp_path


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `prepare` did, in order; nothing is really made or installed."""
    steps: list[str] = []
    monkeypatch.setattr(start, "make_environment", lambda: steps.append("make"))
    monkeypatch.setattr(start, "install", lambda packages: steps.append(packages[-1]))
    return steps


def test_the_app_is_installed_once(project: Path, done: list[str]) -> None:
    start.prepare(dev=False)
    start.prepare(dev=False)
    assert done == ["requirements.txt"]


@pytest.mark.parametrize("name", ["pyproject.toml", "requirements.txt"])
def test_a_changed_dependency_is_installed(project: Path, done: list[str], name: str) -> None:
    start.prepare(dev=True)
    (project / name).write_text("numpy\n")
    start.prepare(dev=True)
    assert done == [".[dev]", ".[dev]"]


def test_the_tests_add_what_only_they_need_and_the_app_then_needs_nothing(project: Path, done: list[str]) -> None:
    start.prepare(dev=False)
    start.prepare(dev=True)
    start.prepare(dev=False)
    assert done == ["requirements.txt", ".[dev]"]


def test_an_environment_whose_installation_was_cut_off_is_made_anew(project: Path, done: list[str]) -> None:
    start.STAMP.write_text("installing")
    start.prepare(dev=False)
    assert done == ["make", "requirements.txt"]


def test_an_environment_without_a_working_python_is_made_anew(
    project: Path, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    start.prepare(dev=False)
    monkeypatch.setattr(start, "PYTHON", project / "gone" / "python")
    start.prepare(dev=False)
    assert done == ["requirements.txt", "make", "requirements.txt"]


def test_a_python_without_venv_is_told_the_package_to_install(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(start, "PYTHON", project / "gone" / "python")
    assert start.main([]) == 1
    assert "sudo apt install python3-venv" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("complaint", "sentence"),
    [
        ("WARNING: Retrying after connection broken by 'NewConnectionError'", "Check the network connection"),
        ("ERROR: No space left on device", "its lines above give the reason"),
    ],
)
def test_a_failed_installation_ends_in_one_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], complaint: str, sentence: str
) -> None:
    pip = project / "pip"
    pip.write_text(f'#!/bin/sh\necho "{complaint}" >&2\nexit 1\n')
    pip.chmod(0o755)
    monkeypatch.setattr(start, "PYTHON", pip)
    monkeypatch.setattr(start, "is_usable", lambda python: True)
    assert start.main([]) == 1
    assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert not start.STAMP.exists()  # so the next start tries again


def test_an_unknown_command_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main(["tests"]) == 1
    assert capsys.readouterr().err == ("start.py: there is no command 'tests': use `start.py` or `start.py test`.\n")


def test_the_closing_line_adds_the_parts_up(tmp_path: Path) -> None:
    first, second = tmp_path / "1.xml", tmp_path / "2.xml"
    first.write_text('<testsuites><testsuite tests="5" failures="1" errors="0" skipped="1"/></testsuites>')
    second.write_text('<testsuites><testsuite tests="2" failures="0" errors="0" skipped="0"/></testsuites>')
    counts = start.count_tests([first, second])
    assert start.closing_line(counts, 3.5).strip("= ") == "1 failed, 5 passed, 1 skipped in 3.50s"


def test_a_part_that_wrote_no_report_is_an_error(tmp_path: Path) -> None:
    assert start.count_tests([tmp_path / "none.xml"])["errors"] == 1


@pytest.fixture
def app() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The app started by start.py with the Python of the tests, in a process group of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code = "import sys, start; start.PYTHON = sys.executable; sys.exit(start.open_app(sys.argv[1:]))"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"],
        cwd=start.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    yield process, port
    if process.poll() is None:
        process.kill()
    process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has neither process groups nor SIGINT")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_app_with_no_process_left_and_no_traceback(
    app: tuple[subprocess.Popen[str], int], number: signal.Signals
) -> None:
    process, port = app
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1):
                break
        except OSError:
            time.sleep(0.1)
    os.killpg(process.pid, number)
    output, _ = process.communicate(timeout=60)
    assert "You can now view your Streamlit app" in output
    assert "Traceback" not in output
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_tests_started_in_a_background_shell_can_send_ctrl_c_to_their_processes() -> None:
    code = """
import signal
from tests.conftest import pytest_configure
assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
pytest_configure()
assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
"""
    background = ["bash", "-c", "trap '' INT; exec \"$@\"", "background shell"]
    subprocess.run([*background, sys.executable, "-c", code], cwd=start.ROOT, check=True)
