"""Corrections: what people said about labels that came with digits, kept where the drawings are; no file is changed."""

from dataset.corrections.correcting import NEWEST, correct_label, load_corrections
from dataset.corrections.exchange import export_corrections, import_corrections, is_corrections
from dataset.corrections.home import CORRECTIONS, corrections_file
from dataset.corrections.log import (
    RELABELLED,
    RIGHT,
    SET_ASIDE,
    TAKEN_BACK,
    VERDICTS,
    Correction,
    Corrections,
    image_hashes,
)

__all__ = [
    "CORRECTIONS",
    "NEWEST",
    "RELABELLED",
    "RIGHT",
    "SET_ASIDE",
    "TAKEN_BACK",
    "VERDICTS",
    "Correction",
    "Corrections",
    "correct_label",
    "corrections_file",
    "export_corrections",
    "image_hashes",
    "import_corrections",
    "is_corrections",
    "load_corrections",
]
