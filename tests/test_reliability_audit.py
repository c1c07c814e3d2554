"""The audit of the installed packages, which must not fail without a network."""

import argparse
import json

import pytest

from reliability import audit
from reliability.audit import Audit, audit_packages, read_report

FOUND = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}


@pytest.mark.slow
def test_no_installed_package_has_a_known_weakness() -> None:
    found = audit_packages()
    if not found.checked:
        pytest.skip(f"nothing could be checked: {found.problem}")
    assert not found.weak


def test_a_package_with_a_known_weakness_is_named() -> None:
    packages = [{"name": "a", "version": "1", "vulns": [FOUND]}, {"name": "b", "version": "1", "vulns": []}]
    assert read_report(json.dumps({"dependencies": packages}), "") == Audit(2, ("a 1: PYSEC-1, mended in 2.0",))


@pytest.mark.parametrize(
    ("report", "messages"),
    [
        ("", "ConnectionError: Max retries exceeded"),
        ("", ""),
        ("[]", "x"),
        (json.dumps({"dependencies": [{"name": "a", "skip_reason": "not found on PyPI"}]}), ""),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_without_a_network_the_audit_fails_only_if_it_is_strict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], report: str, messages: str, strict: bool
) -> None:
    monkeypatch.setattr(audit, "audit_packages", lambda: read_report(report, messages))
    assert audit.run(argparse.Namespace(strict=strict)) == int(strict)
    assert "Not all packages were checked" in capsys.readouterr().out
