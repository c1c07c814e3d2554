"""A public dashboard without a login: one client starts many trainings, another starts one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import serve
from tests.browser.forging import forge

pytestmark = [pytest.mark.browser, pytest.mark.slow]
START = "Start fresh"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("[digit_lab]\npublic = true\ntrainings_per_session = 1\n")
    with serve(tmp_path, f"--secrets.files={secrets}") as address:
        yield address


def test_who_starts_one_training_after_another_gets_one_and_the_next_visitor_too(url: str, tmp_path: Path) -> None:
    def started() -> int:
        return len(list((tmp_path / "runs").glob("*/config.json")))

    with forge(url, "train") as hostile, forge(url, "train") as other:
        first = hostile.buttons[START].id
        hostile.run(button=first)
        assert started() == 1
        for button in (first, hostile.buttons[START].id):  # pressed again though it is gone, and as it is now
            hostile.run(button=button)
            assert any("at most 1 training at a time here, and you have 1" in text for text in hostile.texts)
        assert started() == 1
        other.press(START)
        assert started() == 2


def test_secrets_with_a_slip_open_no_page(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets.toml"
    secrets.write_text("[digit_lab]\npublik = true\n")
    with serve(tmp_path, f"--secrets.files={secrets}") as address, forge(address, "train") as visitor:
        assert START not in visitor.buttons
        assert any("unknown field `publik`" in text for text in visitor.texts)
