"""The command `digits presets`: the networks to begin with, and every setting of one."""

from __future__ import annotations

import argparse
import json

from experiments.runs.config import BOUNDS, CHOICES, HELP, PRESETS, RunConfig
from model import DEFAULT_PRESET, DESCRIPTIONS, ConfigError


def presets(arguments: argparse.Namespace) -> int:
    if arguments.name is not None and arguments.name not in PRESETS:
        raise ConfigError(f"there is no preset {arguments.name!r}; the presets are {', '.join(PRESETS)}.")
    chosen = {name: PRESETS[name] for name in ([arguments.name] if arguments.name else PRESETS)}
    if arguments.json:
        found = {
            name: {
                "description": DESCRIPTIONS[name],
                "parameters": config.parameter_count(),
                "config": config.to_dict(),
            }
            for name, config in chosen.items()
        }
        print(json.dumps(found))
        return 0
    for name, config in chosen.items():
        print(f"{name}{' (default)' if name == DEFAULT_PRESET else ''}: {DESCRIPTIONS[name]}")
        print(f"    {architecture(config)}, {config.parameter_count():,} parameters")
        print(f"    {recipe(config)}")
    if not arguments.name:
        print("\nAll settings of one: digits presets NAME. Train it: digits train --preset NAME")
        return 0
    print("\nSettings, each changed with --set KEY=VALUE:")
    for key, value in chosen[arguments.name].to_dict().items():
        if key in ("data", "start_from"):
            continue
        bounds = BOUNDS.get(key)
        limits = f" [{bounds.low:g} to {bounds.high:g}]" if bounds else ""
        limits = f" [{', '.join(CHOICES[key])}]" if key in CHOICES else limits
        shown = ",".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if bounds else value
        print(f"  {key}={shown}{limits}\n      {HELP[key]}")
    return 0


def architecture(config: RunConfig) -> str:
    outputs = ", sigmoid outputs" if config.loss == "squared-error" else ""
    return f"{config.architecture} {config.activation}{outputs}"


def recipe(config: RunConfig) -> str:
    batch = f"batch {config.batch_size}" if config.batch_size else "full batch"
    length = f"{config.steps} steps" if config.steps else f"{config.epochs} epochs"
    parts = [config.loss, config.optimizer, config.schedule, f"learning rate {config.learning_rate:g}", batch, length]
    if config.weight_decay:
        parts.append(f"weight decay {config.weight_decay:g}")
    if config.label_smoothing:
        parts.append(f"label smoothing {config.label_smoothing:g}")
    if config.shift or config.rotation or config.scale or config.shear:
        parts.append("augmented")
    return ", ".join(parts)
