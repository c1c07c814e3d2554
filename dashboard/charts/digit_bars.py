"""Digit bars: the number of drawings of each digit."""

from collections.abc import Sequence

from dashboard.theme import Palette
from experiments.formats import joined


def digit_bars(counts: Sequence[int], palette: Palette, *, caption: str) -> str:
    """Ten upright bars with their numbers, as a table that screen readers can read."""
    most = max(1, *counts)
    bars = "".join(
        f'<td style="--share: {count / most:.4f};"><span>{count:,}</span><i style="background: {colour};"></i></td>'
        for count, colour in zip(map(int, counts), palette.digits, strict=True)
    )
    heads = "".join(f'<th scope="col">{digit}</th>' for digit in range(len(counts)))
    return (
        f'<table class="digit-bars" style="--line: {palette.line};"><caption>{caption}</caption>'
        f"<tr>{bars}</tr><tr>{heads}</tr></table>"
    )


def missing_hint(counts: Sequence[int]) -> str:
    """Which digits to draw next: those without any drawing, or with far fewer than the others."""
    total = sum(map(int, counts))
    missing = [str(digit) for digit, count in enumerate(counts) if not count]
    few = [str(digit) for digit, count in enumerate(counts) if count and count < total / 40]
    if missing and total:
        return f"You have no {joined(missing)} yet: the network cannot learn them without drawings."
    if few:
        return f"You have few of {joined(few, 'and')}: some more would help most."
    return ""
