"""Correcting: what is said about a label is put down, and what holds, or held in any version, is loaded."""

from functools import lru_cache

from dataset.corrections.home import store
from dataset.corrections.log import HEADER, CorrectionLog, Corrections, fault
from dataset.digits import DataError
from dataset.drawings.log import now

NEWEST = "newest"  # the version that is there when it is asked for


def correct_label(image: str, verdict: str, *, given: int, label: int, session: str = "") -> None:
    """Put down what was said about the image with this hash, whose label was given as that; for good on return."""
    said = [now(), image, str(given), verdict, str(label), session]
    if wrong := fault(said):
        raise DataError(f"What is said of a label has {wrong[0]}, got {wrong[1]}.")
    home = store()
    with home.writing() as log:
        home.write(*([] if log.entries else [HEADER]), ",".join(said))


def load_corrections(version: str = NEWEST) -> Corrections:
    """What holds now, or held in an earlier version; empty: the labels as they came. Raises DataError."""
    if not version:
        return Corrections()
    home = store()
    with home.reading() as log:
        found = _corrections(log, log.version if version == NEWEST else version)
    if found is None:
        raise DataError(
            f"{home.name} does not hold the corrected labels {version}. Put them back (digits data import, digits data "
            "move), or train on the labels as they came."
        )
    return found


@lru_cache(maxsize=8)
def _corrections(log: CorrectionLog, version: str) -> Corrections | None:
    then = log if version == log.version else log.at(version)
    return then.corrections() if then else None
