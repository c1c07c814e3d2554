"""The commands `digits data`: list, check and move digits, and rank suspected label errors."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from dataset import SOURCES, DataError, Digits, available, check_csv, count_by_digit, download, load_digits
from dataset.corrections import (
    CORRECTIONS,
    export_corrections,
    image_hashes,
    import_corrections,
    is_corrections,
    load_corrections,
)
from dataset.drawings import drawing_storage
from dataset.drawings.exchange import export_drawings, import_drawings
from dataset.files import path_of, write_new
from dataset.transfer import move
from experiments import label_errors
from experiments.cli.terminal import Progress, follow, table_lines, write
from experiments.formats import duration, percent
from experiments.runs.run import RunError


def list_sources(_: argparse.Namespace) -> None:
    """List the sources of digits, and how many drawings there are of each digit."""
    for source in SOURCES.values():
        here = "here" if available(source.name) else f"not here yet: digits data download {source.name}"
        write(f"{source.name} ({here})", f"    {source.explanation}")
    counts = count_by_digit()
    each = ", ".join(f"{count} of {digit}" for digit, count in enumerate(counts) if count)
    write(f"drawings ({counts.sum():,} in {drawing_storage().name})")
    write(f"    {each or 'None yet: draw some on the Draw page.'}")


def download_source(arguments: argparse.Namespace) -> None:
    """Download a source, unless it is here already."""
    if arguments.name not in SOURCES:
        raise DataError(f"there is no source {arguments.name!r}; the sources are {', '.join(SOURCES)}.")
    write(f"{arguments.name} is in {download(arguments.name, progressbar=sys.stderr.isatty())}")


def check_file(arguments: argparse.Namespace) -> None:
    """Print the problems of a CSV file; DataError if it has any."""
    problems = check_csv(arguments.file)
    if problems:
        write(*map(str, problems))
        at_least = "at least " if len(problems) == 20 else ""
        raise DataError(f"{arguments.file} has {at_least}{len(problems)} problems.")
    digits = load_digits(arguments.file, "all")
    write(f"{arguments.file} has no problems: {len(digits):,} digits{'' if digits.labelled else ', without labels'}.")


def export_file(arguments: argparse.Namespace) -> None:
    """Copy the drawings, or the corrected labels, to a new file."""
    file = path_of(arguments.file)
    if file.name.removesuffix(".gz") == CORRECTIONS:
        content = export_corrections()
        write_new({file: content})
        write(f"{len(content.splitlines()) - 1:,} corrections of labels are now in {file}.")
    else:
        write(f"{export_drawings(file):,} drawings are now in {file}.")


def import_file(arguments: argparse.Namespace) -> None:
    """Add the drawings, or the corrected labels, of a file to the storage."""
    if is_corrections(arguments.file):
        write(f"{import_corrections(arguments.file):,} corrections of labels were added to {drawing_storage().name}.")
    else:
        write(f"{import_drawings(arguments.file):,} digits were added to {drawing_storage().name}.")


def move_drawings(arguments: argparse.Namespace) -> None:
    """Copy drawings and corrected labels with their history to another storage."""
    before = drawing_storage().name
    drawings, judged = move(arguments.to)
    labels = f" and {judged:,} judged labels" if judged else ""
    write(f"{drawings:,} drawings{labels} are now in {arguments.to} with their history, and still in {before}.")
    if "://" in arguments.to:
        write("Set DIGITS_DATABASE to that address to use them from there.")
    else:
        write("Set DIGITS_DRAWINGS to that file and no DIGITS_DATABASE to use them from there.")


def rank_label_errors(arguments: argparse.Namespace) -> None:
    """List the most likely label errors; search for them in this process, if that is not done."""
    if arguments.limit < 0:
        raise DataError(f"--limit is 0 or more, got {arguments.limit}.")
    source = arguments.source
    part = label_errors.as_part(arguments.part or label_errors.parts_of(source)[0])
    digits = label_errors.load_judged(source, part)
    search = label_errors.search_for(source, part, digits)
    if not search.is_done():
        search = label_errors.create_search(source, part, digits)
        status = follow(label_errors.run_search(search), search_progress, sys.stderr if arguments.json else sys.stdout)
        if status.state != "finished":
            raise RunError(status.reason or "The search was stopped. The same command continues it.")
    found = search.result()
    records = label_error_records(found, digits, arguments.limit)
    if arguments.json:
        about = {"source": source, "part": part, "digits": len(digits), "read_otherwise": found.disagreements}
        print(json.dumps(about | {"suspects": records}))
        return
    write(
        *label_error_lines(records, digits),
        f"{found.disagreements:,} of {len(digits):,} digits are read differently from their label. "
        "Rows are counted from 0. Review them on the Data page, under Label errors.",
    )


def search_progress(status: label_errors.SearchStatus) -> Progress:
    """The progress of a search for label errors."""
    if status.state == "queued":
        return Progress(status.share, "Waiting for another search to end.")
    left = "" if status.seconds_left is None else f"{duration(status.seconds_left)} left"
    return Progress(status.share, f"network {status.network} of {label_errors.NETWORKS}", left)


def label_error_records(found: label_errors.LabelErrors, digits: Digits, limit: int) -> list[dict[str, Any]]:
    """The labels that are most likely wrong, with what people decided about them, for JSON."""
    corrections = load_corrections()
    rows = found.order[:limit].tolist()
    records = []
    for row, image in zip(rows, image_hashes(digits.images[rows]), strict=True):
        label, read = int(digits.labels[row]), int(found.predicted[row])
        correction = corrections.by_image.get(image)
        is_relabelled = correction is not None and correction.verdict == "relabelled"
        records.append(
            {
                "row": row,
                "label": label,
                "read": read,
                "label_probability": float(found.confidence[row]),
                "read_probability": float(found.probabilities[row, read]),
                "margin": float(found.margin[row]),
                "judged": correction.verdict if correction else "",
                "corrected": correction.label if correction and is_relabelled else label,
            }
        )
    return records


def label_error_lines(records: list[dict[str, Any]], digits: Digits) -> list[str]:
    """A table of suspected label errors."""
    names = digits.classes
    rows = []
    for record in records:
        label, read = (f"{names[record[key]]}  {percent(record[f'{key}_probability'])}" for key in ("label", "read"))
        judged = f"now {names[record['corrected']]}" if record["judged"] == "relabelled" else record["judged"]
        rows.append([f"{record['row']:,}", label, read, judged])
    return table_lines(("row", "label", "read as", "judged"), rows, left=("judged",))
