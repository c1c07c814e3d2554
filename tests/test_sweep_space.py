"""Search space: what may be searched, the values of a grid, and a sentence for each mistake."""

import msgspec
import pytest

from experiments.runs.config import RunConfig
from experiments.sweeps.space import (
    SEARCHABLE,
    Range,
    SweepError,
    check_space,
    config_of,
    distributions,
    from_optuna,
    grid_size,
    grid_values,
    read_space,
    sample_combinations,
    to_optuna,
)

BASE = RunConfig()


def test_a_grid_takes_values_evenly_apart_and_readable():
    assert Range(0.001, 0.1, log=True, points=5).values("learning_rate") == (0.001, 0.00316, 0.01, 0.0316, 0.1)
    assert Range(0.0, 0.5, points=3).values("dropout") == (0.0, 0.25, 0.5)
    assert Range(8, 64, log=True, points=4).values("width") == (8, 16, 32, 64)
    assert Range(1, 2, points=5).values("depth") == (1, 2)  # whole numbers, each once


def test_the_size_of_a_grid_is_the_product_of_its_values():
    space = {"learning_rate": Range(0.001, 0.1, log=True, points=5), "batch_size": (32, 64)}
    assert grid_size(space) == 10


@pytest.mark.parametrize("name", SEARCHABLE)
def test_everything_offered_can_be_searched_alone(name):
    check_space({name: SEARCHABLE[name]}, BASE, {}, grid=True)
    for value in grid_values({name: SEARCHABLE[name]})[name]:
        config_of({name: value}, BASE, {})


def test_what_optuna_stores_comes_back_as_it_was():
    space = {"hidden": ((64,), (128, 64), ()), "learning_rate": Range(0.1, 1.0), "batch_norm": (False, True)}
    params = {"hidden": (128, 64), "learning_rate": 0.5, "batch_norm": True}
    assert from_optuna({name: to_optuna(value) for name, value in params.items()}, space) == params
    assert list(distributions(space)) == list(space)


def test_a_space_survives_json():
    space = {"hidden": ((64,), ()), "learning_rate": Range(0.1, 1.0, log=True, points=3)}
    assert read_space(msgspec.to_builtins(space), {}) == space


def test_a_range_is_logarithmic_where_the_setting_is():
    space = read_space({"learning_rate": {"low": 0.1, "high": 1}, "dropout": {"low": 0, "high": 0.5}}, {})
    assert [values.log for values in space.values()] == [True, False]


def test_width_and_depth_make_the_hidden_layers():
    assert config_of({"width": 32, "depth": 3}, BASE, {}).hidden == (32, 32, 32)
    assert config_of({"width": 32}, BASE, {}).hidden == (32, 32)
    assert config_of({"depth": 1}, BASE, {}).hidden == (128,)
    assert config_of({"depth": 0}, BASE, {}).hidden == ()


def test_augmentation_is_all_distortions_together():
    config = config_of({"augmentation": 0.5}, BASE, {})
    assert (config.shift, config.rotation, config.scale) == (1.0, 10.0, 0.1)
    assert config_of({"augmentation": 0.0}, BASE, {}) == BASE


def test_a_variant_sets_what_belongs_together():
    variants = {"plain": {"optimizer": "sgd", "learning_rate": 0.1}, "adam": {"optimizer": "adam"}}
    assert config_of({"variant": "plain"}, BASE, variants).learning_rate == 0.1
    assert read_space({}, variants) == {"variant": ("plain", "adam")}


def test_epochs_count_where_the_base_counts_steps():
    config = config_of({"epochs": 3}, BASE.replace(steps=100), {})
    assert (config.steps, config.epochs) == (0, 3)


def test_draws_are_always_the_same_and_inside():
    space = {"learning_rate": Range(0.001, 0.1, log=True), "depth": Range(1, 3), "batch_size": (32, 64)}
    first = list(sample_combinations(space, 50))
    assert first == list(sample_combinations(space, 50))
    assert {params["depth"] for params in first} == {1, 2, 3}
    assert all(0.001 <= params["learning_rate"] <= 0.1 for params in first)


@pytest.mark.parametrize(
    ("space", "sentence"),
    [
        ({}, "nothing to search"),
        ({"learning_rat": (0.1,)}, "'learning_rat' cannot be searched; what can be"),
        ({"data": ("mnist",)}, "'data' cannot be searched"),
        ({"learning_rate": ()}, "learning_rate has no values to try"),
        ({"batch_size": (32, 32)}, "batch_size has the same value twice: 32, 32"),
        ({"batch_size": (32, -1)}, "batch_size lies between 0 and 60,000, got -1"),
        ({"batch_size": (32.5,)}, "batch_size is a whole number, got 32.5"),
        ({"width": (0,)}, "width lies between 1 and 2,048, got 0"),
        ({"width": ("wide",)}, "width is a whole number, got 'wide'"),
        ({"hidden": ((64, 0),)}, "a hidden layer has 1 to 2048 units, got 0"),
        ({"optimizer": ("adma",)}, "optimizer is one of sgd"),
        ({"optimizer": Range(0, 1)}, "optimizer is no number: list the values to try, such as sgd"),
        ({"learning_rate": Range(0.1, 0.01)}, "is reversed: low 0.1 is above high 0.01"),
        ({"learning_rate": Range(0.1, 200.0)}, "learning_rate lies between 1e-06 and 100, got 200"),
        ({"dropout": Range(0.0, 0.5, log=True)}, "cannot begin at 0"),
        ({"dropout": Range("a", 0.5)}, "dropout is a number, got 'a'"),
        ({"batch_size": Range(32.5, 64)}, "batch_size is a whole number, got 32.5"),
        ({"hidden": ((64,),), "width": (32,)}, "Search hidden or width and depth, not both"),
        ({"augmentation": (0.5,), "shift": (1.0,)}, "Search augmentation or shift, not both"),
        ({"variant": ("a",)}, "There is no variant 'a'; the variants are none"),
        ({"loss": ("cross-entropy", "squared-error"), "label_smoothing": (0.0, 0.1)}, "label_smoothing 0.1 is not"),
    ],
)
def test_what_cannot_be_searched_gives_a_sentence(space, sentence):
    with pytest.raises(SweepError, match=sentence.replace("(", r"\(")):
        check_space(space, BASE, {}, grid=False)


def test_a_grid_needs_points():
    with pytest.raises(SweepError, match="add points to its range, or list the values"):
        check_space({"dropout": Range(0.0, 0.5)}, BASE, {}, grid=True)


@pytest.mark.parametrize(
    ("variants", "sentence"),
    [
        ({"a": {"optimiser": "sgd"}}, "The variant 'a' has no setting 'optimiser'"),
        ({"a": {"optimizer": "adma"}}, "The combination variant a is not possible: optimizer is one of"),
        ({"a": {"dropout": 0.5}}, "The variant 'a' sets dropout, which is searched too"),
    ],
)
def test_an_impossible_variant_gives_a_sentence(variants, sentence):
    space = {"variant": ("a",)} | ({"dropout": (0.1, 0.2)} if "dropout" in variants["a"] else {})
    with pytest.raises(SweepError, match=sentence):
        check_space(space, BASE, variants, grid=False)


@pytest.mark.parametrize("values", [3, {"low": 1}, {"low": 1, "high": 2, "pionts": 3}])
def test_neither_a_range_nor_a_list_gives_a_sentence(values):
    with pytest.raises(SweepError, match="dropout is a range"):
        read_space({"dropout": values}, {})
