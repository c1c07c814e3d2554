"""Suspects worker: the process of a search for suspect labels that was started from a page."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from experiments.departure import Departure, attend
from experiments.runs import RunError
from experiments.suspects.searches import Search, run_search


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

    return attend("experiments.suspects.worker", __doc__, work)


if __name__ == "__main__":
    sys.exit(main())
