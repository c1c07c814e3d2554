"""Outcome of a part of a campaign: how much was tried, and each promise that was broken."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """Counts of one part, and sentences about broken promises."""

    name: str
    kills: int = 0
    compared: int = 0  # runs, sweeps or storages that were compared afterwards
    acknowledged: int = 0  # rows that were reported as stored
    broken: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def check(self, sentences: Iterable[str]) -> None:
        """Note each of these as a broken promise."""
        self.broken += sentences

    def line(self) -> str:
        """A line of the table that a campaign prints."""
        seconds = time.monotonic() - self.began
        rows = f"{self.acknowledged:,}" if self.acknowledged else "-"
        return f"{self.name:18} {self.kills:6} {self.compared:9} {rows:>12} {len(self.broken):7} {seconds:8.0f} s"
