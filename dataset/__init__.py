"""Digits in and out: MNIST, CSV and IDX files, and people's drawings."""

from dataset.csv_format import Problem, check_csv
from dataset.digits import UNLABELLED, DataError, Digits, without
from dataset.download import download
from dataset.drawings import (
    Drawings,
    append_drawing,
    count_by_digit,
    drawings_file,
    export_drawings,
    import_drawings,
    load_drawings,
    undo_drawing,
)
from dataset.files import cache_folder
from dataset.sources import (
    SOURCES,
    Source,
    available,
    class_names,
    data_folder,
    default_source,
    load_digits,
    load_training,
)

__all__ = [
    "SOURCES",
    "UNLABELLED",
    "DataError",
    "Digits",
    "Drawings",
    "Problem",
    "Source",
    "append_drawing",
    "available",
    "cache_folder",
    "check_csv",
    "class_names",
    "count_by_digit",
    "data_folder",
    "default_source",
    "download",
    "drawings_file",
    "export_drawings",
    "import_drawings",
    "load_digits",
    "load_drawings",
    "load_training",
    "undo_drawing",
    "without",
]
