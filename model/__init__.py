"""A neural network for handwritten digits in NumPy, its training and preprocessing."""

from model.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from model.classifier import Classifier, load_classifier
from model.config import TrainConfig
from model.errors import DigitLabError
from model.preprocessing import BlankDrawing, Stage, center_ink, ink_stages
from model.presets import DEFAULT_PRESET, DESCRIPTIONS, PRESETS
from model.progress import Diverged, EpochDone, Event, PartDone, StepDone
from model.settings import Bounds, ConfigError
from model.trainer import Trainer, build_trainer

__all__ = [
    "DEFAULT_PRESET",
    "DESCRIPTIONS",
    "PRESETS",
    "BlankDrawing",
    "Bounds",
    "Checkpoint",
    "CheckpointError",
    "Classifier",
    "ConfigError",
    "DigitLabError",
    "Diverged",
    "EpochDone",
    "Event",
    "PartDone",
    "Stage",
    "StepDone",
    "TrainConfig",
    "Trainer",
    "build_trainer",
    "center_ink",
    "ink_stages",
    "load_checkpoint",
    "load_classifier",
    "save_checkpoint",
]
