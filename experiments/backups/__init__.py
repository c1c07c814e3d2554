"""Backups: runs, sweeps, drawings and corrected labels in one file, and back from it."""
