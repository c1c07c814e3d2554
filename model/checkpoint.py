"""Checkpoint: one .npz file with the weights, the settings and the state of training."""

import hashlib
import json
import math
import os
import zipfile
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from model.arrays import Floats
from model.build import build_layers
from model.config import TrainConfig
from model.errors import DigitLabError
from model.layers import parameter_shapes
from model.optimizers import OPTIMIZERS
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

    Nothing is unpickled. Raises CheckpointError if the file is missing, damaged or not a
    checkpoint, if an array is missing or has a wrong shape, or if a setting is unknown.
    """
    path = Path(path)
    arrays = _read(path)
    try:
        meta = json.loads(str(arrays.pop(META)))
        if meta["format"] != FORMAT:
            raise CheckpointError(f"{path} has the format {meta['format']!r}, expected {FORMAT!r}.")
        unchecked = Checkpoint(dict(meta["config"]), {}, {}, dict(meta["progress"]), dict(meta["about"]))
        config = unchecked.config
    except ConfigError as error:
        raise CheckpointError(f"{path} holds a config that cannot be used: {error}") from None
    except (KeyError, TypeError, json.JSONDecodeError):
        raise CheckpointError(f"{path} is not a Digit Lab checkpoint: its description is missing or damaged.") from None

    shapes = parameter_shapes(build_layers(config))
    expected = {f"weights/{name}": shape for name, shape in shapes.items()}
    if unchecked.progress:
        learned = (config.parameter_count(),)
        expected |= {f"state/{slot}": learned for slot in OPTIMIZERS[config.optimizer].slots}
        # the best weights include the running statistics
        whole = (sum(math.prod(shape) for shape in shapes.values()),)
        expected |= {"state/best": whole} if config.patience else {}
    for name, shape in expected.items():
        if name not in arrays:
            raise CheckpointError(f"{path} lacks the array {name!r} of its network; use another checkpoint.")
        if arrays[name].shape != shape or arrays[name].dtype.kind != "f":
            found = f"{arrays[name].dtype} {arrays[name].shape}"
            raise CheckpointError(f"{path}: the array {name!r} should be float {shape}, got {found}.")
        if not np.isfinite(arrays[name]).all():
            raise CheckpointError(f"{path}: the array {name!r} holds NaN or infinity; use an earlier checkpoint.")
    weights = {name: arrays[f"weights/{name}"] for name in shapes}
    state = {name.removeprefix("state/"): arrays[name] for name in expected if name.startswith("state/")}
    return replace(unchecked, weights=weights, state=state)


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}.")
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path} is not a checkpoint, or is incomplete; a checkpoint is a .npz file.")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise CheckpointError(f"{path} is damaged and cannot be read ({error}); use another checkpoint.") from None
    if META not in arrays:
        raise CheckpointError(f"{path} is a .npz file but not a Digit Lab checkpoint: it has no {META!r}.")
    return arrays
