"""The campaign of the intruder: every attack on a real server fails."""

import pytest

from reliability import intruder

pytest.importorskip("authlib", reason="the extra `login` is not installed")


@pytest.mark.slow
def test_no_attack_of_an_intruder_succeeds() -> None:
    problems = [f"{name} {problem}" for name, problem, _ in intruder.try_all(seed=0) if problem]
    assert not problems


def test_an_attack_that_succeeds_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(intruder, "try_all", lambda seed: iter([("one", "", 1.0), ("another", "it is open", 1.0)]))
    assert intruder.run(type("Arguments", (), {"seed": 3})) == 1
    out = capsys.readouterr().out
    assert "refused    1.0 s  one" in out
    assert "BREACH    1.0 s  another  it is open" in out
    assert "--seed 3" in out
