"""What each command of `digits` does, in a module for each that has much to do and for each few that are alike."""

import sys

from model.errors import DigitLabError

BAD_INPUT = (DigitLabError, OSError)


def complain(sentence: str) -> int:
    print(f"digits: {' '.join(sentence.split())}", file=sys.stderr)
    return 2
