"""The page of a live run refreshes less often when many people watch, and often again later."""

import pytest

from dashboard.train import refresh
from dashboard.train.refresh import FORGET_SECONDS, PER_SECOND, SECONDS, is_outdated, refresh_seconds


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(refresh, "_seen", {})
    clock = Clock()
    monkeypatch.setattr(refresh, "time", clock)
    return clock


def watch(monkeypatch, number):
    monkeypatch.setattr(refresh.state, "session_id", f"visitor {number}", raising=False)
    return refresh_seconds()


def test_all_who_watch_together_cost_no_more_than_a_few_refreshes_a_second(clock, monkeypatch):
    monkeypatch.setattr(refresh, "state", type("Session", (), {"session_id": ""})())
    for number in range(50):
        seconds = watch(monkeypatch, number)
        assert (number + 1) / seconds <= PER_SECOND
    assert watch(monkeypatch, 0) == 8.0
    assert is_outdated(SECONDS[0])
    assert not is_outdated(8.0)
    clock.now += FORGET_SECONDS + 1
    assert watch(monkeypatch, 0) == SECONDS[0]
    assert is_outdated(8.0)
    assert not is_outdated(1.0)
