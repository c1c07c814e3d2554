"""Sweep worker: the process that drives a sweep which was started from a page."""

from __future__ import annotations

import sys
from pathlib import Path

from experiments.jobs.shutdown import Departure, attend
from experiments.sweeps.driver import Driver
from experiments.sweeps.sweep import Sweep


def main() -> int:
    def work(folder: Path, departure: Departure) -> None:
        for _ in Driver(Sweep(folder), departure=departure).drive():
            pass

    return attend("experiments.sweeps.worker", __doc__, work)


if __name__ == "__main__":
    sys.exit(main())
