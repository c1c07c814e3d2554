"""Suspects worker: the process of a search for suspect labels that was started from a page."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from experiments.jobs.shutdown import Departure, attend
from experiments.label_errors.search import Search, run_search
from experiments.runs.run import RunError


def main() -> int:
    def work(folder: Path, departure: Departure) -> None:
        try:
            with closing(run_search(Search(folder))) as statuses:
                for _ in statuses:
                    if departure.asked:
                        break
        except RunError as error:  # two people started it at once
            print(error)
            raise

    return attend("experiments.label_errors.worker", __doc__, work)


if __name__ == "__main__":
    sys.exit(main())
