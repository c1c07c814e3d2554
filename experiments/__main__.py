"""`python -m experiments` is the command `digits`."""

import sys

from experiments.cli import main

sys.exit(main())
