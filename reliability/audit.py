"""Audit: known weaknesses of the installed packages, found by pip-audit.

It asks the package index. Where that cannot be reached, or does not know a package, the audit says
so and does not fail, unless `--strict` is given.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

SECONDS = 300.0  # for all packages together
COMMAND = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--progress-spinner=off"]
OPTIONS = ["--timeout=15", "--format=json"]


@dataclass(frozen=True)
class Audit:
    """The number of packages that were checked, and those with a known weakness."""

    checked: int = 0
    weak: tuple[str, ...] = ()
    problem: str = ""  # why packages could not be checked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--strict", action="store_true", help="fail also if nothing could be checked")


def run(arguments: argparse.Namespace) -> int:
    """Audit the packages of this environment; 1 if one has a known weakness."""
    audit = audit_packages()
    for weakness in audit.weak:
        print(weakness)
    if audit.problem:
        print(f"Not all packages were checked: {audit.problem}")
    print(f"{audit.checked} packages were checked, {len(audit.weak)} known weaknesses were found.")
    return int(bool(audit.weak) or (arguments.strict and not audit.checked))


def audit_packages() -> Audit:
    """Run pip-audit on this environment."""
    if find_spec("pip_audit") is None:
        return Audit(problem="pip-audit is not installed. Install it: pip install 'digit-lab[audit]'.")
    try:
        done = subprocess.run([*COMMAND, *OPTIONS], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return Audit(problem=f"the package index did not answer within {SECONDS:.0f} s.")
    return read_report(done.stdout, done.stderr)


def read_report(report: str, messages: str) -> Audit:
    """The result in a JSON report of pip-audit; without one, its last message is the problem."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Audit(problem=(messages.strip().splitlines() or ["pip-audit gave no report."])[-1][:300])
    weak = tuple(
        f"{package['name']} {package['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
    )
    skipped = [package for package in packages if "skip_reason" in package]
    problem = f"{len(skipped)} of {len(packages)}; the first: {skipped[0]['skip_reason']}" if skipped else ""
    return Audit(len(packages) - len(skipped), weak, problem)
