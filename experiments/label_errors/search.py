"""Searches for suspect labels: each in a folder of its own, which a process works on and anyone may read."""

from __future__ import annotations

import json
import time
import zipfile
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from dataset import DataError, Digits
from dataset.files import written_whole
from experiments.jobs.launch import launch
from experiments.label_errors.ranking import (
    NETWORKS,
    Part,
    Suspects,
    answers_of,
    as_part,
    judged,
    tasks,
    teachers,
    trainer_of,
)
from experiments.runs.run import START_GRACE, RunError, held, runs_folder, write_text
from model import Diverged

METHOD = 1  # a part of the name of what was found; another method finds something else
LOOK_SECONDS = 0.2
HOLD_SECONDS = 2.0


@dataclass(frozen=True)
class SearchStatus:
    """Where a search is: queued, running, finished, stopped, interrupted or failed."""

    state: str = "queued"
    reason: str = ""
    network: int = 0  # at work, from 1
    share: float = 0.0
    seconds_left: float | None = None
    updated: float = 0.0

    @property
    def active(self) -> bool:
        return self.state in ("queued", "running")


@dataclass(frozen=True)
class Search:
    """One search: a folder among the runs, named after the digits whose labels are judged."""

    folder: Path

    @property
    def id(self) -> str:
        return self.folder.name

    @cached_property
    def asked(self) -> tuple[str, Part]:
        """The source, and which part of it."""
        try:
            found = json.loads((self.folder / "asked.json").read_text())
            return str(found["source"]), as_part(found["part"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"The search for suspect labels {self.id} is damaged. Start it again.") from error

    def status(self) -> SearchStatus:
        """As true now: one that needs a process and has none is interrupted."""
        status = self._stored()
        if not status.active or held(self.folder / "worker.lock"):
            return status
        if status.state == "queued" and time.time() - status.updated < START_GRACE:
            return status
        status = self._stored()  # its last word may have come between the two looks
        return replace(status, state="interrupted") if status.active else status

    def _stored(self) -> SearchStatus:
        try:
            found = json.loads((self.folder / "status.json").read_text())
            return SearchStatus(
                **{field.name: found[field.name] for field in fields(SearchStatus) if field.name in found}
            )
        except (OSError, ValueError, TypeError):
            return SearchStatus("failed", "Its status cannot be read.")

    def write(self, status: SearchStatus) -> SearchStatus:
        status = replace(status, updated=time.time())
        write_text(self.folder / "status.json", json.dumps(asdict(status)))
        return status

    @property
    def stopping(self) -> bool:
        return (self.folder / "stop").exists()

    def stop(self) -> None:
        """Ask it to end; what whole networks have said is kept, and a new start goes on there."""
        (self.folder / "stop").touch()

    @property
    def result_file(self) -> Path:
        return self.folder / "answers.npz"

    def is_done(self) -> bool:
        """Whether there is a whole result."""
        return self.answers()[0] == NETWORKS

    def result(self) -> Suspects:
        """What was found. Raises RunError where there is nothing whole."""
        done, labels, answers = self.answers()
        if done < NETWORKS:
            raise RunError("The search for suspect labels has not come to its end. Start it again.")
        return Suspects(labels, answers)

    def answers(self) -> tuple[int, NDArray[np.uint8], NDArray[np.float32]]:
        """How many networks have answered, the labels they judged, and the sum or mean of their answers."""
        try:
            with self.result_file.open("rb") as packed, np.load(packed, allow_pickle=False) as file:
                return int(file["networks"]), file["labels"], file["answers"]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return 0, np.empty(0, np.uint8), np.empty((0, 10), np.float32)

    def keep(self, networks: int, labels: NDArray[np.uint8], answers: NDArray[np.float32]) -> None:
        with written_whole(self.result_file) as file:
            np.savez(file, networks=networks, labels=labels, answers=answers)


def searches_folder() -> Path:
    return runs_folder() / ".suspects"


def search_of(source: str, part: Part, digits: Digits | None = None) -> Search:
    """The search for these digits, begun or not."""
    digits = judged(source, part) if digits is None else digits
    return Search(searches_folder() / f"{digits.fingerprint}-{part}-{METHOD}")


def make_search(source: str, part: Part, digits: Digits | None = None) -> Search:
    """Its folder, ready for a process to begin or to go on."""
    search = search_of(source, part, digits)
    try:
        search.folder.mkdir(parents=True, exist_ok=True)
        (search.folder / "stop").unlink(missing_ok=True)
        write_text(search.folder / "asked.json", json.dumps({"source": source, "part": part}))
        search.write(SearchStatus())
    except OSError as error:
        raise RunError(f"Nothing can be kept in {search.folder}: {error.strerror}.") from error
    return search


def start_search(source: str, part: Part, digits: Digits | None = None) -> Search:
    """A process that searches, unless one does already or everything has been found."""
    search = search_of(source, part, digits)
    if search.is_done():
        search.write(SearchStatus("finished", share=1.0))
        return search
    if search.folder.exists() and search.status().active:
        return search
    search = make_search(source, part, digits)
    launch("experiments.label_errors.worker", search.folder)
    return search


def run_search(search: Search) -> Generator[SearchStatus, None, None]:
    """Search to the end, yielding the status a few times a second; the last one says how it ended.

    One search at a time takes a core; others wait. Stop iterating to leave it: a new start goes on.
    """
    try:
        hold = FileLock(search.folder / "worker.lock").acquire(timeout=HOLD_SECONDS)
    except Timeout:
        raise RunError("These labels are being looked through by another process already.") from None
    with hold:
        turn = FileLock(search.folder.parent / "turn.lock")
        while True:
            try:
                turn.acquire(timeout=0)
                break
            except Timeout:
                if search.stopping:
                    yield search.write(SearchStatus("stopped"))
                    return
                yield search.write(SearchStatus())
                time.sleep(LOOK_SECONDS)
        with turn, threadpool_limits(1), closing(_work(search)) as statuses:
            try:
                yield from statuses
            except (DataError, RunError, Diverged, OSError, MemoryError) as error:
                yield search.write(SearchStatus("failed", str(error) or "There is not enough memory."))


def _work(search: Search) -> Generator[SearchStatus, None, None]:
    source, part = search.asked
    digits = judged(source, part)
    if search_of(source, part, digits) != search:
        raise RunError(f"{source} has changed since. Start the search again.")
    done, labels, answers = search.answers()
    if not done or not np.array_equal(labels, digits.labels):
        done, answers = 0, np.zeros((len(digits), 10), np.float32)
    began, at_first = time.monotonic(), done / NETWORKS
    status = SearchStatus("running")
    for number, task in enumerate(tasks(digits, teachers(digits, source, part))):
        if number < done:
            continue
        trainer = trainer_of(task, number)
        told = 0.0
        for _ in trainer.train():
            now = time.monotonic()
            if now < told + LOOK_SECONDS:
                continue
            told = now
            if search.stopping:
                yield search.write(replace(status, state="stopped"))
                return
            share = (number + trainer.step / trainer.total_steps) / NETWORKS
            left = (now - began) * (1 - share) / (share - at_first) if share > at_first + 0.02 else None
            status = search.write(replace(status, network=number + 1, share=share, seconds_left=left))
            yield status
        answers[task.rows] += answers_of(trainer, digits, task)
        if number + 1 == NETWORKS:
            answers /= answers.sum(axis=1, keepdims=True)
        search.keep(number + 1, digits.labels, answers)
    yield search.write(replace(status, state="finished", share=1.0, seconds_left=None))
