"""Install Digit Lab and open it (`python3 start.py`) or run every check (`python3 start.py test`).

Both commands install into the folder .venv, and install again only when pyproject.toml or
requirements.txt has changed. Options of `start.py` go to Streamlit (--server.port 8502), options of
`start.py test` to pytest (-k drawings). `start.py test --all` adds the slow tests.
"""

import sys

# An older Python could not read the code below this check.
if not (3, 11) <= sys.version_info[:2] < (3, 14):
    sys.exit(
        "start.py: Digit Lab needs Python 3.11, 3.12 or 3.13, and this is "
        f"{sys.version_info[0]}.{sys.version_info[1]}. Install one of those from python.org/downloads and use it, "
        "for example: python3.13 start.py"
    )

import hashlib
import importlib.util
import os
import re
import signal
import subprocess
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "digit-lab.txt"  # the last installation: "<fingerprint> app" or "<fingerprint> dev"
INSTALLING = ["installing"]  # content of STAMP while pip runs

# Messages of pip, in several releases, when it cannot reach the package index.
NO_NETWORK = re.compile(
    r"connection broken|NewConnectionError|Failed to establish|name resolution|Max retries|timed out|"
    r"Network is unreachable|ProxyError|Could not fetch URL|from versions: none",
    re.IGNORECASE,
)


class SetupError(Exception):
    """The installation failed; the message gives the reason and what to do."""


def main(arguments: list[str]) -> int:
    """Run the command of these arguments; -> exit status."""
    try:
        if arguments[:1] == ["test"]:
            prepare(dev=True)
            return run_checks(arguments[1:])
        if arguments[:1] in (["-h"], ["--help"]):
            print(__doc__)
            return 0
        if arguments and not arguments[0].startswith("-"):
            raise SetupError(f"there is no command {arguments[0]!r}: use `start.py` or `start.py test`.")
        prepare(dev=False)
        return open_app(arguments)
    except SetupError as error:
        print(f"start.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
        return 130


def prepare(*, dev: bool) -> None:
    """Create .venv and install into it, unless that has been done. Replace an incomplete .venv."""
    wanted = [fingerprint(), "dev" if dev else "app"]
    installed = STAMP.read_text(encoding="utf-8").split() if STAMP.exists() else []
    if not is_usable(PYTHON) or installed == INSTALLING:
        make_environment()
    elif installed in (wanted, [wanted[0], "dev"]):
        return
    install(["-e", ".[dev]"] if dev else ["-r", "requirements.txt"])
    STAMP.write_text(" ".join(wanted), encoding="utf-8")


def fingerprint() -> str:
    """Hash of the two files that name the dependencies, and of the folder that .venv points to."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", "requirements.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()[:16]


def is_usable(python: Path) -> bool:
    """Whether this Python starts, has a supported version and has pip."""
    question = "import pip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
    try:
        return subprocess.run([python, "-c", question], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def make_environment() -> None:
    """Create an empty .venv with the Python that runs this file."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise SetupError(
            f"this Python {version} came without its venv module. On Debian or Ubuntu, install it with "
            f"`sudo apt install python3-venv` (or python{version}-venv) and start again."
        )
    print(f"{'Replacing' if VENV.exists() else 'Creating'} .venv with Python {version} ...", flush=True)
    # The Python inside .venv is deleted with it; the Python that created it stays.
    python = getattr(sys, "_base_executable", sys.executable)
    if call([python, "-m", "venv", "--clear", str(VENV)]) != 0 or not is_usable(PYTHON):
        raise SetupError(f"could not create {VENV}; the lines above give the reason. Delete it and start again.")


def install(packages: list[str]) -> None:
    """Install these packages (arguments of `pip install`) into .venv."""
    print("Installing Digit Lab into .venv; the first time this takes a minute or two ...", flush=True)
    STAMP.write_text(INSTALLING[0], encoding="utf-8")
    messages = []
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *packages]
    if not sys.stdout.isatty():
        command.append("--quiet")  # saves two hundred lines in a log
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, errors="replace") as pip:
        for line in pip.stderr or ():
            messages.append(line)
            sys.stderr.write(line)
    if pip.returncode != 0:
        STAMP.unlink()  # pip was not interrupted, so .venv is usable and the next start continues with it
        if any(NO_NETWORK.search(line) for line in messages):
            raise SetupError("could not reach the package index. Check the network connection and start again.")
        raise SetupError("pip could not install the dependencies; its lines above give the reason.")


