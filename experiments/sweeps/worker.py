"""Sweep worker: the process that drives a sweep which was started from a page."""

from __future__ import annotations

import sys
from pathlib import Path

from experiments.jobs.launch import worker_main
from experiments.jobs.shutdown import Shutdown
from experiments.sweeps.driver import Driver
from experiments.sweeps.sweep import Sweep


def main() -> int:
    def work(folder: Path, shutdown: Shutdown) -> None:
        for _ in Driver(Sweep(folder), shutdown=shutdown).drive():
            pass

    return worker_main(work)


if __name__ == "__main__":
    sys.exit(main())
