"""Config: everything that decides how a training run goes, with bounds and an explanation declared once."""

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple, get_type_hints

from model.build import CLASSES, PIXELS, build_layers, count_parameters
from model.errors import DigitLabError
from model.image_layers import GRAMMAR, MAX_LAYERS
from model.initializers import INITIALIZERS
from model.layers import ACTIVATIONS
from model.losses import LOSSES, CrossEntropy
from model.optimizers import OPTIMIZERS
from model.schedules import SCHEDULES

OF_THE_NETWORK = ("image_layers", "hidden", "activation", "batch_norm")
"""Settings that say what the weights of a network mean."""
LISTS = ("image_layers", "hidden")
"""Settings that hold several values."""
MAX_HIDDEN_LAYERS = 5
MAX_UNITS = 2048


class ConfigError(DigitLabError):
    """A setting that cannot be, in one sentence."""


class Bounds(NamedTuple):
    """The least and the greatest value of a numeric setting; `log` says that a slider is best logarithmic."""

    low: float
    high: float
    log: bool = False


def _number(default: float, low: float, high: float, explanation: str, *, log: bool = False) -> Any:
    return field(default=default, metadata={"bounds": Bounds(low, high, log), "help": explanation})


def _choice(default: str, choices: dict[str, Any], explanation: str) -> Any:
    return field(default=default, metadata={"choices": tuple(choices), "help": explanation})


def _free(default: Any, explanation: str) -> Any:
    return field(default=default, metadata={"help": explanation})


