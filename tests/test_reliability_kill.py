"""A small part of the campaign that kills processes at random moments."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from reliability.kill import SHARES, shares_of

ROOT = Path(__file__).parent.parent


def test_the_kills_are_shared_out_and_each_part_gets_one():
    for times in (20, 50, 1000):
        counts = shares_of(times, list(SHARES))
        assert min(counts.values()) >= 1
        assert sum(counts.values()) == times


@pytest.mark.slow
def test_fifty_kills_lose_nothing():
    seed = random.randrange(10**6)
    done = subprocess.run(
        [sys.executable, "-m", "reliability", "kill", "--times", "50", "--seed", str(seed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "0 broken promises" in done.stdout
