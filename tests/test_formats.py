"""Formats: numbers are written as people read them."""

import pytest

from experiments.formats import NO_BREAK, count, duration, joined, loss, number, percent, probability


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.974, "97.4 %"), (1.0, "over 99.9 %"), (0.99951, "over 99.9 %"), (0.0004, "under 0.1 %"), (0.0, "under 0.1 %")],
)
def test_a_probability_is_never_rounded_to_certainty(share: float, text: str):
    assert probability(share).replace(NO_BREAK, " ") == text


def test_a_share_that_is_not_known_is_a_dash():
    assert percent(None) == "–"
    assert percent(0.98765, digits=2) == f"98.77{NO_BREAK}%"


def test_a_single_thing_has_no_plural():
    assert [count(n, "drawing") for n in (0, 1, 1024)] == ["0 drawings", "1 drawing", "1,024 drawings"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.21, "3.2 s"), (5.0, "5 s"), (45.4, "45 s"), (720, "12 min"), (7500, "2 h 5 min")]
)
def test_a_duration_has_the_unit_that_suits_it(seconds: float, text: str):
    assert duration(seconds).replace(NO_BREAK, " ") == text


def test_a_small_loss_keeps_its_digits():
    assert (loss(0.0832), loss(0.00012)) == ("0.0832", "1.2e-04")


@pytest.mark.parametrize(("value", "text"), [(1024, "1,024"), (0.00321, "0.00321"), (12345.6, "12,346"), (0.5, "0.5")])
def test_a_number_has_three_digits_unless_it_is_whole(value: float, text: str):
    assert number(value) == text


def test_words_are_enumerated():
    assert (joined(["4"]), joined(["4", "5", "6"]), joined(["4", "5"], "and")) == ("4", "4, 5 or 6", "4 and 5")
