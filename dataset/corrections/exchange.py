"""Exchange: corrections to a file, and from one."""

from collections import Counter
from pathlib import Path

from dataset.corrections.home import store
from dataset.corrections.log import HEADER, fault, line_bytes, line_text, words
from dataset.csv_format import LONGEST_LINE, Problem
from dataset.digits import DataError
from dataset.files import open_data, path_of

BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # as spreadsheets put it


def export_corrections() -> bytes:
    """All that was ever said of labels, as a CSV file."""
    lines = [line for line in store().lines() if fault(words(line)) is None]
    return b"".join(map(line_bytes, [HEADER, *lines]))


def is_corrections(path: str | Path) -> bool:
    """Whether this is a file of corrections, by its first line."""
    with open_data(path_of(path)) as file:
        return _line(file.readline(LONGEST_LINE)) == HEADER


def import_corrections(path: str | Path) -> int:
    """Put down what a file of corrections says and nobody has here, all of it or nothing; -> how many lines.

    What was said of an image later than in the file goes on to hold.
    """
    path = path_of(path)
    with open_data(path) as file:
        lines = [_line(line) for line in file]
    if lines[:1] != [HEADER]:
        raise DataError(str(Problem(path.name, 1, HEADER, repr(lines[0][:40]) if lines else "an empty file")))
    for number, line in enumerate(lines[1:], start=2):
        if line and (wrong := fault(words(line))):
            raise DataError(str(Problem(path.name, number, *wrong)))
    home = store()
    with home.writing() as log:
        here = Counter(line.text for line in log.entries)
        latest = {said[1]: said[0] for said in map(words, here) if fault(said) is None}
        news = []
        for line in filter(None, lines[1:]):
            time, image, *_ = words(line)
            if here[line]:
                here[line] -= 1
            elif time >= latest.get(image, ""):
                news.append(line)
        if news:
            home.write(*([] if log.entries else [HEADER]), *news)
    return len(news)


def _line(data: bytes) -> str:
    return line_text(data.removeprefix(BYTE_ORDER_MARK)).rstrip("\r\n")
