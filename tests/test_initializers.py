"""Initializers and randomness: the spread that the formulas promise, from generators that depend on
their key alone.
"""

import pytest

from model.initializers import INITIALIZERS
from model.rng import Purpose, rng


@pytest.mark.parametrize(
    ("name", "variance"),
    [("he", 2 / 300), ("xavier", 2 / 500), ("lecun", 1 / 300), ("normal", 0.01**2), ("zeros", 0)],
)
def test_an_initializer_has_its_variance(name, variance):
    W = INITIALIZERS[name](rng(0, Purpose.WEIGHTS), 300, 200)
    assert W.shape == (300, 200)
    assert W.var() == pytest.approx(variance, rel=0.03)
    assert W.mean() == pytest.approx(0, abs=0.001)


def test_a_generator_is_a_function_of_its_key():
    keys = [(0, Purpose.SHUFFLE, 1), (0, Purpose.SHUFFLE, 2), (0, Purpose.DROPOUT, 1), (1, Purpose.SHUFFLE, 1)]
    draws = [rng(*key).integers(2**60) for key in keys]
    assert draws == [rng(*key).integers(2**60) for key in keys]
    assert len(set(draws)) == 4
