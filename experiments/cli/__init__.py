"""Command line: what each command of `digits` does, and the parser of its options."""
