"""Goals of the benchmarks: what counts as reached, and how it is said."""

import json
import math

import pytest

from benchmarks import report
from benchmarks.report import Goal, worst


@pytest.mark.parametrize(
    ("goal", "row"),
    [
        (Goal("time", 2.0, least=6, aim=3, unit=" s", digits=1), ["time", "6 s", "3 s", "2.0 s", "aim"]),
        (Goal("time", 4.0, least=6, aim=3, unit=" s", digits=1), ["time", "6 s", "3 s", "4.0 s", "yes"]),
        (Goal("time", 6.1, least=6, aim=3, unit=" s", digits=1), ["time", "6 s", "3 s", "6.1 s", "NO"]),
        (Goal("time", math.inf, least=6), ["time", "6", "-", "not reached", "NO"]),
        (Goal("speed", 1.4, least=1.4, aim=2, more=True), ["speed", "1.4", "2", "1.40", "yes"]),
        (Goal("memory", 301.0, least=300, unit=" MB", digits=0), ["memory", "300 MB", "-", "301 MB", "NO"]),
    ],
)
def test_a_goal_is_reached_at_least_or_as_aimed_or_not(goal, row):
    assert goal.row() == row


def test_the_worst_of_several_figures_decides_and_is_named():
    assert worst("time", {"a": 1.0, "b": 3.0}, 2, 1).row()[3:] == ["3.00 (b)", "NO"]
    assert worst("speed", {"a": 1.0, "b": 3.0}, 2, 3, more=True).row()[3:] == ["1.00 (a)", "NO"]


def test_goals_of_one_benchmark_reach_the_table_of_all(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv(report.GOALS_FILE, str(tmp_path / "goals"))
    goals = Goal("never", math.inf, 6, 3), Goal("memory", 120.5, 300, unit=" MB", digits=0)
    report.conclude(*goals)
    kept = [Goal(**json.loads(line)) for line in (tmp_path / "goals").read_text().splitlines()]
    assert kept == list(goals)
    assert capsys.readouterr().out == ""
