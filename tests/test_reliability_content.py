"""Forged content costs a real server little: a part of `python -m reliability content`."""

from pathlib import Path

import pytest

from reliability import content
from tests.browser.chromium import serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]
LONG = {"a CSV file of 18 MB", "a CSV file of 60 MB"}


def test_what_a_visitor_forges_costs_little_memory_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "CONTENTS", {name: of for name, of in content.CONTENTS.items() if name not in LONG})
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(content.SECRETS)
    with serve(tmp_path, f"--secrets.files={secrets}") as url:
        found = list(content.send_all(url, 1))
    assert not [str(result) for result in found if result.problem]