@dataclass(frozen=True)
class TrainConfig:
    """One training run, whole: the same config, data and machine give the same weights, bit for bit."""

    data: str = _free("mnist-5k", "Where the digits come from: a source's name, or the path of a CSV or IDX file.")
    validation_share: float = _number(
        1 / 12, 0.0, 0.5, "Share of the training digits kept aside to watch for overfitting; never trained on."
    )
    training_images: int = _number(
        0, 0, 1_000_000, "Train on so many of the training digits only, the first ones; 0 takes all of them."
    )
    drawings_weight: int = _number(
        0, 0, 100, "How many times each of your own drawings counts, each time a little changed; 0 leaves them out."
    )

    drawings_version: str = _free("", "The version of your drawings, filled in when the run begins; empty: the newest.")
    label_corrections: str = _free("", "The version of the corrected labels, or newest; empty: labels as they came.")

    image_layers: tuple[str, ...] = _free(
        (), "Layers that keep the image an image, before the hidden ones: conv 16, max-pool, residual 32."
    )
    hidden: tuple[int, ...] = _free((128, 64), "Units of each hidden layer, from the image to the answer.")
    activation: str = _choice("relu", ACTIVATIONS, "The bend after each hidden layer; without it, depth adds nothing.")
    loss: str = _choice("cross-entropy", LOSSES, "What training makes small; squared-error goes with sigmoid outputs.")
    batch_norm: bool = _free(False, "Bring each unit to mean 0 and spread 1 over the batch, before its activation.")
    initializer: str = _choice("he", INITIALIZERS, "How the first weights are drawn; he suits ReLU, xavier sigmoids.")
    dropout: float = _number(0.0, 0.0, 0.9, "Share of hidden units silenced at each step, against overfitting.")
    label_smoothing: float = _number(
        0.0, 0.0, 0.5, "Share of the target given to the other digits, so that the network is not overconfident."
    )

    optimizer: str = _choice("adam", OPTIMIZERS, "How a gradient becomes a step.")
    learning_rate: float = _number(
        0.003, 1e-6, 100.0, "How far each step goes; the setting that matters most.", log=True
    )
    momentum: float = _number(0.9, 0.0, 0.999, "Share of the last step carried on; used by momentum and nesterov.")
    weight_decay: float = _number(
        0.0, 0.0, 1.0, "Pull of the weights (not the biases) towards zero: L2, decoupled with adamw."
    )
    schedule: str = _choice("one-cycle", SCHEDULES, "How the learning rate changes over the run.")
    decay: float = _number(
        0.1,
        0.001,
        1.0,
        "step: factor at half and three quarters of the run. inverse-time: rate / (1 + decay x epochs).",
    )
    batch_size: int = _number(128, 0, 60_000, "Images per step; 0 takes all of them (full-batch gradient descent).")
    epochs: int = _number(5, 1, 1000, "How many times the network sees every training image.")
    steps: int = _number(0, 0, 1_000_000, "How many steps to train, whatever epochs says; 0 goes by epochs.")

    shift: float = _number(0.0, 0.0, 8.0, "Move each training image at random by up to this many pixels.")
    rotation: float = _number(0.0, 0.0, 45.0, "Turn each training image at random by up to this many degrees.")
    scale: float = _number(0.0, 0.0, 0.5, "Stretch each training image at random by up to this share.")
    shear: float = _number(0.0, 0.0, 0.5, "Slant each training image at random by up to this share.")
    elastic: float = _number(0.0, 0.0, 4.0, "Wobble each training image at random by about this many pixels.")
    stroke_width: float = _number(
        0.0, 0.0, 2.0, "Make the strokes of each training image at random thinner or thicker by up to this many pixels."
    )

    patience: int = _number(
        0, 0, 1000, "Stop after this many checks without a better validation loss and take the best weights; 0: never."
    )
    seed: int = _number(0, 0, 2**31 - 1, "Start of all randomness: same seed, same weights.")
    threads: int = _number(1, 1, 64, "Processor threads for the matrix products; one is fastest for small networks.")
    start_from: str = _free("", "Fingerprint of the model whose weights training starts from; empty: fresh weights.")

    def __post_init__(self) -> None:
        for name, kind in _KINDS.items():
            _check(name, kind, getattr(self, name))
        try:
            build_layers(self)
        except ValueError as error:
            raise ConfigError(str(error)) from None
        if self.loss != CrossEntropy.name and self.label_smoothing:
            raise ConfigError("label_smoothing works with the loss cross-entropy only; set it to 0.")

    def replace(self, **changes: Any) -> "TrainConfig":
        """A copy with other settings, checked like any config."""
        return dataclasses.replace(self, **changes)

    def with_network_of(self, other: "TrainConfig") -> "TrainConfig":
        """These settings with the network and loss of another config, so that training can go on from its weights."""
        smoothing = self.label_smoothing if other.loss == CrossEntropy.name else 0.0
        network = {name: getattr(other, name) for name in OF_THE_NETWORK}
        return self.replace(**network, loss=other.loss, label_smoothing=smoothing)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return dataclasses.asdict(self) | {name: list(getattr(self, name)) for name in LISTS}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "TrainConfig":
        """The config of `to_dict`; an unknown name, a wrong type or a value out of bounds is a ConfigError."""
        known = {f.name for f in dataclasses.fields(cls)}
        for name in values:
            if name not in known:
                raise ConfigError(f"there is no setting {name!r}; the settings are {', '.join(sorted(known))}.")
        read: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(**read)

    @property
    def architecture(self) -> str:
        """The network in short: "784-128-64-10", or "conv 16, max-pool, 64, 10"."""
        if self.image_layers:
            return ", ".join([*self.image_layers, *map(str, self.hidden), str(CLASSES)])
        return "-".join(map(str, (PIXELS, *self.hidden, CLASSES)))

    def parameter_count(self) -> int:
        """Weights and biases in all."""
        return count_parameters(self)

    def steps_per_epoch(self, images: int) -> int:
        """Batches that show each of `images` images once; the last may be short."""
        return 1 if self.batch_size == 0 else math.ceil(images / self.batch_size)

    def total_steps(self, images: int) -> int:
        """Steps of the whole run on `images` training images."""
        return self.steps or self.epochs * self.steps_per_epoch(images)

    def scheduled_rate(self, step: int, images: int) -> float:
        """The learning rate of step number `step` (from 0) of a run on `images` training images."""
        progress = step / self.total_steps(images)
        return self.learning_rate * SCHEDULES[self.schedule](progress, step / self.steps_per_epoch(images), self.decay)

    def learning_rates(self, images: int, points: int = 200) -> tuple[list[int], list[float]]:
        """The planned learning rate at about `points` steps of a run, for drawing it: (steps, rates)."""
        total = self.total_steps(images)
        steps = list(range(0, total, max(1, total // points)))
        return steps, [self.scheduled_rate(step, images) for step in steps]


_FIELDS = dataclasses.fields(TrainConfig)
_KINDS = get_type_hints(TrainConfig)  # once: looking them up takes longer than checking the values
BOUNDS: dict[str, Bounds] = {f.name: f.metadata["bounds"] for f in _FIELDS if "bounds" in f.metadata}
CHOICES: dict[str, tuple[str, ...]] = {f.name: f.metadata["choices"] for f in _FIELDS if "choices" in f.metadata}
HELP: dict[str, str] = {f.name: f.metadata["help"] for f in _FIELDS}


def parse_setting(name: str, text: str) -> Any:
    """The value of a setting written as text: "0.01", "adam", "128,64" (hidden; empty for none)."""
    kind = _KINDS.get(name)
    if kind is None:
        raise ConfigError(f"there is no setting {name!r}; the settings are {', '.join(HELP)}.")
    text = text.strip()
    if kind is str:
        return text
    if kind is bool:
        if text not in ("true", "false"):
            raise ConfigError(f"{name} is true or false, got {text!r}.")
        return text == "true"
    if name == "image_layers":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name == "hidden":
        parts = [part for part in text.strip("[]()").split(",") if part.strip()]
        if parts == ["none"]:
            parts = []
        try:
            return tuple(int(part) for part in parts)
        except ValueError:
            raise ConfigError(f"hidden is a list of whole numbers such as 128,64, got {text!r}.") from None
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{name} is {expected}, got {text!r}.") from None


def _check(name: str, kind: Any, value: Any) -> None:
    """Raise unless the value is of its kind and inside its bounds."""
    if kind is bool:
        if not isinstance(value, bool):
            raise ConfigError(f"{name} is true or false, got {value!r}.")
        return
    if name == "image_layers":
        if not isinstance(value, tuple) or not all(type(layer) is str for layer in value):
            raise ConfigError(f"image_layers is a list of {GRAMMAR}, got {value!r}.")
        if len(value) > MAX_LAYERS:
            raise ConfigError(f"there are at most {MAX_LAYERS} image layers, got {len(value)}.")
        return
    if name == "hidden":
        if not isinstance(value, tuple) or not all(type(units) is int for units in value):
            raise ConfigError(f"hidden is a list of whole numbers such as 128,64, got {value!r}.")
        if len(value) > MAX_HIDDEN_LAYERS:
            raise ConfigError(f"hidden has at most {MAX_HIDDEN_LAYERS} layers, got {len(value)}.")
        for units in value:
            if not 1 <= units <= MAX_UNITS:
                raise ConfigError(f"a hidden layer has 1 to {MAX_UNITS} units, got {units}.")
        return
    if kind is str:
        if not isinstance(value, str):
            raise ConfigError(f"{name} is a text, got {value!r}.")
        choices = CHOICES.get(name)
        if choices and value not in choices:
            raise ConfigError(f"{name} is one of {', '.join(choices)}, got {value!r}.")
        return
    # True is an int to Python, but not a number to a reader
    if isinstance(value, bool) or not isinstance(value, int if kind is int else (int, float)):
        raise ConfigError(f"{name} is a {'whole number' if kind is int else 'number'}, got {value!r}.")
    low, high, _ = BOUNDS[name]
    if not low <= value <= high:  # also false for NaN
        raise ConfigError(f"{name} lies between {low:g} and {high:,.10g}, got {value:g}.")
