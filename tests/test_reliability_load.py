"""A short load on a real server, and two servers behind one address, of which one is killed."""

from pathlib import Path

import pytest

from reliability.load import Plan, load
from reliability.replicas import draw_and_kill
from reliability.server import serve
from tests.postgres import postgres  # noqa: F401

pytestmark = [pytest.mark.slow, pytest.mark.alone]


@pytest.mark.timeout(200)
def test_five_visitors_get_the_answers_to_their_own_drawings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reliability.load.SETTLE_SECONDS", 0.0)
    with serve(tmp_path) as server:
        result = load(server, Plan(sessions=5, seconds=6.0, every=1.0))
    print(result.report())
    assert len(result.answers) >= 15
    assert not result.mixed
    assert not result.errors
    assert result.usage[-1].memory < 800


@pytest.mark.timeout(200)
def test_two_servers_lose_no_drawing_when_one_is_killed(postgres: str, tmp_path: Path) -> None:  # noqa: F811
    outcome = draw_and_kill(tmp_path, postgres, sessions=3, seconds=12.0, seed=7)
    print(outcome.report())
    assert not outcome.faults()
    assert outcome.broken
