"""Formats: shares, counts, durations and other numbers as people read them.

A no-break space stands between a number and its unit, so that no line ends between them.
"""

from __future__ import annotations

from collections.abc import Sequence

NO_BREAK = "\N{NO-BREAK SPACE}"
MISSING = "–"


def percent(share: float | None, digits: int = 1) -> str:
    """A share from 0 to 1 in percent: "97.4 %". None gives a dash."""
    return MISSING if share is None else f"{100 * share:.{digits}f}{NO_BREAK}%"


def probability(share: float) -> str:
    """A probability of a network in percent; it is never exactly 0 or 1, so neither is the text."""
    if share < 0.001:
        return f"under 0.1{NO_BREAK}%"
    if share > 0.999:
        return f"over 99.9{NO_BREAK}%"
    return percent(float(share))


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 drawing", "1,024 drawings"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """Seconds in the unit that suits their length: "3.2 s", "45 s", "12 min", "2 h 5 min"."""
    if seconds < 90:
        number = f"{seconds:.1f}".removesuffix(".0") if seconds < 10 else f"{seconds:.0f}"
        return f"{number}{NO_BREAK}s"
    if seconds < 5400:
        return f"{seconds / 60:.0f}{NO_BREAK}min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours}{NO_BREAK}h {minutes}{NO_BREAK}min"


def loss(value: float | None) -> str:
    """A loss with four decimals, or in scientific notation where these would all be 0.

    None gives a dash.
    """
    if value is None:
        return MISSING
    return f"{value:.4f}" if value >= 0.001 else f"{value:.1e}"


def number(value: float) -> str:
    """A whole number in full, any other with three digits: "1,024", "0.0032", "12,346"."""
    if float(value).is_integer() and abs(value) < 1e9:
        return f"{int(value):,}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def joined(words: Sequence[str], last: str = "or") -> str:
    """Words as an enumeration: "4, 5 or 6"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def size(bytes_: float) -> str:
    """Bytes in the unit that suits them, of 1,000 each: "812 bytes", "1.2 MB", "34 MB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if bytes_ >= scale:
            number = f"{bytes_ / scale:.1f}" if bytes_ < 9.95 * scale else f"{bytes_ / scale:,.0f}"
            return f"{number}{NO_BREAK}{unit}"
    return count(int(bytes_), "byte").replace(" ", NO_BREAK)
