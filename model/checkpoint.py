"""Checkpoint: one .npz file with the weights, the settings and the state of training."""

import hashlib
import json
import math
import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from model.array_files import Array, ArrayFile, open_arrays
from model.arrays import Floats
from model.build import CLASSES, build_layers
from model.config import TrainConfig
from model.errors import DigitLabError
from model.layers import parameter_shapes
from model.optimizers import OPTIMIZERS
from model.reading import DamagedError, parse_json
from model.settings import ConfigError

FORMAT = "digit-lab 1"
META = "meta"
"""The array that holds, as JSON text: format, config, progress, about."""
RUN_SETTINGS = (
    *("data", "validation_share", "training_images", "drawings_weight", "drawings_version"),
    *("label_corrections", "threads", "start_from"),
)
"""Settings in a checkpoint that `model` does not read; `experiments.runs.config` declares them."""


class CheckpointError(DigitLabError):
    """A file cannot be used as a checkpoint."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a file. `state` and `progress` are empty if it holds weights only.

    `settings` holds all settings of the run as JSON values; `config` those that `model` reads.
    """

    settings: dict[str, Any]
    weights: dict[str, Floats]
    state: dict[str, Floats] = field(default_factory=dict)
    progress: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def config(self) -> TrainConfig:
        """The network and its training."""
        return TrainConfig.from_dict({name: v for name, v in self.settings.items() if name not in RUN_SETTINGS})

    @property
    def fingerprint(self) -> str:
        """12 hex digits of the SHA-256 of the weights."""
        digest = hashlib.sha256()
        for name in sorted(self.weights):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.weights[name]).tobytes())
        return digest.hexdigest()[:12]


def save_checkpoint(path: str | os.PathLike[str], checkpoint: Checkpoint) -> None:
    """Write a file atomically: at any moment there is the old file or the complete new one."""
    meta = {
        "format": FORMAT,
        "config": checkpoint.settings,
        "progress": checkpoint.progress,
        "about": checkpoint.about,
    }
    arrays: dict[str, Any] = {META: np.array(json.dumps(meta))}
    arrays |= {f"weights/{name}": array for name, array in checkpoint.weights.items()}
    arrays |= {f"state/{name}": array for name, array in checkpoint.state.items()}
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def load_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a file and check that it has all arrays of its network, with their shapes.

    Only these arrays are read, and nothing is unpickled. Raises CheckpointError if the file is
    missing, damaged or not a checkpoint, if an array is missing or has a wrong shape, or if a
    setting is unknown.
    """
    path = Path(path)
    try:
        with open_arrays(path) as file:
            return _read(path, file)
    except CheckpointError:
        raise
    except (FileNotFoundError, IsADirectoryError):
        raise CheckpointError(f"there is no checkpoint {path}.") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    except DamagedError as error:
        raise CheckpointError(str(error)) from None


def _read(path: Path, file: ArrayFile) -> Checkpoint:
    unchecked = _read_description(path, file)
    shapes = parameter_shapes(build_layers(unchecked.config))
    weights = {name: _read_array(path, file, f"weights/{name}", shape) for name, shape in shapes.items()}
    state = {}
    if unchecked.progress:
        learned = (unchecked.config.parameter_count(),)
        expected = dict.fromkeys(OPTIMIZERS[unchecked.config.optimizer].slots, learned)
        # the best weights include the running statistics
        whole = (sum(math.prod(shape) for shape in shapes.values()),)
        expected |= {"best": whole} if unchecked.config.patience else {}
        state = {name: _read_array(path, file, f"state/{name}", shape) for name, shape in expected.items()}
    return replace(unchecked, weights=weights, state=state)


def _read_description(path: Path, file: ArrayFile) -> Checkpoint:
    """The checkpoint without its arrays."""
    if META not in file:
        raise CheckpointError(f"{path} is a .npz file but not a Digit Lab checkpoint: it has no {META!r}.")
    damaged = CheckpointError(f"{path} is not a Digit Lab checkpoint: its description is missing or damaged.")
    try:
        meta = parse_json(file.text(META))
    except DamagedError:
        raise damaged from None
    if not isinstance(meta, dict) or "format" not in meta:
        raise damaged
    if meta["format"] != FORMAT:
        raise CheckpointError(f"{path} has the format {meta['format']!r:.40}, expected {FORMAT!r}.")
    settings, progress, about = (meta.get(name) for name in ("config", "progress", "about"))
    if not isinstance(settings, dict) or not isinstance(progress, dict) or not isinstance(about, dict):
        raise damaged
    classes, rejects_above = about.get("classes", []), about.get("rejects_above", 0.0)
    if not isinstance(classes, list) or len(classes) not in (0, CLASSES) or type(rejects_above) not in (int, float):
        raise damaged
    unchecked = Checkpoint(settings, {}, {}, progress, about)
    try:
        unchecked.config  # noqa: B018  # a setting that cannot be used raises here
    except ConfigError as error:
        raise CheckpointError(f"{path} holds a config that cannot be used: {error}") from None
    return unchecked


def _read_array(path: Path, file: ArrayFile, name: str, shape: tuple[int, ...]) -> Array:
    array = file.read(name, "f", shape)
    if not np.isfinite(array).all():
        raise CheckpointError(f"{path}: the array {name!r} holds NaN or infinity; use an earlier checkpoint.")
    return array
