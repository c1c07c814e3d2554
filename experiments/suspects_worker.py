"""Suspects worker: the process of a search for suspect labels that was started from a page."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path

from experiments.runs import RunError
from experiments.suspects import Search, run_search
from experiments.worker import Departure


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m experiments.suspects_worker", description=__doc__)
    parser.add_argument("search", type=Path, help="the folder of the search")
    parser.add_argument("--with-parent", action="store_true", help="leave when standard input ends")
    arguments = parser.parse_args()
    departure = Departure()
    with departure.noticed():
        if arguments.with_parent:
            departure.watch_parent()
        try:
            with closing(run_search(Search(arguments.search.absolute()))) as statuses:
                for _ in statuses:
                    if departure.asked:
                        break
        except RunError as error:  # two people started it at once
            print(error)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
