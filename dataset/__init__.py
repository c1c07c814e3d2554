"""Read and write digits: MNIST, CSV and IDX files, and drawings."""

from dataset.csv_format import Problem, check_csv
from dataset.digits import UNLABELLED, DataError, Digits, without
from dataset.download import download
from dataset.drawings import (
    Drawings,
    NewDrawing,
    append_drawing,
    append_drawings,
    count_by_digit,
    drawings_file,
    drawings_history,
    drawings_version,
    edit_drawings,
    load_drawings,
    undo_change,
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
    load_upload,
)

__all__ = [
    "SOURCES",
    "UNLABELLED",
    "DataError",
    "Digits",
    "Drawings",
    "NewDrawing",
    "Problem",
    "Source",
    "append_drawing",
    "append_drawings",
    "available",
    "cache_folder",
    "check_csv",
    "class_names",
    "count_by_digit",
    "data_folder",
    "default_source",
    "download",
    "drawings_file",
    "drawings_history",
    "drawings_version",
    "edit_drawings",
    "load_digits",
    "load_drawings",
    "load_training",
    "load_upload",
    "undo_change",
    "undo_drawing",
    "without",
]
