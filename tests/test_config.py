"""Config: what cannot be is refused in one sentence, what can be survives the trip through JSON."""

import json

import pytest

from experiments.runs.config import BOUNDS, CHOICES, HELP, RunConfig
from model.build import build_layers, describe_layers
from model.checkpoint import RUN_SETTINGS
from model.config import TrainConfig
from model.image_layers import read_image_layer
from model.layers import parameter_shapes
from model.presets import DESCRIPTIONS, PRESETS
from model.settings import ConfigError


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_survives_json(name):
    config = PRESETS[name]
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert DESCRIPTIONS[name].endswith(".")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": -1.0}, "learning_rate lies between 1e-06 and 100, got -1"),
        ({"learning_rate": float("nan")}, "learning_rate lies between"),
        ({"learning_rate": "fast"}, "learning_rate is a number, got 'fast'"),
        ({"epochs": 2.5}, "epochs is a whole number, got 2.5"),
        ({"epochs": True}, "epochs is a whole number, got True"),
        ({"hidden": (1,) * 6}, "hidden has at most 5 layers, got 6"),
        ({"hidden": (0,)}, "a hidden layer has 1 to 2048 units, got 0"),
        ({"hidden": (2049,)}, "a hidden layer has 1 to 2048 units, got 2049"),
        ({"hidden": "128"}, "hidden is a list of whole numbers such as 128,64, got '128'"),
        ({"activation": "swish"}, "activation is one of relu, leaky-relu"),
        ({"data": 3}, "data is a text, got 3"),
        ({"loss": "squared-error", "label_smoothing": 0.1}, "label_smoothing works with the loss cross-entropy only"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_value_and_what_was_expected(changes, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        RunConfig(**changes)


def test_an_unknown_setting_is_refused_with_the_list_of_those_that_exist():
    with pytest.raises(ConfigError, match="there is no setting 'colour'; the settings are activation, "):
        RunConfig.from_dict({"colour": 1})


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("learning_rate", "1e-2", 0.01),
        ("epochs", " 7 ", 7),
        ("hidden", "128,64", (128, 64)),
        ("hidden", "[32]", (32,)),
        ("hidden", "", ()),
        ("hidden", "none", ()),
        ("optimizer", "sgd", "sgd"),
    ],
)
def test_a_setting_is_read_from_text(name, text, value):
    assert RunConfig.parse(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("epochs", "many", "epochs is a whole number, got 'many'"),
        ("learning_rate", "x", "learning_rate is a number, got 'x'"),
        ("hidden", "12;3", "hidden is a list of whole numbers"),
        ("colour", "red", "there is no setting 'colour'"),
    ],
)
def test_a_text_that_is_no_setting_is_refused(name, text, message):
    with pytest.raises(ConfigError, match=message):
        RunConfig.parse(name, text)


def test_every_setting_has_an_explanation_and_bounds_or_choices_that_hold_its_default():
    default = RunConfig().to_dict()
    assert set(HELP) == set(default)
    assert all(text.endswith(".") for text in HELP.values())
    assert all(bounds.low <= default[name] <= bounds.high for name, bounds in BOUNDS.items())
    assert all(default[name] in choices for name, choices in CHOICES.items())


def test_the_settings_that_model_does_not_read_are_those_that_a_run_adds():
    assert set(RUN_SETTINGS) == set(RunConfig().to_dict()) - set(TrainConfig().to_dict())


@pytest.mark.parametrize("hidden", [(), (5,), (7, 6, 5, 4, 3)])
def test_the_parameter_count_is_the_size_of_the_arrays(hidden):
    config = TrainConfig(hidden=hidden, dropout=0.1)
    shapes = parameter_shapes(build_layers(config))
    sizes = [shape[0] * shape[1] if len(shape) == 2 else shape[0] for shape in shapes.values()]
    assert config.parameter_count() == sum(sizes)


def test_the_layers_of_an_image_network_come_with_their_shapes_and_parameters():
    config = TrainConfig(image_layers=("conv 8", "max-pool", "residual 16", "average-pool 7x7"), hidden=(20,))
    assert describe_layers(config.replace(batch_norm=True)) == [
        ("conv1", (28, 28, 8), 3 * 3 * 8),  # batch norm has the bias
        ("max-pool1", (14, 14, 8), 0),
        ("norm1", (14, 14, 8), 2 * 8),
        ("relu1", (14, 14, 8), 0),
        ("residual1", (14, 14, 16), 9 * 8 * 16 + 2 * 16 + 9 * 16 * 16 + 2 * 16 + 8 * 16 + 16),
        ("average-pool1", (2, 2, 16), 0),
        ("flatten1", (64,), 0),
        ("dense1", (20,), 65 * 20),
        ("norm2", (20,), 2 * 20),
        ("relu2", (20,), 0),
        ("dense2", (10,), 21 * 10),
    ]
    assert config.architecture == "conv 8, max-pool, residual 16, average-pool 7x7, 20, 10"
    assert config.parameter_count() == sum(row.parameters for row in describe_layers(config))


WORDS = ("conv 16", "conv 8 5x5 stride 2 valid", "residual 32", "max-pool", "max-pool 3x3", "average-pool 7x7")


@pytest.mark.parametrize("word", WORDS)
def test_an_image_layer_is_read_from_its_word_and_says_the_same_word(word):
    assert read_image_layer(word).text == word
    assert read_image_layer("conv  16 3x3 stride 1").text == "conv 16"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("conv", "there is no image layer 'conv'; write conv 16, conv 16 5x5"),
        ("conv 16 3x5", "there is no image layer"),
        ("conv 0", "conv has 1 to 256 filters, got 0"),
        ("conv 8 4x4", "the kernel of conv is 1x1, 3x3, 5x5, 7x7, got 4x4"),
        ("conv 8 stride 9", "the stride of conv is 1 to 4, got 9"),
        ("max-pool 1x1", "max-pool has windows of 2x2 to 14x14, got 1x1"),
        ("max-pool 14x14, conv 8, max-pool 3x3", "image layer 3, max-pool 3x3: .* at least as large, got 2x2: use"),
        ("max-pool 14x14, conv 8 5x5 valid", "image layer 2, conv 8 5x5 valid: a convolution of 5x5 .* got 2x2: use"),
        (", ".join(["conv 8"] * 13), "at most 12 image layers, got 13"),
    ],
)
def test_image_layers_that_cannot_be_are_refused_in_words(words, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(image_layers=RunConfig.parse("image_layers", words))


def test_steps_and_epochs_are_two_ways_to_say_how_long():
    assert TrainConfig(batch_size=128, epochs=2).total_steps(1000) == 16
    assert TrainConfig(batch_size=0, epochs=2).total_steps(1000) == 2
    assert TrainConfig(batch_size=128, epochs=2, steps=5).total_steps(1000) == 5
