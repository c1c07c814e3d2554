"""Sweep worker: the process that drives a sweep which was started from a page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from experiments.sweep_driver import Driver
from experiments.sweeps import Sweep
from experiments.worker import Departure


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.sweep_worker", description=__doc__)
    parser.add_argument("sweep", type=Path, help="the folder of the sweep")
    parser.add_argument("--with-parent", action="store_true", help="leave when standard input ends")
    arguments = parser.parse_args()
    departure = Departure()
    with departure.noticed():
        if arguments.with_parent:
            departure.watch_parent()
        for _ in Driver(Sweep(arguments.sweep.absolute()), departure=departure).drive():
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
