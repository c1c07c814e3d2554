"""What each command of `digits` does, in a module for each that has much to do and for each few that are alike."""

import sys

from dataset import DataError
from experiments.runs.run import RunError
from experiments.sweeps import SweepError
from model import BlankDrawing, CheckpointError, ConfigError

BAD_INPUT = (ConfigError, CheckpointError, DataError, RunError, SweepError, BlankDrawing, OSError)


def complain(sentence: str) -> int:
    print(f"digits: {' '.join(sentence.split())}", file=sys.stderr)
    return 2
