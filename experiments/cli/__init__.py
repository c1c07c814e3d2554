"""Command line: the parser of `digits` and its commands."""
