"""CSV storage: a file with the kept drawings, and a log with all changes beside it."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import RLock
from zlib import crc32

from dataset.digits import DataError
from dataset.drawings.csv_rows import HEADER, Contents, decode, encode_lines, new_drawing, read_rows, row
from dataset.drawings.log import Changes, Drawing, Log, NewDrawing, has_changes
from dataset.drawings.preparation import assign_ids, prepare_drawings
from dataset.files import Stamp, append, atomic_write, locked, open_raw, stamp

EDITED_BY_HAND = "changed in the file"


class CsvStorage:
    """drawings.csv and drawings.log. Manual edits of the CSV file are entered into the log."""

    def __init__(self, path: Path) -> None:
        self.path, self.log_path = path, path.with_suffix(".log")
        self.damaged_file = path.with_suffix(".damaged.csv")
        self.name = str(path)
        self._thread = RLock()
        self._reset()

    def _reset(self) -> None:
        self.log = Log()
        self.damaged = 0  # rows that the last reading found damaged
        self._log_bytes = 0  # bytes of the log that were read
        self._csv_stamp: Stamp = None  # of each file when it was last read or written
        self._log_stamp: Stamp = None
        self._has_unsaved_entries = False  # self.log may hold entries that are not on the disk

    @contextmanager
    def reading(self) -> Iterator[Log]:
        """The log, up to date with both files. Damaged rows are set aside and never raise."""
        with self._thread:
            self.damaged = 0
            if (self._csv_stamp, self._log_stamp) != (stamp(self.path), stamp(self.log_path)):
                self._reload()
            yield self.log

    def _reload(self) -> None:
        try:
            with self.writing():
                pass
        except DataError:  # the folder is read-only: use all valid rows and change nothing
            self._reset()
            try:
                self._read_files(save=False)
            except OSError as error:
                raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
            self._csv_stamp, self._log_stamp = stamp(self.path), stamp(self.log_path)
            self._has_unsaved_entries = True

    @contextmanager
    def writing(self) -> Iterator[Log]:
        """The log, up to date. No other program writes inside the block."""
        with self._thread, locked(self.path):
            self._read_files(save=True)
            yield self.log

    def write(self, *lines: str) -> None:
        """Append entries; they are on the disk when this returns.

        The CSV file is written first. If the program is killed before the log is written, the next
        reading finds the new row in the CSV file and enters it into the log.
        """
        try:
            size = self._update_csv(lines)
            try:
                append(self.log_path, encode_lines(lines))
            except OSError:
                if size is not None:
                    os.truncate(self.path, size)
                raise
        except BaseException:
            self._reset()
            raise
        self._remember_stamps()

    def rewrite(self, change: Callable[[str], str]) -> None:
        """Replace each entry by what `change` makes of it, inside a `writing` block."""
        with open_raw(self.log_path) as file:
            lines = decode(file.read()).splitlines()
        with atomic_write(self.log_path) as target:
            target.write(encode_lines(map(change, lines)))
        self._reset()
        self._read_files(save=True)

    def lines(self) -> list[str]:
        """All entries as they are written."""
        with self.reading():
            if not self.log_path.exists():
                return []
            with open_raw(self.log_path) as file:
                return decode(file.read()).splitlines()

    def close(self) -> None:
        """Do nothing: no file stays open between two uses."""

    def _update_csv(self, lines: Sequence[str]) -> int | None:
        """Apply entries to the log in memory and to the CSV file.

        -> the former size of the file if rows were only appended, else None.
        """
        size = self._csv_stamp[2] if self._csv_stamp else 0
        if not size or any(has_changes(line) for line in lines):
            ids_in_file = [drawing.id for drawing in self._kept()]
            for line in lines:
                self.log.append(line)
            self._rewrite_csv(ids_in_file)
            return None
        stored = [drawing for line in lines for drawing in self.log.append(line).stored]
        if rows := [self._row(drawing) for drawing in stored if drawing.state == "kept"]:
            append(self.path, b"".join(rows))
        return size

    def _rewrite_csv(self, ids_in_file: Sequence[str] = ()) -> None:
        """Write the whole file again. Rows that the file has already are copied from it."""
        rows = dict(zip(ids_in_file, self.path.read_bytes().split(b"\n")[1:-1], strict=True)) if ids_in_file else {}
        with atomic_write(self.path) as file:
            file.write(encode_lines([HEADER]))
            for drawing in self._kept():
                known = rows.get(drawing.id)
                file.write(b"%d,%b\n" % (drawing.label, known[2:]) if known else self._row(drawing))

    def _row(self, drawing: Drawing) -> bytes:
        return encode_lines([row(drawing, self.log.image(drawing))])

    def _kept(self) -> Iterator[Drawing]:
        return (drawing for drawing in self.log.drawings.values() if drawing.state == "kept")

    def _remember_stamps(self) -> None:
        self._csv_stamp, self._log_stamp = stamp(self.path), stamp(self.log_path)
        self._log_bytes = self._log_stamp[2] if self._log_stamp else 0

    def _read_files(self, *, save: bool) -> None:
        if self._has_unsaved_entries:
            self._reset()
        if (self._csv_stamp, self._log_stamp) == (stamp(self.path), stamp(self.log_path)):
            return
        self._read_log(save=save)
        self._read_csv(save=save)
        if save:
            self._remember_stamps()

    def _read_log(self, *, save: bool) -> None:
        now = stamp(self.log_path)
        if now is None or self._log_stamp is None or now[0] != self._log_stamp[0] or now[2] < self._log_bytes:
            self._reset()  # the file was replaced, or is missing
        if now is None:
            return
        with open_raw(self.log_path) as file:
            file.seek(self._log_bytes)
            data = file.read()
        *lines, incomplete = data.split(b"\n")
        damaged = [incomplete] if incomplete else []
        for line in lines:
            try:
                self.log.append(decode(line))
            except ValueError:
                damaged.append(line)
        if damaged and save:
            append(self.log_path.with_suffix(".damaged.log"), b"".join(line + b"\n" for line in damaged))
            with open_raw(self.log_path) as file:
                valid = [line for line in file.read().split(b"\n") if line and line not in damaged]
            with atomic_write(self.log_path) as file:
                file.write(b"".join(line + b"\n" for line in valid))

    def _read_csv(self, *, save: bool) -> None:
        now = stamp(self.path)
        if now == self._csv_stamp and now is not None:
            return
        data = self.path.read_bytes() if now else b""
        if not self._matches_log(data):
            self._enter_manual_edits(read_rows(data), save=save)

    def _matches_log(self, data: bytes) -> bool:
        """Whether the file holds exactly the kept drawings, checked without parsing the rows."""
        lines, kept = data.split(b"\n"), list(self._kept())
        if not data:
            return not kept
        if len(lines) != len(kept) + 2 or lines[0] != HEADER.encode() or lines[-1]:
            return False
        return all(
            line[:2] == b"%d," % drawing.label and crc32(line[2:]) == drawing.check
            for line, drawing in zip(lines[1:-1], kept, strict=True)
        )

    def _enter_manual_edits(self, contents: Contents, *, save: bool) -> None:
        """Enter the edits of the CSV file into the log. A damaged row is restored from the log."""
        added, changes, damaged = self._compare_with_log(contents)
        self.damaged = len(damaged)
        if damaged and save:
            append(self.damaged_file, encode_lines(damaged))
        if added or changes:
            line = self.log.next_line(EDITED_BY_HAND, stored=prepare_drawings(self.log, added), changes=changes)
            self.log.append(line)
            if save:
                append(self.log_path, encode_lines([line]))
        if save:
            self._rewrite_csv()

    def _compare_with_log(self, contents: Contents) -> tuple[list[NewDrawing], Changes, list[str]]:
        """Rows that the log does not have, changed labels and states by id, and damaged lines."""
        changes: Changes = {}
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
        added = [new for new in assign_ids(unknown) if new.id not in self.log.drawings]
        if not damaged:
            changes |= {drawing.id: {"state": "deleted"} for drawing in self._kept() if drawing.id not in found}
        return added, changes, damaged
