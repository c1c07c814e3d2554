"""Label corrections: judgements of labels that came with digits. No file of digits is changed."""

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
from dataset.corrections.storage import (
    CORRECTIONS,
    NEWEST,
    correct_label,
    corrections_file,
    export_corrections,
    import_corrections,
    is_corrections,
    load_corrections,
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
