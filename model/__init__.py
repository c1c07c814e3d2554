"""A neural network for handwritten digits, from scratch in NumPy: layers, training, preprocessing, answers."""

from model.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from model.classifier import Classifier, load_classifier
from model.config import BOUNDS, CHOICES, HELP, Bounds, ConfigError, TrainConfig, parse_setting
from model.preprocessing import BlankDrawing, Stage, center_ink, ink_stages
from model.presets import DEFAULT_PRESET, DESCRIPTIONS, PRESETS
from model.trainer import Diverged, EpochDone, Event, Pulse, StepDone, Trainer, build_trainer

__all__ = [
    "BOUNDS",
    "CHOICES",
    "DEFAULT_PRESET",
    "DESCRIPTIONS",
    "HELP",
    "PRESETS",
    "BlankDrawing",
    "Bounds",
    "Checkpoint",
    "CheckpointError",
    "Classifier",
    "ConfigError",
    "Diverged",
    "EpochDone",
    "Event",
    "Pulse",
    "Stage",
    "StepDone",
    "TrainConfig",
    "Trainer",
    "build_trainer",
    "center_ink",
    "ink_stages",
    "load_checkpoint",
    "load_classifier",
    "parse_setting",
    "save_checkpoint",
]
