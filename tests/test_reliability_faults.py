"""The short ones of the faults that a campaign tries."""

import subprocess
import sys
from pathlib import Path

import pytest

from reliability.faults import FAULTS

ROOT = Path(__file__).parent.parent
SHORT = ["full-disk", "read-only-folder", "halted-worker", "clock-jumps", "database-outage-while-drawing"]


def test_each_fault_says_what_is_promised():
    assert set(SHORT) <= set(FAULTS)
    assert all((fault.__doc__ or "").strip().endswith(".") for fault in FAULTS.values())


@pytest.mark.slow
@pytest.mark.parametrize("fault", SHORT)
def test_the_promise_is_kept(fault):
    done = subprocess.run(
        [sys.executable, "-m", "reliability", "faults", "--only", fault],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert "0 broken promises" in done.stdout
