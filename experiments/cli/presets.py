"""The command `digits presets`: list the presets, and every setting of one."""

from __future__ import annotations

import argparse
import json

from experiments.cli.terminal import write
from experiments.runs.config import BOUNDS, CHOICES, HELP, PRESETS, RunConfig
from experiments.runs.settings import differing, has_effect, setting_text
from model import DEFAULT_PRESET, DESCRIPTIONS, ConfigError

ARCHITECTURE = ("hidden", "image_layers", "activation")
RECIPE = ("loss", "optimizer", "schedule", "learning_rate", "batch_size")


def presets(arguments: argparse.Namespace) -> int:
    """List the presets, or the settings of the one that is named."""
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
        write(f"{name}{' (default)' if name == DEFAULT_PRESET else ''}: {DESCRIPTIONS[name]}")
        write(f"    {config.architecture} {config.activation}, {config.parameter_count():,} parameters")
        write(f"    {recipe(config)}")
    if not arguments.name:
        write("", "All settings of one: digits presets NAME. Train it: digits train --preset NAME")
        return 0
    write("", "Settings, each changed with --set KEY=VALUE:")
    for key, value in chosen[arguments.name].to_dict().items():
        if key in ("data", "start_from"):
            continue
        bounds = BOUNDS.get(key)
        limits = f" [{bounds.low:g} to {bounds.high:g}]" if bounds else ""
        limits = f" [{', '.join(CHOICES[key])}]" if key in CHOICES else limits
        shown = ",".join(map(str, value)) if isinstance(value, list) else f"{value:g}" if bounds else value
        write(f"  {key}={shown}{limits}", f"      {HELP[key]}")
    return 0


def recipe(config: RunConfig) -> str:
    """How the preset is trained: the settings in RECIPE and those that differ from the defaults."""
    names = dict.fromkeys([*RECIPE, "steps" if config.steps else "epochs", *differing([config, RunConfig()])])
    shown = [name for name in names if name not in ARCHITECTURE and has_effect(config, name)]
    return ", ".join(f"{name.replace('_', ' ')} {setting_text(config, name)}" for name in shown)
