"""Drawings in a CSV file, which holds what is kept, with a log beside it, which holds all that ever happened."""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any
from zlib import crc32

from dataset.digits import DataError
from dataset.drawings.log import Drawing, Log, NewDrawing
from dataset.drawings.rows import HEADER, Contents, file_bytes, lines_bytes, new_drawing, read_rows, row, text
from dataset.drawings.storing import numbered, prepare
from dataset.files import Stamp, append, locked, open_raw, stamp, written_whole

BY_HAND = "changed in the file"


class CsvStore:
    """drawings.csv and drawings.log. Rows added, changed or removed in the CSV file by hand get into the log too."""

    def __init__(self, path: Path) -> None:
        self.path, self.log_path = path, path.with_suffix(".log")
        self.aside = path.with_suffix(".damaged.csv")
        self.name = str(path)
        self._thread = RLock()
        self._forget()

    def _forget(self) -> None:
        self.log = Log()
        self.damaged = 0  # rows that the last reading found so
        self._read = 0  # bytes of the log
        self._csv: Stamp = None  # of each file as it was read or written last
        self._log: Stamp = None
        self._unsaved = False  # what is read may be more than what the log on the disk says

    @contextmanager
    def reading(self) -> Iterator[Log]:
        """Up to date with the files. Damaged rows are set aside; they never raise."""
        with self._thread:
            self.damaged = 0
            if (self._csv, self._log) != (stamp(self.path), stamp(self.log_path)):
                self._look()
            yield self.log

    def _look(self) -> None:
        try:
            with self.writing():
                pass
        except DataError:  # the folder cannot be written: use what is whole, change nothing
            self._forget()
            try:
                self._catch_up(save=False)
            except OSError as error:
                raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
            self._csv, self._log, self._unsaved = stamp(self.path), stamp(self.log_path), True

    @contextmanager
    def writing(self) -> Iterator[Log]:
        """Up to date, and nobody else writes meanwhile."""
        with self._thread, locked(self.path):
            self._catch_up(save=True)
            yield self.log

    def write(self, *lines: str) -> None:
        """The next entries, on the disk when this returns.

        The CSV file comes first: a program killed before the log leaves a row that the log is given at the next look.
        """
        try:
            size = self._write_csv(lines)
            try:
                append(self.log_path, lines_bytes([*lines]))
            except OSError:
                if size is not None:
                    os.truncate(self.path, size)
                raise
        except BaseException:
            self._forget()
            raise
        self._note()

    def lines(self) -> list[str]:
        """All entries as they are written."""
        with self.reading():
            if not self.log_path.exists():
                return []
            with open_raw(self.log_path) as file:
                return text(file.read()).splitlines()

    def close(self) -> None:
        """Nothing stays open between two uses."""

    def _write_csv(self, lines: Iterable[str]) -> int | None:
        """-> how long the file was, where rows were only added to it."""
        before = [drawing.id for drawing in self._kept()]
        entries = [self.log.add(line) for line in lines]
        stored = [drawing for entry in entries for drawing in entry.stored]
        size = self._csv[2] if self._csv else 0
        if not size or any(entry.changes for entry in entries) or any(drawing.state != "kept" for drawing in stored):
            self._replace(before)
            return None
        append(self.path, b"".join(map(self._row, stored)))
        return size

    def _replace(self, before: Sequence[str] = ()) -> None:
        """The whole file anew; `before` are the drawings that it holds, whose rows are taken from it."""
        rows = dict(zip(before, self.path.read_bytes().split(b"\n")[1:-1], strict=True)) if before else {}
        with written_whole(self.path) as file:
            file.write(lines_bytes([HEADER]))
            for drawing in self._kept():
                known = rows.get(drawing.id)
                file.write(b"%d,%b\n" % (drawing.label, known[2:]) if known else self._row(drawing))

    def _row(self, drawing: Drawing) -> bytes:
        return lines_bytes([row(drawing, self.log.image(drawing))])

    def _kept(self) -> Iterator[Drawing]:
        return (drawing for drawing in self.log.drawings.values() if drawing.state == "kept")

    def _note(self) -> None:
        self._csv, self._log = stamp(self.path), stamp(self.log_path)
        self._read = self._log[2] if self._log else 0

    def _catch_up(self, *, save: bool) -> None:
        if self._unsaved:
            self._forget()
        if (self._csv, self._log) == (stamp(self.path), stamp(self.log_path)):
            return
        self._read_log(save=save)
        self._read_csv(save=save)
        if save:
            self._note()

    def _read_log(self, *, save: bool) -> None:
        now = stamp(self.log_path)
        if now is None or self._log is None or now[0] != self._log[0] or now[2] < self._read:
            self._forget()  # not the file that was read so far, or none
        if now is None:
            return
        with open_raw(self.log_path) as file:
            file.seek(self._read)
            data = file.read()
        *lines, torn = data.split(b"\n")
        damaged = [torn] if torn else []
        for line in lines:
            try:
                self.log.add(text(line))
            except ValueError:
                damaged.append(line)
        if damaged and save:
            append(self.log_path.with_suffix(".damaged.log"), b"".join(line + b"\n" for line in damaged))
            with open_raw(self.log_path) as file:
                whole = [line for line in file.read().split(b"\n") if line and line not in damaged]
            with written_whole(self.log_path) as file:
                file.write(b"".join(line + b"\n" for line in whole))

    def _read_csv(self, *, save: bool) -> None:
        now = stamp(self.path)
        if now == self._csv and now is not None:
            return
        data = self.path.read_bytes() if now else b""
        if not self._as_expected(data):
            self._take_over(read_rows(data), save=save)

    def _as_expected(self, data: bytes) -> bool:
        """Whether the file holds just the rows that the log says, told without parsing them."""
        lines, kept = data.split(b"\n"), list(self._kept())
        if not data:
            return not kept
        if len(lines) != len(kept) + 2 or lines[0] != HEADER.encode() or lines[-1]:
            return False
        return all(
            line[:2] == b"%d," % drawing.label and crc32(line[2:]) == drawing.check
            for line, drawing in zip(lines[1:-1], kept, strict=True)
        )

    def _take_over(self, contents: Contents, *, save: bool) -> None:
        """What the file says is so; but a row is put back that is damaged in it, and whole in the log."""
        news, changes, damaged = self._differences(contents)
        self.damaged = len(damaged)
        if damaged and save:
            append(self.aside, lines_bytes(damaged))
        if news or changes:
            line = self.log.next(BY_HAND, stored=prepare(self.log, news), changes=changes)
            self.log.add(line)
            if save:
                append(self.log_path, file_bytes(f"{line}\n"))
        if save:
            self._replace()

    def _differences(self, contents: Contents) -> tuple[list[NewDrawing], dict[str, dict[str, Any]], list[str]]:
        """Rows that the log does not know, labels and states that are others than in it, and damaged lines."""
        changes: dict[str, dict[str, Any]] = {}
        damaged = list(contents.damaged)
        found: set[str] = set()
        unknown = []
        for place, line in enumerate(contents.lines):
            new = new_drawing(contents, place)
            known = self.log.drawings.get(new.id)
            if known is None:
                unknown.append(new if new.id not in found else replace(new, id=""))
            elif self.log.image(known) != new.image.tobytes():
                damaged.append(line)
            elif new.id not in found and (known.state, known.label) != ("kept", new.label):
                changes[known.id] = {"state": "kept", "label": new.label}
            found.add(new.id)
        news = [new for new in numbered(unknown) if new.id not in self.log.drawings]
        if not damaged:
            changes |= {drawing.id: {"state": "deleted"} for drawing in self._kept() if drawing.id not in found}
        return news, changes, damaged