def open_app(arguments: list[str]) -> int:
    """Start Streamlit with these options; on Linux and macOS it replaces this process."""
    # Without this option Streamlit asks a new user for an e-mail address before it starts.
    command = [str(PYTHON), "-m", "streamlit", "run", "dashboard/app.py", "--server.showEmailPrompt=false", *arguments]
    if os.name == "nt":
        return call(command)
    # Streamlit replaces this process, so every signal reaches it and no process stays behind.
    os.chdir(ROOT)
    sys.stdout.flush()
    return os.execv(PYTHON, command)  # never returns


def run_checks(arguments: list[str]) -> int:
    """Check formatting, lint, types and tests, all of them even if one fails; -> exit status.

    `--all` adds the slow tests; other arguments go to pytest. The last line counts all tests.
    """
    started = time.monotonic()
    failed = []
    for tool in (["ruff", "format", "--check"], ["ruff", "check"], ["mypy"]):
        name = " ".join(tool)
        if check(name, [str(PYTHON), "-m", *tool]) != 0:
            failed.append(name)

    workers = min(4, os.cpu_count() or 1)
    parallel = ["-n", str(workers), "--dist", "loadfile"]  # a module's browser tests share a server
    parts = {
        f"Unit tests, {workers} at a time": ["-m", "not slow and not browser and not alone", *parallel],
        f"Browser tests, {workers} at a time": ["-m", "browser and not slow and not alone", *parallel],
    }
    if arguments == ["--all"]:
        parts |= {
            f"Slow tests, {workers} at a time": ["-m", "slow", *parallel],
            "Tests that measure time, one at a time": ["-m", "alone"],
        }
    elif arguments:
        parts = {f"pytest {' '.join(arguments)}": arguments}
    with tempfile.TemporaryDirectory() as folder:
        reports: list[Path] = []
        for name, options in parts.items():
            reports.append(Path(folder) / f"{len(reports)}.xml")
            status = check(name, [str(PYTHON), "-m", "pytest", f"--junitxml={reports[-1]}", *options])
            if status not in (0, 5):  # 5: this part has none of the selected tests
                failed.append(name)
        counts = count_tests(reports)
    if failed:
        print(f"\nFailed: {'; '.join(failed)}.")
    print(closing_line(counts, time.monotonic() - started), flush=True)
    return 1 if failed or not counts["passed"] else 0


def check(name: str, command: list[str]) -> int:
    """Print the name of a check and run its command; -> exit status."""
    print(f"\n{name}", flush=True)
    return call(command)


def call(command: list[str]) -> int:
    """Run a command in the project's folder; -> exit status. On a stop request, let it clean up first."""
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # Ctrl-C in a terminal reaches the command too
            process.wait()
            raise
        except SystemExit:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise


def count_tests(reports: list[Path]) -> dict[str, int]:
    """Add up the reports (JUnit XML) of pytest; a missing report counts as one error."""
    total = dict.fromkeys(("tests", "failures", "skipped", "errors"), 0)
    for report in reports:
        if not report.exists():
            total["errors"] += 1
            total["tests"] += 1
            continue
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):
            for key in total:
                total[key] += int(suite.get(key, 0))
    passed = total["tests"] - total["failures"] - total["skipped"] - total["errors"]
    return {"failed": total["failures"], "passed": passed, "skipped": total["skipped"], "errors": total["errors"]}


def closing_line(counts: dict[str, int], seconds: float) -> str:
    """The last line of pytest, for all parts together: "== 1 failed, 41 passed in 12.30s =="."""
    words = [f"{count} {word}" for word, count in counts.items() if count] or ["no tests ran"]
    return f" {', '.join(words)} in {seconds:.2f}s ".center(80, "=")


if __name__ == "__main__":
    # `kill` reaches only this process: it must stop the processes that it started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))
