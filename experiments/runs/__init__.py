"""Runs: a run is a folder; all runs as a table; the trash."""
