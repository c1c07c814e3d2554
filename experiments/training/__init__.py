"""Training: the worker of a run, its data and its cost."""
