"""One command for a fresh machine: `python3 start.py` opens the app, `python3 start.py test` runs every check.

Both install into the folder .venv, and do so again only when pyproject.toml or requirements.txt changed.
What follows `start.py` goes to Streamlit (--server.port 8502), what follows `start.py test` to pytest (-k drawings).
"""

import sys

# Before anything that an older Python could not read.
if not (3, 11) <= sys.version_info[:2] < (3, 14):
    sys.exit(
        "start.py: Digit Lab needs Python 3.11, 3.12 or 3.13, and this is "
        f"{sys.version_info[0]}.{sys.version_info[1]}. Install one of those from python.org/downloads and name it, "
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
STAMP = VENV / "digit-lab.txt"  # what was installed last: "<fingerprint> app" or "<fingerprint> dev"
INSTALLING = ["installing"]  # what STAMP says while pip is at work

# How pip words it, in its several releases, when it reaches no package index.
NO_NETWORK = re.compile(
    r"connection broken|NewConnectionError|Failed to establish|name resolution|Max retries|timed out|"
    r"Network is unreachable|ProxyError|Could not fetch URL|from versions: none",
    re.IGNORECASE,
)


class SetupError(Exception):
    """What is wrong and what to do, in one sentence."""


def main(arguments: list[str]) -> int:
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
    """Make .venv and install into it, unless that is done already; a half-made one is made anew."""
    wanted = [fingerprint(), "dev" if dev else "app"]
    installed = STAMP.read_text(encoding="utf-8").split() if STAMP.exists() else []
    if not is_usable(PYTHON) or installed == INSTALLING:
        make_environment()
    elif installed in (wanted, [wanted[0], "dev"]):
        return
    install(["-e", ".[dev]"] if dev else ["-r", "requirements.txt"])
    STAMP.write_text(" ".join(wanted), encoding="utf-8")


def fingerprint() -> str:
    """Changes with the two files that name the dependencies, and with the folder: the installation points to it."""
    digest = hashlib.sha256(str(ROOT).encode())
    for name in ("pyproject.toml", "requirements.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()[:16]


def is_usable(python: Path) -> bool:
    """Whether this Python starts, has a fitting version and has pip: what an interrupted or outdated .venv lacks."""
    question = "import pip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))"
    try:
        return subprocess.run([python, "-c", question], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def make_environment() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):
        raise SetupError(
            f"this Python {version} came without its venv module. On Debian or Ubuntu, install it with "
            f"`sudo apt install python3-venv` (or python{version}-venv) and start again."
        )
    print(f"{'Making .venv anew' if VENV.exists() else 'Making .venv'} with Python {version} ...", flush=True)
    # Inside a .venv that is about to be cleared, only the Python it was made from survives.
    python = getattr(sys, "_base_executable", sys.executable)
    if call([python, "-m", "venv", "--clear", str(VENV)]) != 0 or not is_usable(PYTHON):
        raise SetupError(f"could not make {VENV}; the lines above say why. Delete that folder and start again.")


def install(packages: list[str]) -> None:
    print("Installing Digit Lab into .venv; the first time this takes a minute or two ...", flush=True)
    STAMP.write_text(INSTALLING[0], encoding="utf-8")
    complaints = []
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *packages]
    if not sys.stdout.isatty():
        command.append("--quiet")  # nobody watches: two hundred lines less in a log
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, errors="replace") as pip:
        for line in pip.stderr or ():
            complaints.append(line)
            sys.stderr.write(line)
    if pip.returncode != 0:
        STAMP.unlink()  # pip came to an end of its own, so what it left may be built upon
        if any(NO_NETWORK.search(line) for line in complaints):
            raise SetupError("could not reach the package index. Check the network connection and start again.")
        raise SetupError("pip could not install the dependencies; its lines above say why.")


def open_app(arguments: list[str]) -> int:
    # Streamlit asks newcomers for an e-mail address before it starts: not here.
    command = [str(PYTHON), "-m", "streamlit", "run", "dashboard/app.py", "--server.showEmailPrompt=false", *arguments]
    if os.name == "nt":
        return call(command)
    # Streamlit takes the place of this process, so every signal reaches it and nothing can be left behind.
    os.chdir(ROOT)
    sys.stdout.flush()
    return os.execv(PYTHON, command)  # returns nothing: it does not return


def run_checks(arguments: list[str]) -> int:
    """Formatting, lint, types and tests; all run even when one fails. The last line printed counts the tests."""
    started = time.monotonic()
    failed = []
    for tool in (["ruff", "format", "--check"], ["ruff", "check"], ["mypy"]):
        name = " ".join(tool)
        if check(name, [str(PYTHON), "-m", *tool]) != 0:
            failed.append(name)

    workers = min(4, os.cpu_count() or 1)
    parallel = ["-n", str(workers), "--dist", "loadgroup"]
    parts = {
        f"Unit tests, {workers} at a time": ["-m", "not slow and not browser and not alone", *parallel],
        f"Slow tests and browser tests, {workers} at a time": ["-m", "(slow or browser) and not alone", *parallel],
        "Tests that measure time, one at a time": ["-m", "alone"],
    }
    if arguments:
        parts = {f"pytest {' '.join(arguments)}": arguments}
    with tempfile.TemporaryDirectory() as folder:
        reports: list[Path] = []
        for name, options in parts.items():
            reports.append(Path(folder) / f"{len(reports)}.xml")
            status = check(name, [str(PYTHON), "-m", "pytest", f"--junitxml={reports[-1]}", *options])
            if status not in (0, 5):  # 5: none of the tests asked for is in this part
                failed.append(name)
        counts = count_tests(reports)
    if failed:
        print(f"\nFailed: {'; '.join(failed)}.")
    print(closing_line(counts, time.monotonic() - started), flush=True)
    return 1 if failed or not counts["passed"] else 0


def check(name: str, command: list[str]) -> int:
    print(f"\n{name}", flush=True)
    return call(command)


def call(command: list[str]) -> int:
    """Run a command in the project's folder to its end. One that is to stop is given time to clean up."""
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # Ctrl-C in a terminal reached it too
            process.wait()
            raise
        except SystemExit:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise


def count_tests(reports: list[Path]) -> dict[str, int]:
    """Add up what pytest wrote; a part that broke off before it wrote anything counts as one error."""
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
    """The line with which pytest ends, for all parts together: "== 1 failed, 41 passed in 12.30s =="."""
    words = [f"{count} {word}" for word, count in counts.items() if count] or ["no tests ran"]
    return f" {', '.join(words)} in {seconds:.2f}s ".center(80, "=")


if __name__ == "__main__":
    # A `kill` reaches this process only: what it started must not go on alone.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    sys.exit(main(sys.argv[1:]))
