"""The commands `digits data`: what there is to train on, fetched, checked and carried about."""

from __future__ import annotations

import argparse
import sys

from dataset import SOURCES, DataError, available, check_csv, count_by_digit, download, load_digits
from dataset.corrections import CORRECTIONS, export_corrections, import_corrections, is_corrections
from dataset.drawings import drawing_storage
from dataset.drawings.exchange import export_drawings, import_drawings
from dataset.files import path_of, write_new
from dataset.transfer import move
from experiments.cli.errors import complain


def data_list(_: argparse.Namespace) -> int:
    for source in SOURCES.values():
        here = "here" if available(source.name) else f"not here yet: digits data download {source.name}"
        print(f"{source.name} ({here})\n    {source.explanation}")
    counts = count_by_digit()
    each = ", ".join(f"{count} of {digit}" for digit, count in enumerate(counts) if count)
    print(f"drawings ({counts.sum():,} in {drawing_storage().name})")
    print(f"    {each or 'None yet: draw some on the Draw page.'}")
    return 0


def data_download(arguments: argparse.Namespace) -> int:
    if arguments.name not in SOURCES:
        raise DataError(f"there is no source {arguments.name!r}; the sources are {', '.join(SOURCES)}.")
    print(f"{arguments.name} is in {download(arguments.name, progressbar=sys.stderr.isatty())}")
    return 0


def data_check(arguments: argparse.Namespace) -> int:
    problems = check_csv(arguments.file)
    for problem in problems:
        print(problem)
    if problems:
        return complain(f"{arguments.file} has {'at least ' if len(problems) == 20 else ''}{len(problems)} problems.")
    digits = load_digits(arguments.file, "all")
    print(f"{arguments.file} is whole: {len(digits):,} digits{'' if digits.labelled else ', without labels'}.")
    return 0


def data_export(arguments: argparse.Namespace) -> int:
    file = path_of(arguments.file)
    if file.name.removesuffix(".gz") == CORRECTIONS:
        content = export_corrections()
        write_new({file: content})
        print(f"{len(content.splitlines()) - 1:,} corrections of labels are now in {file}.")
    else:
        print(f"{export_drawings(file):,} drawings are now in {file}.")
    return 0


def data_import(arguments: argparse.Namespace) -> int:
    if is_corrections(arguments.file):
        print(f"{import_corrections(arguments.file):,} corrections of labels were added to {drawing_storage().name}.")
    else:
        print(f"{import_drawings(arguments.file):,} digits were added to {drawing_storage().name}.")
    return 0


def data_move(arguments: argparse.Namespace) -> int:
    before = drawing_storage().name
    drawings, judged = move(arguments.to)
    labels = f" and {judged:,} judged labels" if judged else ""
    print(f"{drawings:,} drawings{labels} are now in {arguments.to} with their history, and still in {before}.")
    if "://" in arguments.to:
        print("Set DIGITS_DATABASE to that address to use them from there.")
    else:
        print("Set DIGITS_DRAWINGS to that file and no DIGITS_DATABASE to use them from there.")
    return 0
