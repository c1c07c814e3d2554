"""Experiments: runs outside the web server, and the command `digits`."""
