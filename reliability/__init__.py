"""Campaigns that try to break Digit Lab: damaged files, killed processes, faults, load, intruders.

`python -m reliability NAME` runs one. docs/reliability.md says what each promise is, how it is
tested, and the last figures. Continuous integration runs a small part of each as tests.
"""
