"""`python -m experiments` is the command `digits`."""

import sys

from experiments.cli.main import main

sys.exit(main())
