"""Settings: in which of them configs differ, and their values as text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from experiments.runs.config import BOUNDS, RunConfig

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
    """Whether the setting changes anything beside the others; momentum does not with Adam."""
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
