"""RunConfig: all settings of a run, its data included, and their values as text.

A run can be repeated from its config.json alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from model import presets
from model.config import TrainConfig
from model.settings import Bounds, number, unrestricted


@dataclass(frozen=True)
class RunConfig(TrainConfig):
    """The network and its training, and where the digits come from."""

    data: str = unrestricted(
        "mnist-5k", "Where the digits come from: a source's name, or the path of a CSV or IDX file."
    )
    validation_share: float = number(
        1 / 12, 0.0, 0.5, "Share of the training digits used for validation only, to watch for overfitting."
    )
    training_images: int = number(
        0, 0, 1_000_000, "Train on this many of the training digits only, the first ones; 0 takes all of them."
    )
    drawings_weight: int = number(
        0, 0, 100, "How many times each of your own drawings counts, each time a little changed; 0 leaves them out."
    )
    drawings_version: str = unrestricted(
        "", "The version of your drawings, filled in when the run begins; empty: the newest."
    )
    label_corrections: str = unrestricted(
        "", "The version of the corrected labels, or newest; empty: the original labels."
    )
    threads: int = number(1, 1, 64, "Processor threads for the matrix products; one is fastest for small networks.")
    start_from: str = unrestricted(
        "", "Fingerprint of the model whose weights training starts from; empty: fresh weights."
    )


_DECLARED = RunConfig.declared().values()
BOUNDS: dict[str, Bounds] = {setting.name: setting.bounds for setting in _DECLARED if setting.bounds}
CHOICES: dict[str, tuple[str, ...]] = {setting.name: setting.choices for setting in _DECLARED if setting.choices}
HELP: dict[str, str] = {setting.name: setting.help for setting in _DECLARED}
PRESETS: dict[str, RunConfig] = {
    name: RunConfig.from_dict(preset.to_dict()) for name, preset in presets.PRESETS.items()
}
"""The presets of `model`, with the default data."""
SETTINGS = tuple(RunConfig.declared())
SHARES = ("validation_share", "dropout", "label_smoothing", "scale", "shear")
PIXELS = ("shift", "elastic", "stroke_width")
EMPTY_TEXTS = {  # the meaning of 0, nothing or an empty text
    "training_images": "all",
    "drawings_weight": "none",
    "drawings_version": "the newest",
    "label_corrections": "original labels",
    "image_layers": "none",
    "hidden": "none",
    "batch_size": "all images",
    "patience": "never",
    "start_from": "fresh weights",
}
NO_EFFECT = "–"


def has_effect(config: RunConfig, setting: str) -> bool:
    """Whether the setting has an effect with the others; momentum has none with Adam."""
    match setting:
        case "drawings_version":
            return bool(config.drawings_weight)
        case "epochs":
            return not config.steps
        case "momentum":
            return config.optimizer in ("momentum", "nesterov")
        case "decay":
            return config.schedule in ("step", "inverse-time")
        case "activation" | "batch_norm":
            return bool(config.hidden or config.image_layers)
        case "dropout":
            return bool(config.hidden)
    return True


def setting_text(config: RunConfig, setting: str) -> str:
    """The value of a setting as people read it: "12.5 %", "128, 64", "all images"; a dash if it
    takes no part.
    """
    value: Any = getattr(config, setting)
    if not has_effect(config, setting):
        return NO_EFFECT
    if setting == "steps" and not value:
        return f"{config.epochs:,} epochs"
    if not value and setting in EMPTY_TEXTS:
        return EMPTY_TEXTS[setting]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    if setting in SHARES:
        return f"{100 * value:.3g}\N{NO-BREAK SPACE}%"
    if setting in PIXELS:
        return f"{value:g}\N{NO-BREAK SPACE}px"
    if setting == "rotation":
        return f"{value:g}°"
    if setting in BOUNDS and setting != "seed":
        return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
    return str(value)


def differing(configs: Iterable[RunConfig]) -> list[str]:
    """The settings in which configs differ, in their order; those without effect do not count.

    A config that counts in epochs and one that counts in steps differ in steps.
    """
    different = set(configs)
    return [
        name
        for name in SETTINGS
        if len({getattr(config, name) for config in different}) > 1
        and len({getattr(config, name) for config in different if has_effect(config, name)}) > 1
    ]
